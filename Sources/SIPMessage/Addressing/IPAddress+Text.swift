// SPDX-License-Identifier: Apache-2.0

extension IPAddress: CustomStringConvertible {
    /// The canonical text: dotted IPv4, or IPv6 by RFC 5952, without brackets (MSG-42).
    package var description: String {
        switch self {
        case .v4(let value):
            return "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
        case .v6(let high, let low):
            return Self.canonicalText(high: high, low: low)
        }
    }

    /// The text as it stands in a URI or a sent-by: IPv6 in brackets.
    package var hostText: String { isIPv6 ? "[\(self)]" : description }

    private static func canonicalText(high: UInt64, low: UInt64) -> String {
        if high == 0, low >> 32 == 0xFFFF {
            return "::ffff:\(IPAddress.v4(UInt32(truncatingIfNeeded: low)))"
        }
        let words = (0..<8).map { index -> UInt16 in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index % 4)))
        }
        guard let gap = longestZeroRun(words) else {
            return words.map { String($0, radix: 16) }.joined(separator: ":")
        }
        let head = words[..<gap.lowerBound].map { String($0, radix: 16) }.joined(separator: ":")
        let tail = words[gap.upperBound...].map { String($0, radix: 16) }.joined(separator: ":")
        return head + "::" + tail
    }

    /// The first longest run of at least two zero groups, which `::` stands for.
    private static func longestZeroRun(_ words: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var start: Int?
        for index in 0...words.count {
            if index < words.count, words[index] == 0 {
                start = start ?? index
            } else if let begin = start {
                if index - begin >= 2, index - begin > (best?.count ?? 0) { best = begin..<index }
                start = nil
            }
        }
        return best
    }
}

extension Endpoint: CustomStringConvertible {
    /// `tcp:192.0.2.1:5060`: the name of a backend in output, metrics and commands.
    package var description: String { "\(transport.name):\(address.hostText):\(port)" }

    /// The endpoint that its own description names.
    package init?(parsing text: some StringProtocol) {
        guard let first = text.firstIndex(of: ":"), let last = text.lastIndex(of: ":"), first < last,
            let transport = SIPTransport(name: text[..<first]),
            let address = IPAddress(parsing: text[text.index(after: first)..<last]),
            let port = UInt16(text[text.index(after: last)...]), port > 0
        else { return nil }
        self.init(transport: transport, address: address, port: port)
    }
}

extension IPAddress {
    /// Loopback: 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        switch unmapped {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): high == 0 && low == 1
        }
    }

    /// Unspecified, broadcast or multicast: no response may ever be sent there (TRN-32).
    package var isUnsendable: Bool {
        switch unmapped {
        case .v4(let value): value == 0 || value == .max || value >> 28 == 0xE
        case .v6(let high, let low): (high == 0 && low == 0) || high >> 56 == 0xFF
        }
    }

    /// Link-local, which holds the clouds' metadata address 169.254.169.254 too.
    package var isLinkLocal: Bool {
        switch unmapped {
        case .v4(let value): value >> 16 == 0xA9FE
        case .v6(let high, _): high >> 54 == 0x3FA
        }
    }
}
