// SPDX-License-Identifier: Apache-2.0

/// What a TLSA record says of a server's certificate (RFC 6698 section 2.1); the numbers may be any.
package struct TLSAData: Sendable, Hashable, CustomStringConvertible {
    /// TLSA records of one server that are used; the others are left out, so that its certificate may match none.
    package static let limit = 32

    /// 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE (RFC 7218).
    package let usage: UInt8
    /// 0 the certificate, 1 its public key.
    package let selector: UInt8
    /// 0 the bytes themselves, 1 their SHA-256, 2 their SHA-512.
    package let matching: UInt8
    package let data: [UInt8]

    package init(usage: UInt8, selector: UInt8, matching: UInt8, data: [UInt8]) {
        self.usage = usage
        self.selector = selector
        self.matching = matching
        self.data = data
    }

    /// Reads the data of a record; what is too short for one becomes a record that is not usable.
    package init(wire: [UInt8]) {
        guard wire.count >= 3 else {
            self.init(usage: .max, selector: .max, matching: .max, data: wire)
            return
        }
        self.init(usage: wire[0], selector: wire[1], matching: wire[2], data: Array(wire[3...]))
    }

    /// Whether a certificate can be held against it (RFC 6698 section 4.1): known numbers, and data of their length.
    package var isUsable: Bool {
        guard usage <= 3, selector <= 1 else { return false }
        switch matching {
        case 0: return Self.isSequence(data)
        case 1: return data.count == 32
        case 2: return data.count == 64
        default: return false
        }
    }

    /// Whether the bytes are one DER SEQUENCE, as certificates and public keys are.
    private static func isSequence(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 2, bytes[0] == 0x30 else { return false }
        let first = Int(bytes[1])
        guard first >= 0x80 else { return bytes.count == 2 + first }
        let octets = first & 0x7F
        guard (1...3).contains(octets), bytes.count > 2 + octets else { return false }
        return bytes.count == 2 + octets + bytes[2..<(2 + octets)].reduce(0) { $0 << 8 | Int($1) }
    }

    /// The numbers, and the first octets of the data.
    package var description: String {
        let shown = data.prefix(8).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "\(usage) \(selector) \(matching) \(shown.joined())\(data.count > 8 ? "…" : "")"
    }
}

/// How a backend that secure SRV records name is authenticated (RFC 7673 section 4).
package struct DANEPlan: Sendable, Hashable, CustomStringConvertible {
    /// The SRV target: the TLSA base domain.
    package let target: String
    /// What its certificate must match; empty: it must be valid by PKIX, for the service domain or for the target.
    package let records: [TLSAData]

    /// - Parameter records: those that are usable, in any order.
    package init(target: String, records: [TLSAData]) {
        self.target = target
        // In an order of our own, so that the same records make the same plan.
        self.records = records.sorted(by: Self.precedes)
    }

    /// What must be proved, in words.
    package var description: String {
        guard let first = records.first else { return "a certificate for the domain or \(target)" }
        let more = records.count > 1 ? " or \(records.count - 1) more" : ""
        return "TLSA \(first)\(more) of \(target)"
    }

    private static func precedes(_ one: TLSAData, _ other: TLSAData) -> Bool {
        let (left, right) = ((one.usage, one.selector, one.matching), (other.usage, other.selector, other.matching))
        return left == right ? one.data.lexicographicallyPrecedes(other.data) : left < right
    }
}
