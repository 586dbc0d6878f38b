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
        let fields = answerFields(in: buffer)
        // What an answer cannot repeat, it cannot be addressed by.
        let isAddressed = present.contains(.via) && fields.contains { $0.line == headers[firstVia].line }
        return MalformedMessage(
            reason: reason,
            status: isAddressed ? status(for: reason) : nil,
            bytes: buffer,
            topmostVia: isAddressed ? topmostVia : nil,
            to: to,
            isResponse: isResponse,
            fields: fields
        )
    }

    /// Every Via, and the first of each field that a response repeats (RFC 3261 section 8.2.6.2), but none with a CR
    /// that ends no line: what goes out ends in CRLF alone (MSG-01).
    private func answerFields(in buffer: ByteBuffer) -> [HeaderField] {
        var seen = HeaderSet()
        return buffer.withUnsafeReadableBytes { raw in
            guard let bytes = Bytes(raw) else { return [] }
            return headers.filter { field in
                switch field.name {
                case .via: return bytes.endsRowsSoundly(field.line)
                case .from, .to, .callID, .cSeq:
                    defer { seen.insert(field.name) }
                    return !seen.contains(field.name) && bytes.endsRowsSoundly(field.line)
                default: return false
                }
            }
        }
    }

    /// Responses and ACKs are never answered, nor is what has no Via to address an answer by (TXN-42, TRN-16).
    private func status(for reason: MalformedMessage.Reason) -> UInt16? {
        guard !isResponse, method != .ack, cSeq?.method != .ack else { return nil }
        return switch reason {
        case .version: 505
        case .requestURITooLong: 414
        case .tooLarge, .tooManyFields, .tooManyVias: 513
        default: 400
        }
    }
}

extension Bytes {
    /// Whether every CR of a field stands before an LF; that every LF stands behind a CR is known of it.
    fileprivate func endsRowsSoundly(_ line: ByteRange) -> Bool {
        occurrences(of: 0x0D, from: line.start, to: line.end) == occurrences(of: 0x0A, from: line.start, to: line.end)
    }
}
