// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A message that cannot be taken, and what can be said to its sender.
package struct MalformedMessage: Sendable {
    /// What is wrong, in the words of a reason phrase; a bounded set, so that it can label a metric.
    package enum Reason: String, Sendable, CaseIterable {
        case startLine = "Bad Start Line"
        case version = "Version Not Supported"
        case requestURI = "Bad Request-URI"
        case requestURITooLong = "Request-URI Too Long"
        case headerSyntax = "Bad Header Syntax"
        case lineEnd = "Line End Is Not CRLF"
        case missingVia = "Missing Via"
        case missingFrom = "Missing From"
        case missingTo = "Missing To"
        case missingCallID = "Missing Call-ID"
        case missingCSeq = "Missing CSeq"
        case repeatedHeader = "Repeated Single-Value Header"
        case via = "Bad Via"
        case branch = "Bad Via Branch"
        case from = "Bad From"
        case to = "Bad To"
        case callID = "Bad Call-ID"
        case cSeq = "Bad CSeq Number"
        case cSeqMethod = "CSeq Method Does Not Match"
        case maxForwards = "Bad Max-Forwards"
        case contentLength = "Bad Content-Length"
        case contentLengthMissing = "Content-Length Required on Streams"
        case bodyTooShort = "Body Shorter Than Content-Length"
        case tooLarge = "Message Too Large"
        case tooManyFields = "Too Many Header Fields"
        case tooManyVias = "Too Many Via Values"
    }

    package internal(set) var reason: Reason
    /// The status to answer with: 400, 414, 505 or 513; nil when nothing may be answered: a response, an ACK, or
    /// nothing with a Via.
    package internal(set) var status: UInt16?
    /// All that was received of it.
    package let bytes: ByteBuffer
    /// The topmost Via when its sent-by could be read, over `bytes`; without it, an answer can go back only on the
    /// connection that the request came on, and over UDP none may (TRN-16).
    package let topmostVia: Via?
    /// The To value when it could be read.
    let to: NameAddress?
    /// Whether it is a response.
    package let isResponse: Bool
    /// What an answer repeats: every Via, From, To, Call-ID and CSeq, as far as they were read.
    let fields: [HeaderField]

    /// The same message refused for its length, with 513 (TRN-04): of such a message only the head was ever read.
    package var asTooLarge: MalformedMessage {
        var copy = self
        copy.reason = .tooLarge
        if status != nil { copy.status = 513 }
        return copy
    }
}

/// What parsing yields.
package enum ParseOutcome: Sendable {
    case message(SIPMessage)
    case malformed(MalformedMessage)
}
