// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// The framing rules once more, plainly: the whole stream is there, rows are arrays, nothing is remembered.
struct ReferenceFramer {
    let stream: [UInt8]
    let limits: MessageLimits
    /// What a PROXY protocol header of version 2 goes on with behind its two CRLF.
    private static let signature = Array("\0\r\nQUIT\n".utf8)

    /// All that stands in the stream, up to what is incomplete or broken.
    func elements() -> [FramingResult] {
        var found: [FramingResult] = []
        var position = 0
        while position < stream.count {
            let rest = stream[position...]
            if rest.starts(with: [0x0D, 0x0A, 0x0D, 0x0A]) {
                found.append(.keepAlive)
                position += 4
            } else if rest.count < 4, [[0x0D], [0x0D, 0x0A], [0x0D, 0x0A, 0x0D]].contains(Array(rest)) {
                return found
            } else if rest.starts(with: [0x0D, 0x0A, 0x0D]) {
                return found + [.failed(.lineEnd, head: nil)]
            } else if rest.starts(with: [0x0D, 0x0A]) {
                position += 2
            } else if rest.first == 0x0D || rest.first == 0x0A {
                return found + [.failed(.lineEnd, head: nil)]
            } else {
                guard let result = message(Array(rest)) else { return found }
                found.append(result)
                guard case .message(let bytes) = result else { return found }
                position += bytes.readableBytes
            }
        }
        return found
    }

    /// The message that `bytes` begin with, or what is wrong with it; nil while it is incomplete.
    private func message(_ bytes: [UInt8]) -> FramingResult? {
        if bytes.count < Self.signature.count, Self.signature.starts(with: bytes) { return nil }
        if let error = foreign(bytes) { return .failed(error, head: nil) }
        var rows: [[UInt8]] = []
        var start = 0
        while let feed = bytes[start...].firstIndex(of: 0x0A) {
            guard feed > start, bytes[feed - 1] == 0x0D else {
                return feed + 1 > limits.headerSection ? tooLong : .failed(.lineEnd, head: head(bytes, feed + 1))
            }
            let row = Array(bytes[start..<feed - 1])
            start = feed + 1
            if rows.isEmpty, !has("sip/", row) {
                guard feed <= limits.headerSection else { return tooLong }
                let other = has("proxy ", Array(row.prefix(6))) ? FramingError.proxyHeader : .notSIP
                return .failed(has("http/", row) ? .http : other, head: head(bytes, feed))
            }
            if row.isEmpty { return complete(bytes, rows: rows, headEnd: start) }
            rows.append(row)
        }
        return bytes.count > limits.headerSection ? tooLong : nil
    }

    private func complete(_ bytes: [UInt8], rows: [[UInt8]], headEnd: Int) -> FramingResult? {
        guard let length = contentLength(rows) else {
            return headEnd > limits.headerSection ? tooLong : .failed(.contentLength, head: head(bytes, headEnd))
        }
        guard headEnd <= limits.headerSection else { return tooLong }
        guard headEnd + length <= limits.message else { return .failed(.messageTooLong, head: head(bytes, headEnd)) }
        return headEnd + length <= bytes.count ? .message(head(bytes, headEnd + length)) : nil
    }

    /// The one Content-Length of a header section; nil when there is none, a second one, or no number.
    private func contentLength(_ rows: [[UInt8]]) -> Int? {
        var fields: [[UInt8]] = []
        for row in rows.dropFirst() {
            if row.first == 0x20 || row.first == 0x09, let field = fields.last {
                // No fold may stand before the colon (RFC 3261 section 25.1, HCOLON).
                if field.contains(0x3A) { fields[fields.count - 1] += row }
            } else {
                fields.append(row)
            }
        }
        let values = fields.compactMap { field -> [UInt8]? in
            guard let colon = field.firstIndex(of: 0x3A), field.first != 0x20, field.first != 0x09 else { return nil }
            var name = field[..<colon]
            while name.last == 0x20 || name.last == 0x09 { name.removeLast() }
            let isLength = ["content-length", "l"].contains(String(decoding: name, as: UTF8.self).lowercased())
            return isLength ? trimmed(field[(colon + 1)...]) : nil
        }
        guard values.count == 1, let digits = values.first, !digits.isEmpty,
            digits.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        let significant = String(decoding: digits.drop { $0 == 0x30 }, as: UTF8.self)
        return significant.isEmpty ? 0 : Int32(significant).map(Int.init)
    }

    /// The bytes without white space at their ends.
    private func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0D, 0x0A]
        let tail = bytes.drop { blanks.contains($0) }
        guard let last = tail.lastIndex(where: { !blanks.contains($0) }) else { return [] }
        return Array(tail[...last])
    }

    private func foreign(_ bytes: [UInt8]) -> FramingError? {
        if bytes[0] == 0x16 { return .tls }
        if bytes.starts(with: Self.signature) { return .proxyHeader }
        let tokens = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~".utf8)
        guard let end = bytes.prefix(64).firstIndex(where: { !tokens.contains($0) }) else {
            return bytes.count >= 64 ? .notSIP : nil
        }
        return end > 0 && [0x20, 0x2F, 0x09, 0x0D, 0x0A].contains(bytes[end]) ? nil : .notSIP
    }

    private func has(_ text: String, _ row: [UInt8]) -> Bool {
        let wanted = Array(text.utf8)
        let lower = row.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return lower.indices.contains { lower[$0...].starts(with: wanted) }
    }

    private func head(_ bytes: [UInt8], _ end: Int) -> ByteBuffer { ByteBuffer(bytes: bytes[..<end]) }

    private var tooLong: FramingResult { .failed(.headerSectionTooLong, head: nil) }
}
