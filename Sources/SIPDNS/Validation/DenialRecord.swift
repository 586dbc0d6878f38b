// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import SIPLocation

/// A record that denies: an NSEC (RFC 4034 section 4) or NSEC3 record (RFC 5155 section 3) whose signature holds.
///
/// It is read here, byte by byte: `ldns_nsec_covers_name` does not survive a next name of no length.
struct DenialRecord {
    /// How an NSEC3 record's zone hashes its names.
    struct Hashing: Hashable {
        let algorithm: UInt8
        let iterations: UInt16
        let salt: [UInt8]
    }

    private enum Span {
        case plain(next: DNSName)
        /// Hashes in base32hex, which sorts as the bytes do.
        case hashed(next: [UInt8], Hashing, isOptOut: Bool)
    }

    let owner: DNSName
    private let types: Set<UInt16>
    private let span: Span

    /// nil for a set that is no such record, or that a wildcard was expanded to, which proves nothing of its owner.
    init?(_ set: RecordSet, labels: Int) {
        guard let record = set.records.first, set.records.count == 1, labels == SignatureCheck.labelCount(set.owner)
        else { return nil }
        self.init(owner: set.owner, type: set.type, data: RecordReader.wireData(record))
    }

    /// A record from its data in wire form; nil when it is malformed.
    init?(owner: DNSName, type: DNSRecordType, data: [UInt8]) {
        var rest = data[...]
        switch type {
        case .nsec:
            guard let next = Self.name(&rest) else { return nil }
            span = .plain(next: next)
        case .nsec3:
            guard let algorithm = rest.popFirst(), let flags = rest.popFirst(), let high = rest.popFirst(),
                let low = rest.popFirst(), let salt = Self.counted(&rest), let next = Self.counted(&rest),
                !next.isEmpty
            else { return nil }
            let hashing = Hashing(algorithm: algorithm, iterations: UInt16(high) << 8 | UInt16(low), salt: salt)
            span = .hashed(next: Self.base32hex(next), hashing, isOptOut: flags & 1 != 0)
        default: return nil
        }
        guard let types = Self.types(rest) else { return nil }
        self.types = types
        self.owner = owner
    }

    var isHashed: Bool { if case .hashed = span { true } else { false } }

    /// Whether the owner has records of that type.
    func has(_ type: DNSRecordType) -> Bool { types.contains(type.rawValue) }

    /// Whether the owner is delegated to another zone, so that this zone knows little of it and nothing below it.
    var isDelegation: Bool { has(.ns) && !has(.soa) }

    /// Whether names below the owner are another's business, so that this record does not deny them (RFC 6840 section
    /// 4.1).
    var isSilentBelow: Bool { isDelegation || has(.dname) }

    /// Whether it proves that the owner has no records of that type, and no alias (RFC 4035 section 5.4, RFC 6840
    /// section 4).
    func lacks(_ type: DNSRecordType) -> Bool {
        guard !has(type), !has(.cname) else { return false }
        // A DS record stands in the parent, whose record has no SOA; everything else stands in the zone itself.
        return type == .ds ? !has(.soa) || owner.isRoot : !isDelegation
    }

    /// Whether `name`, which is hashed for an NSEC3 record, would stand between the owner and the next name, and is
    /// neither.
    func covers(_ name: DNSName) -> Bool {
        guard name != owner else { return false }
        switch span {
        case .plain(let next):
            return Self.isBetween(name, owner, next) { $0.precedesCanonically($1) }
        case .hashed(let next, _, _):
            guard let own = owner.labels.first, let hash = name.labels.first, hash != own, hash != next else {
                return false
            }
            return Self.isBetween(hash, own, next) { $0.lexicographicallyPrecedes($1) }
        }
    }

    /// The next name of an NSEC record.
    var next: DNSName? { if case .plain(let next) = span { next } else { nil } }

    // MARK: NSEC3

    /// Whether unsigned delegations may be missing from what it covers (RFC 5155 section 6).
    var isOptOut: Bool { if case .hashed(_, _, let isOptOut) = span { isOptOut } else { false } }

    var hashing: Hashing? { if case .hashed(_, let hashing, _) = span { hashing } else { nil } }

    /// The name that stands for `name` in the chain of hashes of its zone.
    func hashed(_ name: DNSName, zone: DNSName) -> DNSName? {
        guard let hashing, let wire = name.wire,
            let data = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire.count, wire)
        else { return nil }
        defer { ldns_rdf_deep_free(data) }
        guard
            let hash = ldns_nsec3_hash_name(
                data,
                hashing.algorithm,
                hashing.iterations,
                UInt8(clamping: hashing.salt.count),
                hashing.salt
            )
        else { return nil }
        defer { ldns_rdf_deep_free(hash) }
        guard let label = RecordReader.name(hash)?.labels.first else { return nil }
        return DNSName(labels: [label] + zone.labels)
    }

    // MARK: Reading

    /// Whether `item` comes after `first` and before `next`; the last record's next is the first of all.
    private static func isBetween<Item>(
        _ item: Item,
        _ first: Item,
        _ next: Item,
        _ precedes: (Item, Item) -> Bool
    ) -> Bool {
        precedes(first, next)
            ? precedes(first, item) && precedes(item, next) : precedes(first, item) || precedes(item, next)
    }

    private static func name(_ rest: inout ArraySlice<UInt8>) -> DNSName? {
        var end = rest.startIndex
        while end < rest.endIndex, rest[end] != 0 { end += Int(rest[end]) + 1 }
        guard end < rest.endIndex, let name = DNSName(wire: rest[...end]) else { return nil }
        rest = rest[(end + 1)...]
        return name
    }

    /// Octets with their number before them.
    private static func counted(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }

    /// The types of a bitmap, in windows of 256 (RFC 4034 section 4.1.2).
    private static func types(_ bitmap: ArraySlice<UInt8>) -> Set<UInt16>? {
        var types: Set<UInt16> = []
        var rest = bitmap
        while let window = rest.popFirst() {
            guard let bits = counted(&rest), (1...32).contains(bits.count) else { return nil }
            for (index, byte) in bits.enumerated() {
                for bit in 0..<8 where byte & (0x80 >> UInt8(bit)) != 0 {
                    types.insert(UInt16(window) << 8 | UInt16(index * 8 + bit))
                }
            }
        }
        return types
    }

    /// RFC 4648 section 7, in lower case and without padding, as names in the chain are written.
    private static func base32hex(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdefghijklmnopqrstuv".utf8)
        var text: [UInt8] = []
        var (buffer, bits) = (UInt32(0), UInt32(0))
        for byte in bytes {
            buffer = (buffer & 0xFF) << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(digits[Int(buffer >> bits & 31)])
            }
        }
        if bits > 0 { text.append(digits[Int(buffer << (5 - bits) & 31)]) }
        return text
    }
}
