// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
internal import SIPLocation
internal import SIPMessage

/// Reads ldns records into values; a record that is not of its type's shape is left out.
enum RecordReader {
    /// Records that one section may have; more is not an answer that anybody needs.
    static let limit = 2000

    static func records(_ list: UnsafeMutablePointer<ldns_struct_rr_list>?) -> [DNSRecord] {
        guard let list else { return [] }
        let count = min(ldns_rr_list_rr_count(list), limit)
        return (0..<count).compactMap { ldns_rr_list_rr(list, $0).flatMap(record) }
    }

    static func record(_ record: UnsafeMutablePointer<ldns_struct_rr>) -> DNSRecord? {
        guard let owner = ldns_rr_owner(record), let name = name(owner), ldns_rr_get_class(record) == LDNS_RR_CLASS_IN
        else {
            return nil
        }
        let type = DNSRecordType(rawValue: UInt16(truncatingIfNeeded: ldns_rr_get_type(record).rawValue))
        guard let data = data(record, type) else { return nil }
        return DNSRecord(name: name, type: type, ttl: ldns_rr_ttl(record), data: data)
    }

    /// The data in wire form, names uncompressed: what ldns keeps is that already.
    static func wireData(_ record: UnsafeMutablePointer<ldns_struct_rr>) -> [UInt8] {
        (0..<ldns_rr_rd_count(record)).reduce(into: []) { data, index in
            if let rdf = ldns_rr_rdf(record, index), let bytes = bytes(rdf) { data += bytes }
        }
    }

    static func name(_ rdf: UnsafeMutablePointer<ldns_struct_rdf>) -> DNSName? {
        bytes(rdf).flatMap { DNSName(wire: $0) }
    }

    private static func bytes(_ rdf: UnsafeMutablePointer<ldns_struct_rdf>) -> [UInt8]? {
        let size = ldns_rdf_size(rdf)
        guard size > 0, let data = ldns_rdf_data(rdf) else { return nil }
        return Array(UnsafeBufferPointer(start: data, count: size))
    }

    private static func data(_ record: UnsafeMutablePointer<ldns_struct_rr>, _ type: DNSRecordType) -> DNSRecordData? {
        let fields = (0..<ldns_rr_rd_count(record)).map { ldns_rr_rdf(record, $0) }
        switch type {
        case .a, .aaaa: return field(fields, 0).flatMap(address)
        case .cname: return fieldName(fields, 0).map { .cname($0) }
        case .ns: return fieldName(fields, 0).map { .ns($0) }
        case .srv: return srv(fields)
        case .naptr: return naptr(fields)
        case .tlsa: return .tlsa(TLSAData(wire: wireData(record)))
        case .soa: return field(fields, 6).flatMap { number($0) as UInt32? }.map { .soa(minimum: $0) }
        default: return .other
        }
    }

    private typealias Fields = [UnsafeMutablePointer<ldns_struct_rdf>?]

    private static func field(_ fields: Fields, _ index: Int) -> [UInt8]? {
        guard index < fields.count, let rdf = fields[index] else { return nil }
        return bytes(rdf)
    }

    private static func fieldName(_ fields: Fields, _ index: Int) -> DNSName? {
        field(fields, index).flatMap { DNSName(wire: $0) }
    }

    private static func number<Number: FixedWidthInteger>(_ bytes: [UInt8]) -> Number? {
        guard bytes.count == Number.bitWidth / 8 else { return nil }
        return bytes.reduce(Number(0)) { $0 << 8 | Number($1) }
    }

    private static func address(_ bytes: [UInt8]) -> DNSRecordData? {
        if let value: UInt32 = number(bytes) { return .address(.v4(value)) }
        guard bytes.count == 16, let high: UInt64 = number(Array(bytes[..<8])),
            let low: UInt64 = number(Array(bytes[8...]))
        else {
            return nil
        }
        return .address(.v6(high: high, low: low))
    }

    private static func srv(_ fields: Fields) -> DNSRecordData? {
        guard let priority: UInt16 = field(fields, 0).flatMap({ number($0) }),
            let weight: UInt16 = field(fields, 1).flatMap({ number($0) }),
            let port: UInt16 = field(fields, 2).flatMap({ number($0) }), let target = fieldName(fields, 3)
        else { return nil }
        return .srv(SRVData(priority: priority, weight: weight, port: port, target: target))
    }

    private static func naptr(_ fields: Fields) -> DNSRecordData? {
        guard let order: UInt16 = field(fields, 0).flatMap({ number($0) }),
            let preference: UInt16 = field(fields, 1).flatMap({ number($0) }), let flags = text(fields, 2),
            let services = text(fields, 3), let regexp = text(fields, 4), let replacement = fieldName(fields, 5)
        else { return nil }
        return .naptr(
            NAPTRData(
                order: order,
                preference: preference,
                flags: flags,
                services: services,
                regexp: regexp,
                replacement: replacement
            )
        )
    }

    /// A character-string: a length octet and that many octets.
    private static func text(_ fields: Fields, _ index: Int) -> String? {
        guard let bytes = field(fields, index), let length = bytes.first, bytes.count == Int(length) + 1 else {
            return nil
        }
        return String(decoding: bytes.dropFirst(), as: UTF8.self)
    }
}
