// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension SIPURI {
    /// Whether two URIs, each over its own bytes, are equal by RFC 3261 section 19.1.4 (MSG-44).
    ///
    /// Own addresses are not recognised by this equality (PRX-18): it tells an absent port from a present default.
    package func isEquivalent(in bytes: ByteBuffer, to other: SIPURI, in otherBytes: ByteBuffer) -> Bool {
        bytes.withUnsafeReadableBytes { raw in
            otherBytes.withUnsafeReadableBytes { otherRaw in
                guard let left = Bytes(raw), let right = Bytes(otherRaw),
                    range.end <= left.count, other.range.end <= right.count
                else { return false }
                return URIComparison(left: left, leftURI: self, right: right, rightURI: other).isEqual
            }
        }
    }

    /// Whether the host is `name`, an address by its value, a name in any case and without regard to a trailing dot
    /// (MSG-41, MSG-45).
    package func hostEquals(_ name: String, in bytes: ByteBuffer) -> Bool {
        if let address { return IPAddress(parsing: name)?.unmapped == address.unmapped }
        return bytes.withUnsafeReadableBytes { raw in
            guard let view = Bytes(raw), host.end <= view.count else { return false }
            var name = name
            return name.withUTF8 { text in
                guard let other = Bytes(UnsafeRawBufferPointer(text)) else { return false }
                return view.sameHost(host, other, ByteRange(offset: 0, length: other.count))
            }
        }
    }
}

/// The comparison of two URIs.
struct URIComparison {
    let left: Bytes
    let leftURI: SIPURI
    let right: Bytes
    let rightURI: SIPURI

    var isEqual: Bool {
        guard leftURI.scheme == rightURI.scheme else { return false }
        // A parameter that stands twice would differ from itself.
        if same(leftURI.range, rightURI.range) { return true }
        guard leftURI.isSIP else { return false }
        return sameEscaped(leftURI.user, rightURI.user, ignoringCase: false) && sameHost
            && leftURI.port == rightURI.port && sameParameters && sameHeaders
    }

    private var sameHost: Bool {
        if let address = leftURI.address { return rightURI.address?.unmapped == address.unmapped }
        return rightURI.address == nil && left.sameHost(leftURI.host, right, rightURI.host)
    }

    private func same(_ first: ByteRange, _ second: ByteRange) -> Bool {
        guard first.length == second.length else { return false }
        for index in 0..<first.count where left[first.start + index] != right[second.start + index] { return false }
        return true
    }

    /// Compares with `%HH` decoded, once (MSG-31), but for a reserved character, which differs from its escape.
    private func sameEscaped(_ first: ByteRange, _ second: ByteRange, ignoringCase: Bool) -> Bool {
        var one = EscapedCursor(bytes: left, range: first)
        var two = EscapedCursor(bytes: right, range: second)
        while true {
            let (a, b) = (one.next(), two.next())
            guard let a, let b else { return a == nil && b == nil }
            guard a == b || (ignoringCase && a.lowercased == b.lowercased) else { return false }
        }
    }

    /// Parameters in both must match; `user`, `ttl`, `method`, `maddr` and `transport` in one alone never match.
    private var sameParameters: Bool {
        let first = parameters(left, leftURI)
        let second = parameters(right, rightURI)
        return covers(first, second) { self.pair($0, $1) } && covers(second, first) { self.pair($1, $0) }
    }

    private func covers(
        _ first: [Pair],
        _ second: [Pair],
        _ matches: (Pair, Pair) -> (name: Bool, value: Bool)
    ) -> Bool {
        for parameter in first {
            var found = false
            for candidate in second {
                let result = matches(parameter, candidate)
                guard result.name else { continue }
                guard result.value else { return false }
                found = true
            }
            if !found, parameter.isSignificant { return false }
        }
        return true
    }

    private func pair(_ first: Pair, _ second: Pair) -> (name: Bool, value: Bool) {
        (
            sameEscaped(first.name, second.name, ignoringCase: true),
            sameEscaped(first.value, second.value, ignoringCase: true)
        )
    }

