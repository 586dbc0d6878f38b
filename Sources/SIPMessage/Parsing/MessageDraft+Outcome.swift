// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

extension MessageDraft {
    /// The finished message; nil when something mandatory is missing.
    @inline(__always)
    func message(over buffer: ByteBuffer) -> SIPMessage? {
        guard let startLine, let topmostVia, let callID, let cSeq, let from, let to,
            let bytes = buffer.getSlice(at: buffer.readerIndex, length: end)
        else { return nil }
        return SIPMessage(
            bytes: bytes,
            startLine: startLine,
            headers: headers,
            bodyStart: bodyStart,
            topmostVia: topmostVia,
            viaCount: viaCount,
            firstVia: firstVia,
            callID: callID,
            cSeq: cSeq,
            from: from,
            to: to,
            maxForwards: maxForwards,
            hasContentLength: contentLength != nil,
            isFolded: isFolded,
            oddVersion: oddVersion,
            present: present
        )
    }

    /// What can be said of a message that failed for `reason`.
    func malformed(_ reason: MalformedMessage.Reason, in buffer: ByteBuffer) -> MalformedMessage {
        MalformedMessage(
            reason: reason,
            status: status(for: reason),
            bytes: buffer,
            topmostVia: topmostVia,
            to: to,
            isResponse: isResponse,
            fields: answerFields
        )
    }

    /// Every Via, and the first of each field that a response repeats (RFC 3261 section 8.2.6.2).
    private var answerFields: [HeaderField] {
        var seen = HeaderSet()
        return headers.filter { field in
            switch field.name {
            case .via: return true
            case .from, .to, .callID, .cSeq:
                defer { seen.insert(field.name) }
                return !seen.contains(field.name)
            default: return false
            }
        }
    }

    /// Responses and ACKs are never answered, nor is what has no Via to address an answer by (TXN-42, TRN-16).
    private func status(for reason: MalformedMessage.Reason) -> UInt16? {
        guard present.contains(.via), !isResponse, method != .ack, cSeq?.method != .ack else { return nil }
        return switch reason {
        case .version: 505
        case .requestURITooLong: 414
        case .tooLarge, .tooManyFields, .tooManyVias: 513
        default: 400
        }
    }
}
