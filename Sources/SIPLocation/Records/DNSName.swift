// SPDX-License-Identifier: Apache-2.0

/// A domain name in presentation form, lower case, without the dot at the end; the root is empty.
///
/// Names compare without case (RFC 4343), so lowering them once makes equality and hashing plain.
package struct DNSName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    /// A name from its presentation form.
    package init(_ text: some StringProtocol) {
        let lower = text.lowercased()
        self.text = lower.hasSuffix(".") && !lower.hasSuffix("\\.") ? String(lower.dropLast()) : lower
    }

    /// A name from its uncompressed wire form (RFC 1035 section 3.1); nil when it is not one.
    package init?(wire: some Collection<UInt8>) {
        var labels: [String] = []
        var rest = wire[...]
        while let length = rest.popFirst(), length > 0 {
            guard length < 64, rest.count >= Int(length) else { return nil }
            labels.append(Self.escaped(rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        text = labels.joined(separator: ".")
    }

    package var description: String { text.isEmpty ? "." : text }

    /// Whether it is the root, which as an SRV target says that a service is not offered (RFC 2782).
    package var isRoot: Bool { text.isEmpty }

    /// Whether DNS may be asked for it: some dots, no more than 253 characters, and none of the names that never leave
    /// a host (LOC-70).
    package var isAskable: Bool {
        guard text.contains("."), text.utf8.count <= 253, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return false
        }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy({ !$0.isEmpty && $0.utf8.count < 64 }), let last = labels.last else { return false }
        return !["invalid", "local", "localhost", "onion"].contains(last) && !last.utf8.allSatisfy { $0 &- 0x30 < 10 }
    }

    /// The name under this one with more labels in front.
    package func prefixed(_ labels: String) -> DNSName { DNSName("\(labels).\(text)") }

    /// Whether the name is `zone` or lies below it.
    package func isWithin(_ zone: DNSName) -> Bool {
        zone.isRoot || text == zone.text || text.hasSuffix(".\(zone.text)")
    }

    private static func escaped(_ label: some Collection<UInt8>) -> String {
        var text = ""
        for byte in label {
            switch byte {
            case 0x2E, 0x5C: text += "\\" + String(UnicodeScalar(byte))
            case 0x41...0x5A: text.unicodeScalars.append(UnicodeScalar(byte | 0x20))
            case 0x21...0x7E: text.unicodeScalars.append(UnicodeScalar(byte))
            default:
                let digits = String(byte)
                text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
            }
        }
        return text
    }
}
