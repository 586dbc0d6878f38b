// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPLocation

/// Writes the responses of the zone server (RFC 1035 section 4.1).
///
/// Owner names are compressed, names in data never, which every reader understands and newer types demand (RFC 3597
/// section 4).
package struct DNSResponseWriter {
    /// What a response repeats of its query.
    package struct Asked: Sendable, Hashable {
        package var id: UInt16 = 0
        package var opcode: UInt8 = 0
        package var isRecursionDesired = false
        /// The question as it came, so that its case stays; empty when it could not be read.
        package var question = ByteBuffer()
        package var name = DNSName("")
        package var type = DNSRecordType.a
        package var isInternet = true
        package var version: UInt8 = 0
        /// The largest datagram that the asker takes; 512 without EDNS.
        package var datagramSize = 512
        package var hasEDNS = false
        package var wantsDNSSEC = false
    }

    private var buffer: ByteBuffer
    private let asked: Asked
    /// Where a name stands that later ones may point to.
    private var places: [DNSName: UInt16] = [:]

    /// The bytes of a response; cut, with only its question left, when it is longer than `limit`.
    package static func write(
        _ reply: ZoneReply,
        to asked: Asked,
        limit: Int,
        ttl: UInt32? = nil,
        extendedCode: UInt8 = 0
    ) -> ByteBuffer {
        var writer = DNSResponseWriter(asked)
        writer.write(reply, ttl: ttl, extendedCode: extendedCode)
        if writer.buffer.readableBytes <= limit { return writer.buffer }
        var shorter = reply
        shorter.additionals = []
        writer = DNSResponseWriter(asked)
        writer.write(shorter, ttl: ttl, extendedCode: extendedCode)
        if writer.buffer.readableBytes <= limit { return writer.buffer }
        shorter.answers = []
        shorter.authorities = []
        writer = DNSResponseWriter(asked)
        writer.write(shorter, ttl: ttl, extendedCode: extendedCode, isTruncated: true)
        return writer.buffer
    }

    private init(_ asked: Asked) {
        self.asked = asked
        buffer = ByteBuffer()
        guard asked.question.readableBytes > 0 else { return }
        // The question stands behind the header, so records of its name, or above it, point there.
        var place: UInt16 = 12
        var rest: DNSName? = asked.name
        while let present = rest, let label = present.labels.first {
            places[present] = place
            place = place &+ UInt16(clamping: label.count + 1)
            rest = present.parent
        }
    }

    private mutating func write(_ reply: ZoneReply, ttl: UInt32?, extendedCode: UInt8, isTruncated: Bool = false) {
        let hasQuestion = asked.question.readableBytes > 0
        var flags: UInt16 = 0x8000 | UInt16(asked.opcode & 0xF) << 11 | UInt16(reply.code.rawValue)
        if reply.isAuthoritative, reply.code == .noError || reply.code == .nameError { flags |= 0x0400 }
        if isTruncated { flags |= 0x0200 }
        if asked.isRecursionDesired { flags |= 0x0100 }
        let counts = [
            hasQuestion ? 1 : 0, reply.answers.count, reply.authorities.count,
            reply.additionals.count + (asked.hasEDNS ? 1 : 0),
        ]
        buffer.writeInteger(asked.id)
        buffer.writeInteger(flags)
        for count in counts { buffer.writeInteger(UInt16(clamping: count)) }
        buffer.writeImmutableBuffer(asked.question)
        for record in reply.answers + reply.authorities + reply.additionals { write(record, ttl) }
        if asked.hasEDNS { writeEDNS(extendedCode) }
    }

    private mutating func write(_ record: ZoneRecord, _ ttl: UInt32?) {
        writeName(record.name)
        buffer.writeInteger(record.type.rawValue)
        buffer.writeInteger(UInt16(1))
        buffer.writeInteger(ttl ?? record.record.ttl)
        buffer.writeInteger(UInt16(clamping: record.data.count))
        buffer.writeBytes(record.data)
    }

    private mutating func writeName(_ name: DNSName) {
        var rest: DNSName? = name
        while let present = rest, !present.isRoot {
            if let place = places[present] {
                buffer.writeInteger(0xC000 | place)
                return
            }
            if buffer.writerIndex < 0x4000 { places[present] = UInt16(clamping: buffer.writerIndex) }
            let label = present.labels.first ?? []
            buffer.writeInteger(UInt8(clamping: label.count))
            buffer.writeBytes(label)
            rest = present.parent
        }
        buffer.writeInteger(UInt8(0))
    }

    /// The OPT record (RFC 6891 section 6.1.2): our size, the upper bits of the code, and DO as it came.
    private mutating func writeEDNS(_ extendedCode: UInt8) {
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(DNSRecordType.opt.rawValue)
        buffer.writeInteger(DNSMessageCodec.datagramSize)
        buffer.writeInteger(UInt32(extendedCode) << 24 | (asked.wantsDNSSEC ? 0x8000 : 0))
        buffer.writeInteger(UInt16(0))
    }
}
