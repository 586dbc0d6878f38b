// SPDX-License-Identifier: Apache-2.0

internal import CLDNS
package import NIOCore
package import SIPLocation

/// DNS messages between bytes and values; ldns reads and writes the wire form (design decision 3).
///
/// Answers come from outside: every length is checked, and what does not decode is an error, never a trap.
package enum DNSMessageCodec {
    /// The largest UDP answer that is asked for (EDNS0), which needs no fragments (LOC-66).
    package static let datagramSize: UInt16 = 1232

    /// A response as far as a resolver needs it.
    package struct Response: Sendable {
        package let id: UInt16
        package let isTruncated: Bool
        package let isAuthenticated: Bool
        /// With its upper bits from the OPT record (RFC 6891 section 6.1.3).
        package let code: UInt16
        package let question: DNSQuestion
        package let answers: [DNSRecord]
        package let authorities: [DNSRecord]
        /// The whole message, for whoever checks signatures.
        package var bytes = ByteBuffer()
    }

    /// What a query asks for beside the records.
    package struct QueryOptions: Sendable, Hashable {
        /// EDNS0 (RFC 6891): larger answers, and the bits below.
        package var usesEDNS = true
        /// DO: signatures come along (RFC 3225).
        package var wantsDNSSEC = false
        /// AD: the resolver is to say whether it has validated (RFC 6840 section 5.7).
        package var asksForVerdict = false
        /// CD: the resolver is to hand over what it holds for bogus too, because we judge (RFC 6840 section 5.9).
        package var checksItself = false

        package init() {}
    }

    /// The bytes of a query; nil for a name that has no wire form, and for a type that is none.
    package static func query(_ question: DNSQuestion, id: UInt16, _ options: QueryOptions) -> ByteBuffer? {
        // Of type 0, which no record has, ldns would make another question.
        guard question.type.rawValue > 0, let name = ldns_dname_new_frm_str(question.name.description) else {
            return nil
        }
        guard
            let packet = ldns_pkt_query_new(
                name,
                ldns_rr_type(UInt32(question.type.rawValue)),
                LDNS_RR_CLASS_IN,
                UInt16(LDNS_RD)
            )
        else {
            ldns_rdf_deep_free(name)
            return nil
        }
        defer { ldns_pkt_free(packet) }
        ldns_pkt_set_id(packet, id)
        ldns_pkt_set_ad(packet, options.asksForVerdict ? 1 : 0)
        ldns_pkt_set_cd(packet, options.checksItself ? 1 : 0)
        if options.usesEDNS {
            ldns_pkt_set_edns_udp_size(packet, datagramSize)
            ldns_pkt_set_edns_do(packet, options.wantsDNSSEC ? 1 : 0)
        }
        return wire(of: packet)
    }

    /// Draws the case of each letter of a query's name, which the answer repeats (LOC-67): some bits more that a forger
    /// has to guess.
    package static func mixCase(of query: inout ByteBuffer, using generator: inout some RandomNumberGenerator) {
        let start = query.readerIndex + headerLength
        guard let question = rawQuestion(of: query) else { return }
        for index in start..<(start + question.readableBytes - 4) {
            guard let byte: UInt8 = query.getInteger(at: index), (byte | 0x20) &- 0x61 < 26 else { continue }
            query.setInteger(Bool.random(using: &generator) ? byte ^ 0x20 : byte, at: index)
        }
    }

    /// The question of a message as it stands there, case and all; nil when there is none.
    package static func rawQuestion(of message: ByteBuffer) -> ByteBuffer? {
        let start = message.readerIndex + headerLength
        var index = start
        while let length: UInt8 = message.getInteger(at: index) {
            index += 1
            if length == 0 { return message.getSlice(at: start, length: index - start + 4) }
            guard length <= DNSName.labelLimit else { return nil }
            index += Int(length)
        }
        return nil
    }

    /// Octets before the question (RFC 1035 section 4.1.1).
    private static let headerLength = 12

    /// Reads a response; nil when it is none, or has no question of class IN.
    package static func response(_ bytes: ByteBuffer) -> Response? {
        withPacket(bytes) { packet -> Response? in
            guard ldns_pkt_qr(packet) != 0, let question = question(packet) else { return nil }
            return Response(
                id: ldns_pkt_id(packet),
                isTruncated: ldns_pkt_tc(packet) != 0,
                isAuthenticated: ldns_pkt_ad(packet) != 0,
                code: UInt16(ldns_pkt_edns_extended_rcode(packet)) << 4
                    | UInt16(truncatingIfNeeded: ldns_pkt_get_rcode(packet).rawValue) & 0xF,
                question: question,
                answers: RecordReader.records(ldns_pkt_answer(packet)),
                authorities: RecordReader.records(ldns_pkt_authority(packet)),
                bytes: bytes
            )
        }
    }

    static func withPacket<Result>(_ bytes: ByteBuffer, _ body: (UnsafeMutablePointer<ldns_pkt>) -> Result?) -> Result?
    {
        // ldns reads two octets beyond a question that ends the packet; a header and a root question are 17.
        guard bytes.readableBytes >= 17, bytes.readableBytes <= 65_535 else { return nil }
        return bytes.withUnsafeReadableBytes { raw -> Result? in
            guard let base = raw.baseAddress else { return nil }
            var packet: UnsafeMutablePointer<ldns_pkt>?
            let status = ldns_wire2pkt(&packet, base.assumingMemoryBound(to: UInt8.self), raw.count)
            guard status == LDNS_STATUS_OK, let packet else {
                if let packet { ldns_pkt_free(packet) }
                return nil
            }
            defer { ldns_pkt_free(packet) }
            return body(packet)
        }
    }

    static func wire(of packet: UnsafeMutablePointer<ldns_pkt>) -> ByteBuffer? {
        var bytes: UnsafeMutablePointer<UInt8>?
        var size = 0
        guard ldns_pkt2wire(&bytes, packet, &size) == LDNS_STATUS_OK, let bytes else { return nil }
        defer { free(bytes) }
        return ByteBuffer(bytes: UnsafeRawBufferPointer(start: bytes, count: size))
    }

    private static func question(_ packet: UnsafeMutablePointer<ldns_pkt>) -> DNSQuestion? {
        guard let list = ldns_pkt_question(packet), ldns_rr_list_rr_count(list) == 1,
            let record = ldns_rr_list_rr(list, 0),
            let owner = ldns_rr_owner(record), let name = RecordReader.name(owner),
            ldns_rr_get_class(record) == LDNS_RR_CLASS_IN
        else { return nil }
        return DNSQuestion(name, DNSRecordType(rawValue: UInt16(truncatingIfNeeded: ldns_rr_get_type(record).rawValue)))
    }
}
