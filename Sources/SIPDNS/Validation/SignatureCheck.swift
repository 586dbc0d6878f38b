// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import SIPLocation

/// Whether the keys of a zone signed a set (RFC 4035 section 5.3); ldns does the arithmetic.
enum SignatureCheck {
    /// Signatures of one set that are tried: what many would cost is an attack (CVE-2023-50387).
    static let signatureLimit = 8

    /// What a signature that holds says of its set.
    struct Verified {
        /// Labels of the name that was signed: fewer than the owner has, when a wildcard was expanded.
        let labels: Int
        /// How long the set may be used: the signed TTL, and no longer than the signature lives.
        let seconds: UInt32
    }

    /// - Parameter time: seconds since 1970, at which signatures must be valid.
    /// - Returns: nil when no signature holds.
    static func verify(_ set: RecordSet, by keys: ZoneKeys, time: Int64) -> Verified? {
        guard set.owner.isWithin(keys.zone), let list = ldns_rr_list_new(), let keyList = ldns_rr_list_new() else {
            return nil
        }
        defer {
            ldns_rr_list_free(list)
            ldns_rr_list_deep_free(keyList)
        }
        for record in set.records { ldns_rr_list_push_rr(list, record) }
        for key in keys.keys {
            var record: RecordSet.Record?
            var position = 0
            if ldns_wire2rr(&record, key, key.count, &position, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK, let record {
                ldns_rr_list_push_rr(keyList, record)
            }
        }
        for signature in set.signatures.prefix(signatureLimit) {
            guard let verified = claim(of: signature, over: set, zone: keys.zone, time: time) else { continue }
            // ldns takes times beyond 2038 for ones before 1970; ``claim`` has looked at them.
            let status = ldns_verify_rrsig_keylist_notime(list, signature, keyList, nil)
            if status == LDNS_STATUS_OK { return verified }
        }
        return nil
    }

    /// What a signature claims, when it is one that may count: by this zone, at this time, and for no more labels than
    /// the name has (RFC 4035 section 5.3.1).
    private static func claim(
        of signature: RecordSet.Record,
        over set: RecordSet,
        zone: DNSName,
        time: Int64
    ) -> Verified? {
        guard let signer = ldns_rr_rrsig_signame(signature).flatMap(RecordReader.name), signer == zone,
            let labels = ldns_rr_rrsig_labels(signature), let ttl = ldns_rr_rrsig_origttl(signature),
            let expiration = ldns_rr_rrsig_expiration(signature), let inception = ldns_rr_rrsig_inception(signature)
        else { return nil }
        let signed = Int(ldns_rdf2native_int8(labels))
        guard signed <= labelCount(set.owner), signed >= zone.labels.count else { return nil }
        // Times are numbers modulo 2^32 (RFC 4034 section 3.1.5).
        let now = UInt32(truncatingIfNeeded: time)
        let left = Int32(bitPattern: ldns_rdf2native_int32(expiration) &- now)
        let age = Int32(bitPattern: now &- ldns_rdf2native_int32(inception))
        guard left >= 0, age >= 0 else { return nil }
        let seconds = min(ldns_rdf2native_int32(ttl), set.seconds, UInt32(left))
        return Verified(labels: signed, seconds: seconds)
    }

    /// Labels as RRSIG counts them: without the root and without a leading `*` (RFC 4034 section 3.1.3).
    static func labelCount(_ name: DNSName) -> Int {
        let labels = name.labels
        return labels.first == [0x2A] ? labels.count - 1 : labels.count
    }
}
