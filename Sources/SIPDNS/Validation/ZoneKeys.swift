// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import SIPLocation

/// The keys of one zone that are trusted, each as a DNSKEY record in wire form.
struct ZoneKeys: Sendable, Hashable {
    /// Keys that a zone may have here, and keys with one tag: what many would cost is an attack (CVE-2023-50387).
    static let limit = 32
    static let sameTagLimit = 4

    let zone: DNSName
    let keys: [[UInt8]]

    init(zone: DNSName, keys: [[UInt8]]) {
        self.zone = zone
        self.keys = keys
    }

    /// The keys of a DNSKEY set that may sign a zone's records (RFC 4034 section 2.1, RFC 5011 section 2.1).
    init(_ set: RecordSet) {
        var tags: [UInt16: Int] = [:]
        let usable = set.records.prefix(Self.limit).filter { record in
            guard ldns_rr_rd_count(record) == 4, let flags = ldns_rr_dnskey_flags(record),
                let `protocol` = ldns_rr_dnskey_protocol(record), ldns_rdf2native_int8(`protocol`) == 3
            else { return false }
            let bits = ldns_rdf2native_int16(flags)
            guard bits & Self.zoneFlag != 0, bits & Self.revokedFlag == 0 else { return false }
            let tag = ldns_calc_keytag(record)
            tags[tag, default: 0] += 1
            return tags[tag, default: 0] <= Self.sameTagLimit
        }
        self.init(zone: set.owner, keys: usable.compactMap(WireRecord.bytes))
    }

    /// Those of the keys that an anchor or a DS record of the parent vouches for.
    func vouched(by anchors: [[UInt8]]) -> ZoneKeys {
        let vouched = keys.filter { key in
            WireRecord.with(key) { key in
                anchors.contains { anchor in WireRecord.with(anchor) { Self.vouches($0, for: key) } ?? false }
            } ?? false
        }
        return ZoneKeys(zone: zone, keys: vouched)
    }

    private static func vouches(_ anchor: RecordSet.Record, for key: RecordSet.Record) -> Bool {
        if ldns_rr_get_type(anchor) == LDNS_RR_TYPE_DNSKEY { return sameData(anchor, key) }
        guard ldns_rr_get_type(anchor) == LDNS_RR_TYPE_DS, ldns_rr_rd_count(anchor) == 4,
            let digest = ldns_rr_rdf(anchor, 2).map({ ldns_rdf2native_int8($0) }),
            let made = ldns_key_rr2ds(key, ldns_hash(UInt32(digest)))
        else { return false }
        defer { ldns_rr_free(made) }
        return sameData(anchor, made)
    }

    private static func sameData(_ one: RecordSet.Record, _ other: RecordSet.Record) -> Bool {
        RecordReader.wireData(one) == RecordReader.wireData(other)
    }

    private static let zoneFlag: UInt16 = 0x0100
    private static let revokedFlag: UInt16 = 0x0080
}

/// A DS record that can be followed: its key's algorithm and its digest are known here.
enum DelegationSigner {
    /// RSA with SHA-1, SHA-256 and SHA-512, ECDSA, EdDSA (RFC 8624 section 3.1).
    private static let algorithms: Set<UInt8> = [5, 7, 8, 10, 13, 14, 15, 16]
    /// SHA-256 and SHA-384; SHA-1 only where there is no other (RFC 4509 section 3).
    private static let digests: Set<UInt8> = [2, 4]

    /// The DS records of a set that can be followed, in wire form; none: the zone counts as insecure (RFC 4035 section
    /// 5.2).
    static func usable(_ set: RecordSet) -> [[UInt8]] {
        let known = set.records.filter { number($0, 1).map(algorithms.contains) ?? false }
        let strong = known.filter { number($0, 2).map(digests.contains) ?? false }
        let chosen = strong.isEmpty ? known.filter { number($0, 2) == 1 } : strong
        return chosen.prefix(ZoneKeys.limit).compactMap(WireRecord.bytes)
    }

    private static func number(_ record: RecordSet.Record, _ index: Int) -> UInt8? {
        guard ldns_rr_rd_count(record) == 4 else { return nil }
        return ldns_rr_rdf(record, index).map { ldns_rdf2native_int8($0) }
    }
}

/// Records between ldns and bytes that outlive it.
enum WireRecord {
    static func bytes(_ record: RecordSet.Record) -> [UInt8]? {
        var bytes: UnsafeMutablePointer<UInt8>?
        var size = 0
        guard ldns_rr2wire(&bytes, record, Int32(LDNS_SECTION_ANSWER.rawValue), &size) == LDNS_STATUS_OK, let bytes
        else {
            return nil
        }
        defer { free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: size))
    }

    /// The record of a zone file in wire form (RFC 1035 section 3.2.1).
    static func bytes(_ record: ZoneRecord) -> [UInt8]? {
        guard var bytes = record.name.wire, let length = UInt16(exactly: record.data.count) else { return nil }
        for number in [record.type.rawValue, 1, 0, 0, length] as [UInt16] {
            bytes += [UInt8(number >> 8), UInt8(number & 0xFF)]
        }
        return bytes + record.data
    }

    /// What `body` makes of the record; nil when the bytes are none.
    static func with<Result>(_ bytes: [UInt8], _ body: (RecordSet.Record) -> Result) -> Result? {
        var record: RecordSet.Record?
        var position = 0
        let status = ldns_wire2rr(&record, bytes, bytes.count, &position, LDNS_SECTION_ANSWER)
        guard status == LDNS_STATUS_OK, let record else { return nil }
        defer { ldns_rr_free(record) }
        return body(record)
    }
}
