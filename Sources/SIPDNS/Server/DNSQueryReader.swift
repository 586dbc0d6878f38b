// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import SIPLocation

/// Reads queries for the zone server: a header, one question, perhaps an OPT record.
package enum DNSQueryReader {
    /// What came of a message.
    package enum Result: Sendable, Hashable {
        case query(DNSResponseWriter.Asked)
        /// To be answered with FORMERR.
        case malformed(DNSResponseWriter.Asked)
        /// A response, or less than a header: never answered, so that two servers cannot talk to each other.
        case ignored
    }

    package static func read(_ message: ByteBuffer) -> Result {
        var bytes = message
        guard let header = bytes.readMultipleIntegers(as: (UInt16, UInt16, UInt16, UInt16, UInt16, UInt16).self),
            header.1 & 0x8000 == 0
        else { return .ignored }
        var asked = DNSResponseWriter.Asked()
        asked.id = header.0
        asked.opcode = UInt8(truncatingIfNeeded: header.1 >> 11 & 0xF)
        asked.isRecursionDesired = header.1 & 0x0100 != 0
        guard header.2 == 1, readQuestion(&bytes, &asked) else { return .malformed(asked) }
        guard header.3 == 0, header.4 == 0, header.5 <= 4 else { return .malformed(asked) }
        for _ in 0..<header.5 {
            guard readAdditional(&bytes, &asked) else { return .malformed(asked) }
        }
        return .query(asked)
    }

    private static func readQuestion(_ bytes: inout ByteBuffer, _ asked: inout DNSResponseWriter.Asked) -> Bool {
        var whole = bytes
        guard let wire = readName(&bytes), let name = DNSName(wire: wire),
            let (type, kind) = bytes.readMultipleIntegers(as: (UInt16, UInt16).self)
        else { return false }
        asked.name = name
        asked.type = DNSRecordType(rawValue: type)
        asked.isInternet = kind == 1 || kind == 255
        asked.question = whole.readSlice(length: bytes.readerIndex - whole.readerIndex) ?? ByteBuffer()
        return true
    }

    /// A name without compression, which a query has no use for.
    private static func readName(_ bytes: inout ByteBuffer) -> [UInt8]? {
        var wire: [UInt8] = []
        while wire.count < DNSName.wireLimit, let length: UInt8 = bytes.readInteger() {
            wire.append(length)
            if length == 0 { return wire }
            guard length <= DNSName.labelLimit, let label = bytes.readBytes(length: Int(length)) else { return nil }
            wire += label
        }
        return nil
    }

    private static func readAdditional(_ bytes: inout ByteBuffer, _ asked: inout DNSResponseWriter.Asked) -> Bool {
        guard let wire = readName(&bytes),
            let fields = bytes.readMultipleIntegers(as: (UInt16, UInt16, UInt8, UInt8, UInt16, UInt16).self),
            bytes.readSlice(length: Int(fields.5)) != nil
        else { return false }
        guard fields.0 == DNSRecordType.opt.rawValue else { return true }
        // More than one OPT record is an error (RFC 6891 section 6.1.1).
        guard wire == [0], !asked.hasEDNS else { return false }
        asked.hasEDNS = true
        asked.datagramSize = max(512, Int(fields.1))
        asked.version = fields.3
        asked.wantsDNSSEC = fields.4 & 0x8000 != 0
        return true
    }
}
