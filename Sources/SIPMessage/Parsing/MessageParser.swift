// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Reads one message into ranges over its bytes, once, without copying (RFC 3261 sections 7 and 25).
///
/// Only what routing and matching need is checked; a header that the edge does not use passes unread (PRX-06). No input
/// can make it trap: every access is bounds-checked.
package enum MessageParser {
    /// How the message came, which decides what Content-Length means (RFC 3261 section 18.3).
    package enum Framing: Sendable {
        /// Cut out of a stream by its Content-Length, which must be there.
        case stream
        /// A datagram: Content-Length may be absent, and what lies beyond it is discarded.
        case datagram
    }

    /// Parses `buffer`, whose readable bytes are one message (and, for a datagram, perhaps trailing octets).
    package static func parse(_ buffer: ByteBuffer, framing: Framing, limits: MessageLimits) -> ParseOutcome {
        var draft = MessageDraft()
        let failure = buffer.withUnsafeReadableBytes { raw -> MalformedMessage.Reason? in
            guard let bytes = Bytes(raw) else { return .startLine }
            return draft.read(bytes, framing: framing, limits: limits)
        }
        guard failure == nil, let message = draft.message(over: buffer) else {
            return .malformed(draft.malformed(failure ?? .headerSyntax, in: buffer))
        }
        return .message(message)
    }

    /// What can be said to the sender of a stream that lost its frame (TRN-02 to TRN-04), from the header section that
    /// `StreamFramer` hands out with the failure; nil when that is a sound one.
    package static func reject(_ head: ByteBuffer, for error: FramingError, limits: MessageLimits) -> MalformedMessage?
    {
        guard case .malformed(let message) = parse(head, framing: .stream, limits: limits) else { return nil }
        return error == .messageTooLong ? message.asTooLarge : message
    }

    /// Whether a datagram is a NAT keep-alive, nothing but CR, LF and NUL, to be dropped without a word (MSG-10,
    /// FLW-31).
    package static func isKeepAlive(_ datagram: ByteBuffer) -> Bool {
        datagram.withUnsafeReadableBytes { raw in raw.allSatisfy { $0 == 0x0D || $0 == 0x0A || $0 == 0 } }
    }
}
