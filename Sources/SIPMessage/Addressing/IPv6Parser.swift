// SPDX-License-Identifier: Apache-2.0

extension IPAddress {
    /// RFC 4291 text, and the triple colon of RFC 3261's old grammar (`2001:db8:::192.0.2.1`, MSG-40).
    static func parseIPv6(_ bytes: Bytes, from start: Int, to end: Int) -> IPAddress? {
        guard start >= 0, end <= bytes.count, end &- start >= 2, end &- start <= 46 else { return nil }
        var reader = IPv6Reader(bytes: bytes, position: start, end: end)
        return reader.read()
    }

    static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte &- 0x30)
        case 0x41...0x46: UInt32(byte &- 0x41 &+ 10)
        case 0x61...0x66: UInt32(byte &- 0x61 &+ 10)
        default: nil
        }
    }
}

/// Reads the groups of an IPv6 address.
private struct IPv6Reader {
    let bytes: Bytes
    var position: Int
    let end: Int
    /// The groups before the gap, or all, and those behind it, each right-aligned, as two words.
    private var head = (high: UInt64(0), low: UInt64(0), count: 0)
    private var tail = (high: UInt64(0), low: UInt64(0), count: 0)
    private var hasGap = false

    init(bytes: Bytes, position: Int, end: Int) {
        self.bytes = bytes
        self.position = position
        self.end = end
    }

    private func byte(_ offset: Int) -> UInt8 { position &+ offset < end ? bytes[position &+ offset] : 0 }

    mutating func read() -> IPAddress? {
        if byte(0) == 0x3A, byte(1) != 0x3A { return nil }
        while position < end {
            if byte(0) == 0x3A, byte(1) == 0x3A {
                guard readGap() else { return nil }
                continue
            }
            if byte(0) == 0x3A {
                guard position &+ 1 < end else { return nil }
                position &+= 1
            }
            guard readGroup() else { return nil }
        }
        return address
    }

    private mutating func readGap() -> Bool {
        guard !hasGap else { return false }
        hasGap = true
        position &+= 2
        guard byte(0) == 0x3A else { return true }
        // Three colons are tolerated before an IPv4 address alone, where the old grammar put them.
        position &+= 1
        return IPAddress.parseIPv4(bytes, from: position, to: end) != nil
    }

    private mutating func readGroup() -> Bool {
        let start = position
        var group: UInt32 = 0
        while position &- start < 4, let digit = IPAddress.hexDigit(byte(0)) {
            group = group << 4 | digit
            position &+= 1
        }
        if byte(0) == 0x2E {
            guard case .v4(let value)? = IPAddress.parseIPv4(bytes, from: start, to: end) else { return false }
            position = end
            return append(UInt16(truncatingIfNeeded: value >> 16)) && append(UInt16(truncatingIfNeeded: value))
        }
        guard position > start, position == end || byte(0) == 0x3A else { return false }
        return append(UInt16(truncatingIfNeeded: group))
    }

    private mutating func append(_ group: UInt16) -> Bool {
        guard head.count &+ tail.count < 8 else { return false }
        if hasGap {
            Self.push(group, onto: &tail)
        } else {
            Self.push(group, onto: &head)
        }
        return true
    }

    private static func push(_ group: UInt16, onto part: inout (high: UInt64, low: UInt64, count: Int)) {
        part.high = part.high << 16 | part.low >> 48
        part.low = part.low << 16 | UInt64(group)
        part.count &+= 1
    }

    private var address: IPAddress? {
        guard hasGap else { return head.count == 8 ? .v6(high: head.high, low: head.low) : nil }
        guard head.count &+ tail.count < 8 else { return nil }
        // The head moves to the top; shifts by the width or more give zero.
        let shift = 16 &* (8 &- head.count)
        let high =
            shift >= 64 ? head.low << UInt64(shift &- 64) : head.high << UInt64(shift) | head.low >> UInt64(64 &- shift)
        let low = shift >= 64 ? 0 : head.low << UInt64(shift)
        return .v6(high: high | tail.high, low: low | tail.low)
    }
}
