// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Why a stream can no longer be cut into messages; the connection must close (TRN-02 to TRN-04, TRN-09).
package enum FramingError: Sendable, Hashable, CaseIterable {
    /// Content-Length is missing, repeated or no number; `head` holds the header section.
    case contentLength
    /// A line ends in a line feed alone; `head` holds all up to it (MSG-01).
    case lineEnd
    /// The header section is longer than its limit.
    case headerSectionTooLong
    /// The message is longer than its limit, as Content-Length says; `head` holds the header section.
    case messageTooLong
    /// A TLS record, on a listener without TLS.
    case tls
    /// An HTTP request.
    case http
    /// A PROXY protocol header, on a listener that takes none from there.
    case proxyHeader
    /// The bytes are nothing that is known here.
    case notSIP

    /// Whether who sent this does not speak SIP and would understand no answer (TRN-09).
    package var isForeign: Bool {
        switch self {
        case .tls, .http, .proxyHeader, .notSIP: true
        case .contentLength, .lineEnd, .headerSectionTooLong, .messageTooLong: false
        }
    }
}

/// What `StreamFramer.next` found.
package enum FramingResult: Sendable, Equatable {
    /// The bytes of one message.
    case message(ByteBuffer)
    /// A double CRLF between messages, to be answered by one CRLF (RFC 5626 section 4.4.1).
    case keepAlive
    case needMore
    /// Nothing further can be read; `head` is what an answer can be made from, when there is something.
    case failed(FramingError, head: ByteBuffer?)
}
