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
        guard end <= bytes.count, end &- start >= 7, end &- start <= 15 else { return nil }
        var value: UInt32 = 0
        var position = start
        for part in 0..<4 {
            let digits = position
            position = bytes.skipDigits(from: digits, to: min(end, digits &+ 3))
            guard let octet = bytes.number(from: digits, to: position, limit: 255) else { return nil }
            value = value << 8 | UInt32(truncatingIfNeeded: octet)
            guard part < 3 else { break }
            guard position < end, bytes[position] == 0x2E else { return nil }
            position &+= 1
        }
        return position == end ? .v4(value) : nil
    }
}
