// SPDX-License-Identifier: Apache-2.0

/// The search for the end of a header section, and on the way for its Content-Length (RFC 3261 sections 7.5 and 18.3).
///
/// It goes on where it stopped when more bytes are there, so that each byte is looked at once. All places count from
/// the first byte of the start line.
struct HeadScanner: Sendable {
    enum Outcome: Equatable {
        case incomplete
        /// The header section ends before `end`.
        case complete(end: Int, contentLength: Int)
        /// No message can be cut out; the bytes before `end` show it.
        case failed(FramingError, end: Int)
    }

    /// Where the row begins whose end is looked for.
    private var rowStart = 0
    /// Bytes in which no further line feed stands.
    private var searched = 0
    /// Where the value of a Content-Length begins, until it is known that no fold follows.
    private var valueStart: Int?
    private var contentLength: Int?
    private var isBroken = false

    /// Looks on in `bytes`, which begin as they did at the last call.
    mutating func scan(_ bytes: Bytes) -> Outcome {
        if bytes[0] == 0 { return Self.afterLineEnds(bytes) }
        if rowStart == 0, let error = Self.foreign(bytes) { return .failed(error, end: 0) }
        while let feed = bytes.find(0x0A, from: searched, to: bytes.count) {
            guard feed > rowStart, bytes[feed &- 1] == 0x0D else { return .failed(.lineEnd, end: feed &+ 1) }
            if rowStart == 0 {
                guard Self.namesSIP(bytes, to: feed) else { return .failed(Self.kind(bytes, to: feed), end: feed) }
            } else {
                readRow(bytes, to: feed &- 1)
                if feed &- 1 == rowStart { return outcome(end: feed &+ 1) }
            }
            rowStart = feed &+ 1
            searched = rowStart
        }
        searched = bytes.count
        return .incomplete
    }

    private func outcome(end: Int) -> Outcome {
        guard let contentLength, !isBroken else { return .failed(.contentLength, end: end) }
        return .complete(end: end, contentLength: contentLength)
    }

    @inline(__always)
    private mutating func readRow(_ bytes: Bytes, to end: Int) {
        let first = bytes[rowStart]
        if let start = valueStart, first != 0x20, first != 0x09 {
            readLength(bytes, from: start)
            valueStart = nil
        }
        guard first | 0x20 == 0x6C || first | 0x20 == 0x63, let nameEnd = lengthNameEnd(bytes, to: end) else { return }
        var colon = nameEnd
        while colon < end, bytes[colon] == 0x20 || bytes[colon] == 0x09 { colon &+= 1 }
        if bytes[colon] == 0x3A { valueStart = colon &+ 1 }
    }

    /// Where the name of a Content-Length field, long or compact, ends.
    private func lengthNameEnd(_ bytes: Bytes, to end: Int) -> Int? {
        if bytes.equalsIgnoringCase("content-length", from: rowStart, to: min(rowStart &+ 14, end)) {
            return rowStart &+ 14
        }
        return bytes[rowStart] | 0x20 == 0x6C ? rowStart &+ 1 : nil
    }

    /// Takes the value between `start` and the row that begins now; a second field, or anything but digits, breaks the
    /// frame (TRN-03).
    private mutating func readLength(_ bytes: Bytes, from start: Int) {
        let digits = bytes.skipBlanks(from: start, to: rowStart)
        let end = bytes.trimBlanks(from: digits, to: rowStart)
        guard contentLength == nil, let value = bytes.number(from: digits, to: end, limit: UInt64(Int32.max)) else {
            isBroken = true
            return
        }
        contentLength = Int(value)
    }
}

/// What is not SIP at all (TRN-09).
extension HeadScanner {
    /// What the first bytes show, before a line is complete: a start line begins with a token, then a space or `/`.
    private static func foreign(_ bytes: Bytes) -> FramingError? {
        if bytes[0] == 0x16 { return .tls }
        let stop = min(bytes.count, 64)
        let end = bytes.skipToken(from: 0, to: stop)
        if end == stop { return stop < 64 ? nil : .notSIP }
        // A line end of any kind is judged with the line.
        let isPlausible = end > 0 && (bytes[end] == 0x20 || bytes[end] == 0x2F || Bytes.isLinearSpace(bytes[end]))
        return isPlausible ? nil : .notSIP
    }

    /// A PROXY protocol header of version 2 begins with two CRLF, which are a keep-alive, and goes on with these bytes.
    private static func afterLineEnds(_ bytes: Bytes) -> Outcome {
        let signature: StaticString = "\0\r\nQUIT\n"
        let count = min(bytes.count, signature.utf8CodeUnitCount)
        for place in 0..<count where bytes[place] != signature.utf8Start[place] {
            return .failed(.notSIP, end: 0)
        }
        return count < signature.utf8CodeUnitCount ? .incomplete : .failed(.proxyHeader, end: 0)
    }

    /// Whether `SIP/` stands in the start line, in any case.
    private static func namesSIP(_ bytes: Bytes, to end: Int) -> Bool {
        contains("sip/", bytes, to: end)
    }

    private static func kind(_ bytes: Bytes, to end: Int) -> FramingError {
        if contains("http/", bytes, to: end) { return .http }
        // Version 1.
        return bytes.equalsIgnoringCase("proxy ", from: 0, to: min(6, end)) ? .proxyHeader : .notSIP
    }

    /// Whether `text`, which ends in a slash, stands before `end`.
    private static func contains(_ text: StaticString, _ bytes: Bytes, to end: Int) -> Bool {
        var position = 0
        while let slash = bytes.find(0x2F, from: position, to: end) {
            let start = slash &+ 1 &- text.utf8CodeUnitCount
            if bytes.equalsIgnoringCase(text, from: start, to: slash &+ 1) { return true }
            position = slash &+ 1
        }
        return false
    }
}
