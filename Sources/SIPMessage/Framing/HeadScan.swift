// SPDX-License-Identifier: Apache-2.0

/// The search for the end of a header section and its Content-Length.
enum HeadScan {
    case incomplete
    case notSIP
    /// The section ends before `end`, and its Content-Length is missing, repeated or no number.
    case badContentLength(end: Int)
    case complete(end: Int, contentLength: Int)

    /// Whether the first bytes can begin a SIP message: a token, then a space, or `SIP/`.
    static func looksLikeSIP(_ bytes: Bytes) -> Bool {
        for index in 0..<min(bytes.count, 64) {
            if Bytes.isToken(bytes[index]) { continue }
            return index > 0 && (bytes[index] == 0x20 || bytes[index] == 0x2F)
        }
        return bytes.count < 64
    }

    /// Looks for the empty line from `searched` on, then for Content-Length among the lines before it.
    static func scan(_ bytes: Bytes, searched: Int, limit: Int) -> HeadScan {
        guard let end = terminator(bytes, from: searched) else { return .incomplete }
        var length: Int?
        var line = (bytes.find(0x0A, from: 0, to: end) ?? end) + 1
        while line < end - 2 {
            let next = (bytes.find(0x0A, from: line, to: end) ?? end) + 1
            if let value = contentLengthValue(bytes, from: line, to: next) {
                guard length == nil, let number = number(bytes, from: value, to: end) else {
                    return .badContentLength(end: end)
                }
                length = number
            }
            line = next
        }
        guard let length else { return .badContentLength(end: end) }
        return .complete(end: end, contentLength: length)
    }

    /// The place behind CR LF CR LF.
    private static func terminator(_ bytes: Bytes, from start: Int) -> Int? {
        var position = start
        while let feed = bytes.find(0x0A, from: position, to: bytes.count) {
            if bytes[feed - 1] == 0x0D, bytes[feed - 2] == 0x0A, bytes[feed - 3] == 0x0D { return feed + 1 }
            position = feed + 1
        }
        return nil
    }

    /// Where the value of a Content-Length line begins; nil for another line.
    @inline(__always)
    private static func contentLengthValue(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        let first = Bytes.lowercase(bytes[start])
        let nameEnd: Int
        if first == 0x6C, !Bytes.isToken(bytes[start + 1]) {
            nameEnd = start + 1
        } else if first == 0x63, bytes.equalsIgnoringCase("content-length", from: start, to: min(start + 14, end)) {
            nameEnd = start + 14
        } else {
            return nil
        }
        let colon = bytes.skipBlanks(from: nameEnd, to: end)
        return bytes[colon] == 0x3A ? colon + 1 : nil
    }

    /// The number of a field value that may be folded; nil for anything but digits.
    private static func number(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        let digits = bytes.skipBlanks(from: start, to: end)
        var stop = digits
        while stop < end, bytes[stop] &- 0x30 < 10 { stop += 1 }
        let rest = bytes.skipBlanks(from: stop, to: end)
        guard rest > stop, bytes[rest - 1] == 0x0A,
            let value = bytes.number(from: digits, to: stop, limit: UInt64(Int32.max))
        else { return nil }
        return Int(value)
    }
}
