// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import SIPLocation

/// A record that denies: an NSEC (RFC 4034 section 4) or NSEC3 record (RFC 5155 section 3) whose signature holds.
struct DenialRecord {
    let owner: DNSName
    let record: RecordSet.Record
    let isHashed: Bool

    /// nil for a set that is no such record, or that a wildcard was expanded to, which proves nothing of its owner.
    init?(_ set: RecordSet, labels: Int) {
        guard set.type == .nsec || set.type == .nsec3, let record = set.records.first, set.records.count == 1,
            // The bitmap of an empty non-terminal is empty, and is no field then.
            labels == SignatureCheck.labelCount(set.owner), ldns_rr_rd_count(record) >= (set.type == .nsec ? 2 : 5)
        else { return nil }
        owner = set.owner
        self.record = record
        isHashed = set.type == .nsec3
    }

    /// Whether the owner has records of that type.
    func has(_ type: DNSRecordType) -> Bool {
        let bitmap = isHashed ? ldns_nsec3_bitmap(record) : ldns_nsec_get_bitmap(record)
        guard let bitmap else { return false }
        return ldns_nsec_bitmap_covers_type(bitmap, ldns_rr_type(UInt32(type.rawValue))) != 0
    }

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

    /// Whether `name` would stand between the owner and the next name, and is neither.
    func covers(_ name: DNSName) -> Bool {
        name != owner && NameData.with(name) { ldns_nsec_covers_name(record, $0) != 0 } ?? false
    }

    /// The next name of an NSEC record.
    var next: DNSName? { isHashed ? nil : ldns_rr_rdf(record, 0).flatMap(RecordReader.name) }

    // MARK: NSEC3

    /// Whether unsigned delegations may be missing from what it covers (RFC 5155 section 6).
    var isOptOut: Bool { isHashed && ldns_nsec3_optout(record) != 0 }

    var iterations: UInt16 { isHashed ? ldns_nsec3_iterations(record) : 0 }

    /// Whether the hash is one that is known here: SHA-1, the only one there is.
    var hasKnownHash: Bool { isHashed && ldns_nsec3_algorithm(record) == 1 }

    /// The name that stands for `name` in its zone's chain of hashes.
    func hashed(_ name: DNSName, zone: DNSName) -> DNSName? {
        NameData.with(name) { data -> DNSName? in
            guard let hash = ldns_nsec3_hash_name_frm_nsec3(record, data) else { return nil }
            defer { ldns_rdf_deep_free(hash) }
            guard let label = RecordReader.name(hash)?.labels.first else { return nil }
            return DNSName(labels: [label] + zone.labels)
        } ?? nil
    }
}

/// Names as ldns takes them.
enum NameData {
    /// What `body` makes of the name; nil for a name without a wire form.
    static func with<Result>(
        _ name: DNSName,
        _ body: (UnsafeMutablePointer<ldns_struct_rdf>) -> Result
    ) -> Result? {
        guard let wire = name.wire, let data = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire.count, wire) else {
            return nil
        }
        defer { ldns_rdf_deep_free(data) }
        return body(data)
    }
}