    /// Header components count always, in any order, each as often as it stands there.
    private var sameHeaders: Bool {
        let first = headers(left, leftURI)
        var second = headers(right, rightURI)
        guard first.count == second.count else { return false }
        return first.allSatisfy { header in
            let match = second.firstIndex {
                sameEscaped(header.name, $0.name, ignoringCase: true)
                    && sameEscaped(header.value, $0.value, ignoringCase: false)
            }
            if let match { second.remove(at: match) }
            return match != nil
        }
    }

    private struct Pair {
        var name: ByteRange
        var value: ByteRange
        var isSignificant: Bool
    }

    private func parameters(_ bytes: Bytes, _ uri: SIPURI) -> [Pair] {
        pairs(bytes, from: Int(uri.parametersStart), to: Int(uri.parametersEnd), separator: 0x3B)
    }

    private func headers(_ bytes: Bytes, _ uri: SIPURI) -> [Pair] {
        pairs(bytes, from: Int(uri.parametersEnd), to: uri.range.end, separator: 0x26)
    }

    private func pairs(_ bytes: Bytes, from start: Int, to end: Int, separator: UInt8) -> [Pair] {
        var result: [Pair] = []
        var position = start + 1
        while position < end {
            let stop = bytes.find(separator, from: position, to: end) ?? end
            let equals = bytes.find(0x3D, from: position, to: stop) ?? stop
            let name = ByteRange(position, equals)
            let value = equals < stop ? ByteRange(equals + 1, stop) : .empty
            result.append(Pair(name: name, value: value, isSignificant: Self.isSignificant(bytes, name)))
            position = stop + 1
        }
        return result
    }

    private static func isSignificant(_ bytes: Bytes, _ name: ByteRange) -> Bool {
        let words: [StaticString] = ["user", "ttl", "method", "maddr", "transport"]
        return words.contains { bytes.equalsIgnoringCase($0, from: name.start, to: name.end) }
    }
}

/// Reads characters with `%HH` decoded once.
struct EscapedCursor {
    let bytes: Bytes
    var position: Int
    let end: Int

    init(bytes: Bytes, range: ByteRange) {
        self.bytes = bytes
        position = range.start
        end = range.end
    }

    /// The next character and whether it is an escaped one of the reserved set, which is not the same as the character
    /// itself (RFC 3261 section 19.1.4).
    mutating func next() -> Character? {
        guard position < end else { return nil }
        let byte = bytes[position]
        if byte == 0x25, position + 2 < end, let high = IPAddress.hexDigit(bytes[position + 1]),
            let low = IPAddress.hexDigit(bytes[position + 2])
        {
            position += 3
            let value = UInt8(truncatingIfNeeded: high << 4 | low)
            return Character(byte: value, isReserved: Self.isReserved(value))
        }
        position += 1
        return Character(byte: byte, isReserved: false)
    }

    struct Character: Equatable {
        var byte: UInt8
        let isReserved: Bool

        var lowercased: Character { Character(byte: Bytes.lowercase(byte), isReserved: isReserved) }
    }

    /// `; / ? : @ & = + $ ,` (RFC 3261 section 25.1), and the percent sign, whose escape stands for no other escape.
    private static func isReserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x24, 0x25, 0x26, 0x2B, 0x2C, 0x2F, 0x3A, 0x3B, 0x3D, 0x3F, 0x40: true
        default: false
        }
    }
}

extension Bytes {
    /// Whether two host names are equal in any case, a trailing dot left aside (MSG-45).
    func sameHost(_ range: ByteRange, _ other: Bytes, _ otherRange: ByteRange) -> Bool {
        let length = range.count - (range.count > 1 && self[range.end - 1] == 0x2E ? 1 : 0)
        let otherLength =
            otherRange.count - (otherRange.count > 1 && other[otherRange.end - 1] == 0x2E ? 1 : 0)
        guard length == otherLength else { return false }
        for index in 0..<length
        where Self.lowercase(self[range.start + index]) != Self.lowercase(other[otherRange.start + index]) {
            return false
        }
        return true
    }
}
