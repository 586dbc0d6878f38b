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
    package static let rrsig = DNSRecordType(rawValue: 46)

    package var description: String {
        switch self {
        case .a: "A"
        case .ns: "NS"
        case .cname: "CNAME"
        case .soa: "SOA"
        case .aaaa: "AAAA"
        case .srv: "SRV"
        case .naptr: "NAPTR"
        case .rrsig: "RRSIG"
        default: "TYPE\(rawValue)"
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
    /// The seconds for which absence may be remembered (RFC 2308 section 5).
    case soa(minimum: UInt32)
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
}
