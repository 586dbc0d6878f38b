// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import NIOCore
internal import SIPLocation

/// The records of one name and type in a response, with the signatures that came along.
///
/// The pointers are those of the message, so they live as long as it does.
struct RecordSet {
    typealias Record = UnsafeMutablePointer<ldns_struct_rr>

    let owner: DNSName
    let type: DNSRecordType
    var records: [Record] = []
    var signatures: [Record] = []

    /// Whether it claims to be signed.
    var isSigned: Bool { !signatures.isEmpty }

    /// The shortest TTL of its records.
    var seconds: UInt32 { records.map { ldns_rr_ttl($0) }.min() ?? 0 }
}

/// A response as whoever checks its signatures needs it: in sets, each with its signatures.
final class SignedMessage {
    private struct Key: Hashable {
        let owner: DNSName
        let type: DNSRecordType
    }

    private let packet: UnsafeMutablePointer<ldns_pkt>
    private var answers: [Key: RecordSet] = [:]
    private var authorities: [Key: RecordSet] = [:]

    /// Reads a message; nil when it is none.
    init?(_ bytes: ByteBuffer) {
        guard bytes.readableBytes >= 17 else { return nil }
        var read: UnsafeMutablePointer<ldns_pkt>?
        let status = bytes.withUnsafeReadableBytes { raw -> ldns_status in
            guard let base = raw.baseAddress else { return LDNS_STATUS_ERR }
            return ldns_wire2pkt(&read, base.assumingMemoryBound(to: UInt8.self), raw.count)
        }
        guard status == LDNS_STATUS_OK, let read else {
            if let read { ldns_pkt_free(read) }
            return nil
        }
        packet = read
        answers = Self.sets(ldns_pkt_answer(packet))
        authorities = Self.sets(ldns_pkt_authority(packet))
    }

    deinit { ldns_pkt_free(packet) }

    var code: UInt16 { UInt16(truncatingIfNeeded: ldns_pkt_get_rcode(packet).rawValue) & 0xF }

    /// A set of the answer section.
    func answer(_ name: DNSName, _ type: DNSRecordType) -> RecordSet? { answers[Key(owner: name, type: type)] }

    /// What says, or could prove, that something does not exist: SOA, NSEC and NSEC3 of the authority section.
    var absence: [RecordSet] {
        authorities.values.filter { [.soa, .nsec, .nsec3].contains($0.type) }.sorted { $0.owner.text < $1.owner.text }
    }

    private static func sets(_ list: UnsafeMutablePointer<ldns_struct_rr_list>?) -> [Key: RecordSet] {
        guard let list else { return [:] }
        var sets: [Key: RecordSet] = [:]
        for index in 0..<min(ldns_rr_list_rr_count(list), RecordReader.limit) {
            guard let record = ldns_rr_list_rr(list, index), let owner = ldns_rr_owner(record),
                let name = RecordReader.name(owner), ldns_rr_get_class(record) == LDNS_RR_CLASS_IN
            else { continue }
            let type = DNSRecordType(rawValue: UInt16(truncatingIfNeeded: ldns_rr_get_type(record).rawValue))
            if type == .rrsig {
                guard ldns_rr_rd_count(record) == Self.signatureFields, let covered = ldns_rr_rrsig_typecovered(record)
                else { continue }
                let key = Key(owner: name, type: DNSRecordType(rawValue: UInt16(ldns_rdf2rr_type(covered).rawValue)))
                sets[key, default: RecordSet(owner: name, type: key.type)].signatures.append(record)
            } else {
                let key = Key(owner: name, type: type)
                sets[key, default: RecordSet(owner: name, type: type)].records.append(record)
            }
        }
        return sets.filter { !$0.value.records.isEmpty }
    }

    /// Fields of an RRSIG record (RFC 4034 section 3.1).
    private static let signatureFields = 9
}
