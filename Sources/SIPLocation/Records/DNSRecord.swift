// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// A record type by its number.
package struct DNSRecordType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let a = DNSRecordType(rawValue: 1)
    package static let ns = DNSRecordType(rawValue: 2)
    package static let cname = DNSRecordType(rawValue: 5)
    package static let soa = DNSRecordType(rawValue: 6)
    package static let aaaa = DNSRecordType(rawValue: 28)
    package static let srv = DNSRecordType(rawValue: 33)
    package static let naptr = DNSRecordType(rawValue: 35)
    package static let txt = DNSRecordType(rawValue: 16)
    package static let opt = DNSRecordType(rawValue: 41)
    package static let ds = DNSRecordType(rawValue: 43)
    package static let rrsig = DNSRecordType(rawValue: 46)
    package static let nsec = DNSRecordType(rawValue: 47)
    package static let dnskey = DNSRecordType(rawValue: 48)
    package static let dname = DNSRecordType(rawValue: 39)
    package static let nsec3 = DNSRecordType(rawValue: 50)
    package static let tlsa = DNSRecordType(rawValue: 52)
    package static let any = DNSRecordType(rawValue: 255)

    private static let names: [UInt16: String] = [
        1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 35: "NAPTR",
        41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA",
        64: "SVCB", 65: "HTTPS", 255: "ANY", 257: "CAA",
    ]

    /// The mnemonic, or `TYPE` and the number (RFC 3597 section 5).
    package var description: String { Self.names[rawValue] ?? "TYPE\(rawValue)" }

    /// The type that a mnemonic names, in any case; nil for an unknown one.
    package init?(name: some StringProtocol) {
        let upper = name.uppercased()
        if let known = Self.names.first(where: { $0.value == upper }) {
            self.init(rawValue: known.key)
        } else if upper.hasPrefix("TYPE"), let number = UInt16(upper.dropFirst(4)) {
            self.init(rawValue: number)
        } else {
            return nil
        }
    }
}

/// What a SRV record says (RFC 2782).
package struct SRVData: Sendable, Hashable {
    package let priority: UInt16
    package let weight: UInt16
    package let port: UInt16
    package let target: DNSName

    package init(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

/// What a NAPTR record says (RFC 3403 section 4).
package struct NAPTRData: Sendable, Hashable {
    package let order: UInt16
    package let preference: UInt16
    package let flags: String
    package let services: String
    package let regexp: String
    package let replacement: DNSName

    package init(
        order: UInt16,
        preference: UInt16,
        flags: String,
        services: String,
        regexp: String,
        replacement: DNSName
    ) {
        self.order = order
        self.preference = preference
        self.flags = flags
        self.services = services
        self.regexp = regexp
        self.replacement = replacement
    }
}

/// The data of a record, as far as locating SIP servers needs it.
package enum DNSRecordData: Sendable, Hashable {
    case address(IPAddress)
    case srv(SRVData)
    case naptr(NAPTRData)
    case cname(DNSName)
    case ns(DNSName)
    /// The seconds for which absence may be remembered (RFC 2308 section 5).
    case soa(minimum: UInt32)
    case tlsa(TLSAData)
    case other
}

/// One record of an answer.
package struct DNSRecord: Sendable, Hashable {
    package let name: DNSName
    package let type: DNSRecordType
    /// Seconds; with the top bit set it counts as large (RFC 8767 section 4).
    package let ttl: UInt32
    package let data: DNSRecordData

    package init(name: DNSName, type: DNSRecordType, ttl: UInt32, data: DNSRecordData) {
        self.name = name
        self.type = type
        self.ttl = ttl
        self.data = data
    }
}

/// A question: a name and a type.
package struct DNSQuestion: Sendable, Hashable, CustomStringConvertible {
    package let name: DNSName
    package let type: DNSRecordType

    package init(_ name: DNSName, _ type: DNSRecordType) {
        self.name = name
        self.type = type
    }

    package var description: String { "\(type) \(name)" }

    /// The question for the TLSA records of an SRV target over TCP (RFC 7673 section 3.3, TLS-46).
    package static func tlsa(_ target: DNSName, port: UInt16) -> DNSQuestion {
        DNSQuestion(target.prefixed("_\(port)._tcp"), .tlsa)
    }
}
