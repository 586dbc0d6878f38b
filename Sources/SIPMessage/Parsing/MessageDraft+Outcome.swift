// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

extension MessageDraft {
    /// The finished message; nil when something mandatory is missing.
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
            present: present
        )
    }

    /// What can be said of a message that failed for `reason`.
    func malformed(_ reason: MalformedMessage.Reason, in buffer: ByteBuffer) -> MalformedMessage {
        var lines = ByteBuffer()
        for field in headers {
            switch field.name {
            case .via, .from, .to, .callID, .cSeq: lines.writeImmutableBuffer(buffer.slice(field.line))
            default: continue
            }
        }
        return MalformedMessage(
            reason: reason,
            status: status(for: reason),
            answerLines: lines,
            topmostVia: topmostVia,
            bytes: buffer
        )
    }

    /// Responses and ACKs are never answered, nor is what has no Via to address an answer by (TXN-42, TRN-16).
    private func status(for reason: MalformedMessage.Reason) -> UInt16? {
        guard topmostVia != nil, case .request(let method, _, _)? = startLine ?? unreadableRequest, method != .ack,
            cSeq?.method != .ack
        else { return nil }
        return switch reason {
        case .version: 505
        case .tooLarge, .tooManyFields: 513
        default: 400
        }
    }

    /// A request whose start line is broken is still a request; a broken status line is not.
    private var unreadableRequest: StartLine? {
        isResponse
            ? nil : .request(method: .other, methodText: .empty, requestURI: SIPURI(scheme: .other, range: .empty))
    }
}
