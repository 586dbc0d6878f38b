// SPDX-License-Identifier: Apache-2.0

/// A domain name in presentation form, lower case, without the dot at the end; the root is empty.
///
/// Names compare without case (RFC 4343), so lowering them once makes equality and hashing plain. Bytes that would
/// disturb the text are escaped as RFC 1035 section 5.1 has it, always the same way.
package struct DNSName: Sendable, Hashable, CustomStringConvertible {
    /// Octets that a name may have on the wire, and octets of one label (RFC 1035 section 2.3.4).
    package static let wireLimit = 255
    package static let labelLimit = 63

    package let text: String

    /// A name from its presentation form; labels of other scripts become their A-label form (LOC-39).
    package init(_ text: some StringProtocol) {
        var lower = text.utf8.allSatisfy { $0 < 0x80 } ? text.lowercased() : Punycode.aLabels(of: text)
        if lower.utf8.contains(0x5C) {
            // A dot at the end may be one that the escape before it makes part of the label.
            lower = Self.text(of: Self.labels(of: lower))
        } else if lower.hasSuffix(".") {
            lower = String(lower.dropLast())
        }
        self.text = lower
    }

    /// A name from its labels, the one next to the root last.
    package init(labels: some Sequence<[UInt8]>) { text = Self.text(of: labels) }

    /// A name from its uncompressed wire form (RFC 1035 section 3.1); nil when it is not one.
    package init?(wire: some Collection<UInt8>) {
        var labels: [[UInt8]] = []
        var rest = wire[...]
        guard wire.count <= Self.wireLimit else { return nil }
        while let length = rest.popFirst() {
            if length == 0 {
                guard rest.isEmpty else { return nil }
                text = Self.text(of: labels)
                return
            }
            guard length <= Self.labelLimit, rest.count >= Int(length) else { return nil }
            labels.append(Array(rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }

    package var description: String { text.isEmpty ? "." : text }

    /// Whether it is the root, which as an SRV target says that a service is not offered (RFC 2782).
    package var isRoot: Bool { text.isEmpty }

    /// The labels with their escapes undone.
    package var labels: [[UInt8]] { Self.labels(of: text) }

    /// The uncompressed wire form; nil when a label is empty or the name is longer than a name may be.
    package var wire: [UInt8]? {
        var bytes: [UInt8] = []
        if !isRoot {
            for label in labels {
                guard !label.isEmpty, let length = UInt8(exactly: label.count), label.count <= Self.labelLimit else {
                    return nil
                }
                bytes.append(length)
                bytes += label
            }
        }
        bytes.append(0)
        return bytes.count <= Self.wireLimit ? bytes : nil
    }

    /// Whether DNS may be asked for it: more than one label, a wire form, and none of the names that never leave a host
    /// or that only look like an address (LOC-70).
    package var isAskable: Bool {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), wire != nil else { return false }
        let labels = labels
        guard labels.count > 1, let last = labels.last else { return false }
        let names: [StaticString] = ["invalid", "local", "localhost", "onion"]
        return !last.allSatisfy { $0 &- 0x30 < 10 }
            && !names.contains { $0.withUTF8Buffer { last.elementsEqual($0) } }
    }

    /// The name under this one with more labels in front.
    package func prefixed(_ labels: String) -> DNSName { isRoot ? DNSName(labels) : DNSName("\(labels).\(text)") }

    /// Whether the name is `zone` or lies below it.
    package func isWithin(_ zone: DNSName) -> Bool {
        guard text.utf8.contains(0x5C) else {
            return zone.isRoot || text == zone.text || text.hasSuffix(".\(zone.text)")
        }
        // A dot behind an escape divides no labels.
        let (own, other) = (labels, zone.labels)
        return own.count >= other.count && own.suffix(other.count).elementsEqual(other)
    }

    /// The name of its last `count` labels.
    package func suffix(_ count: Int) -> DNSName { DNSName(labels: labels.suffix(count)) }

    /// The name without its first label; nil for the root.
    package var parent: DNSName? {
        isRoot ? nil : DNSName(labels: labels.dropFirst())
    }

    private static func text(of labels: some Sequence<[UInt8]>) -> String {
        labels.map(escaped).joined(separator: ".")
    }

    /// The labels of a text; `\.` and `\DDD` do not divide.
    private static func labels(of text: String) -> [[UInt8]] {
        guard !text.isEmpty else { return [] }
        var labels: [[UInt8]] = [[]]
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x2E: labels.append([])
            case 0x5C: labels[labels.count - 1].append(unescaped(&rest))
            default: labels[labels.count - 1].append(byte)
            }
        }
        if labels.count > 1, labels.last?.isEmpty ?? false { labels.removeLast() }
        return labels
    }

    private static func unescaped(_ rest: inout ArraySlice<UInt8>) -> UInt8 {
        let digits = rest.prefix(3)
        if digits.count == 3, digits.allSatisfy({ $0 &- 0x30 < 10 }),
            let value = UInt8(String(decoding: digits, as: UTF8.self))
        {
            rest = rest.dropFirst(3)
            return value
        }
        return rest.popFirst() ?? 0x5C
    }

    private static func escaped(_ label: [UInt8]) -> String {
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
