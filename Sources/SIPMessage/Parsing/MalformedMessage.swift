// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A message that cannot be taken, and what can be said to its sender.
package struct MalformedMessage: Sendable {
    /// What is wrong, in the words of a reason phrase; a bounded set, so that it can label a metric.
    package enum Reason: String, Sendable, CaseIterable {
        case startLine = "Bad start line"
        case version = "Version Not Supported"
        case requestURI = "Bad Request-URI"
        case headerSyntax = "Bad header syntax"
        case missingHeader = "Missing mandatory header"
        case repeatedHeader = "Repeated single-value header"
        case via = "Bad Via"
        case from = "Bad From"
        case to = "Bad To"
        case callID = "Bad Call-ID"
        case cSeq = "Bad CSeq"
        case cSeqMethod = "CSeq method does not match"
        case maxForwards = "Bad Max-Forwards"
        case contentLength = "Bad Content-Length"
        case contentLengthMissing = "Content-Length is required on streams"
        case bodyTooShort = "Body shorter than Content-Length"
        case tooLarge = "Message Too Large"
        case tooManyFields = "Too many header fields"
    }

    package let reason: Reason
    /// The status to answer with: 400, 505 or 513; nil when nothing may be answered (a response, an ACK, or nothing to
    /// address an answer by).
    package let status: UInt16?
    /// Lines to copy into the answer as they came: Via, From, To, Call-ID, CSeq.
    package let answerLines: ByteBuffer
    /// The topmost Via when it could be read; its ranges are over `bytes`.
    package let topmostVia: Via?
    package let bytes: ByteBuffer
}

/// What parsing yields.
package enum ParseOutcome: Sendable {
    case message(SIPMessage)
    case malformed(MalformedMessage)
}

extension MalformedMessage {
    /// The same message, refused because it is too large for this edge (RFC 3261 section 21.5.7).
    package var asTooLarge: MalformedMessage {
        MalformedMessage(
            reason: .tooLarge,
            status: status == nil ? nil : 513,
            answerLines: answerLines,
            topmostVia: topmostVia,
            bytes: bytes
        )
    }
}
