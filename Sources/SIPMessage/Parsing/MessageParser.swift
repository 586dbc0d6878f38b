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
        if let failure { return .malformed(draft.malformed(failure, in: buffer)) }
        guard let message = draft.message(over: buffer) else {
            return .malformed(draft.malformed(.missingHeader, in: buffer))
        }
        return .message(message)
    }
}
