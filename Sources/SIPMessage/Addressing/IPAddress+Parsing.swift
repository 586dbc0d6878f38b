// SPDX-License-Identifier: Apache-2.0

extension IPAddress {
    /// The address that a text spells: dotted IPv4, or IPv6 with or without brackets.
    package init?(parsing text: some StringProtocol) {
        var text = Array(text.utf8)
        if text.first == 0x5B, text.last == 0x5D { text = Array(text.dropFirst().dropLast()) }
        let parsed = text.withUnsafeBytes { raw -> IPAddress? in
            guard let bytes = Bytes(raw) else { return nil }
            return Self.parse(bytes, from: 0, to: bytes.count)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> IPAddress? {
        parseIPv4(bytes, from: start, to: end) ?? parseIPv6(bytes, from: start, to: end)
    }

    /// Four decimal numbers of 0 to 255 with dots between them.
    static func parseIPv4(_ bytes: Bytes, from start: Int, to end: Int) -> IPAddress? {
        guard end - start >= 7, end - start <= 15, bytes[start] &- 0x30 < 10 else { return nil }
        var value: UInt32 = 0
        var position = start
        for part in 0..<4 {
            let digits = position
            while position < end, bytes[position] &- 0x30 < 10 { position += 1 }
            guard position - digits <= 3, let octet = bytes.number(from: digits, to: position, limit: 255) else {
                return nil
            }
            value = value << 8 | UInt32(truncatingIfNeeded: octet)
            if part < 3 {
                guard position < end, bytes[position] == 0x2E else { return nil }
                position += 1
            }
        }
        return position == end ? .v4(value) : nil
    }

    /// RFC 4291 text, and the triple colon of RFC 3261's old grammar (`2001:db8:::192.0.2.1`, MSG-40).
    static func parseIPv6(_ bytes: Bytes, from start: Int, to end: Int) -> IPAddress? {
        var groups = IPv6Groups()
        var position = start
        guard end - start >= 2, end - start <= 46 else { return nil }
        if bytes[position] == 0x3A {
            guard bytes[position + 1] == 0x3A else { return nil }
        }
        while position < end {
            if bytes[position] == 0x3A, bytes[position + 1] == 0x3A {
                guard groups.markGap() else { return nil }
                position += bytes[position + 2] == 0x3A ? 3 : 2
                continue
            }
            if bytes[position] == 0x3A {
                guard groups.count > 0, position + 1 < end else { return nil }
                position += 1
            }
            let digits = position
            while position < end, let digit = hexDigit(bytes[position]), position - digits < 4 {
                groups.pending = groups.pending << 4 | digit
                position += 1
            }
            if bytes[position] == 0x2E {
                guard case .v4(let mapped)? = parseIPv4(bytes, from: digits, to: end) else { return nil }
                guard groups.append(UInt16(mapped >> 16)), groups.append(UInt16(mapped & 0xFFFF)) else { return nil }
                return groups.address
            }
            guard position > digits, groups.append(UInt16(truncatingIfNeeded: groups.pending)) else { return nil }
            guard position == end || bytes[position] == 0x3A else { return nil }
        }
        return groups.address
    }

    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte &- 0x30)
        case 0x41...0x46: UInt32(byte &- 0x41 &+ 10)
        case 0x61...0x66: UInt32(byte &- 0x61 &+ 10)
        default: nil
        }
    }

    /// The sixteen-bit groups read so far, and where `::` stood.
    private struct IPv6Groups {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count = 0
        var gap: Int?
        var pending: UInt32 = 0

        mutating func append(_ group: UInt16) -> Bool {
            guard count < 8 else { return false }
            high = high << 16 | low >> 48
            low = low << 16 | UInt64(group)
            count += 1
            pending = 0
            return true
        }

        mutating func markGap() -> Bool {
            guard gap == nil else { return false }
            gap = count
            return true
        }

        var address: IPAddress? {
            guard let gap else { return count == 8 ? .v6(high: high, low: low) : nil }
            guard count < 8 else { return nil }
            return spread(gap: gap)
        }

        /// Moves the groups before the gap to the top, so that zeros fill the gap.
        private func spread(gap: Int) -> IPAddress {
            var words = [UInt16](repeating: 0, count: 8)
            for index in 0..<count {
                let fromEnd = count - 1 - index
                let word =
                    fromEnd < 4
                    ? UInt16(truncatingIfNeeded: low >> (16 * UInt64(fromEnd)))
                    : UInt16(truncatingIfNeeded: high >> (16 * UInt64(fromEnd - 4)))
                words[index < gap ? index : 8 - count + index] = word
            }
            let high = words[0..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            let low = words[4..<8].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            return .v6(high: high, low: low)
        }
    }
}
