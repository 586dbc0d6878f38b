// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import SIPMessage

/// Reads the header at the beginning of a connection (TRN-65 to TRN-67).
package enum ProxyHeaderReader {
    package enum Outcome: Sendable, Hashable {
        /// So far it is the beginning of one.
        case needMore
        case header(ProxyHeader)
        case invalid(ProxyHeaderFault)
    }

    /// The longest header of version 2 that is read, in bytes; those of load balancers have less than a tenth.
    package static let lengthLimit = 4096

    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    /// Reads the readable bytes, which begin with the connection's first.
    ///
    /// - Parameter versions: those that are accepted.
    package static func read(_ bytes: ByteBuffer, _ versions: Set<ProxyProtocolVersion>) -> Outcome {
        guard let first = bytes.readableBytesView.first else { return .needMore }
        switch first {
        case signature[0] where versions.contains(.v2): return readBytes(bytes)
        case ProxyHeaderLine.word[0] where versions.contains(.v1): return ProxyHeaderLine.read(bytes)
        default: return .invalid(.signature)
        }
    }

    // MARK: Version 2

    private static let fixedLength = 16

    private static func readBytes(_ bytes: ByteBuffer) -> Outcome {
        let view = bytes.readableBytesView
        guard view.prefix(signature.count).elementsEqual(signature.prefix(view.count)) else {
            return .invalid(.signature)
        }
        let start = bytes.readerIndex
        guard let head = bytes.getInteger(at: start + 12, as: UInt8.self) else { return .needMore }
        guard head >> 4 == 2 else { return .invalid(.version) }
        guard head & 0x0F <= 1 else { return .invalid(.command) }
        guard let kind = bytes.getInteger(at: start + 13, as: UInt8.self),
            let rest = bytes.getInteger(at: start + 14, as: UInt16.self)
        else { return .needMore }
        let length = fixedLength + Int(rest)
        guard length <= lengthLimit else { return .invalid(.length) }
        guard let header = bytes.getSlice(at: start, length: length) else { return .needMore }
        // What LOCAL says of addresses and all else is not looked at.
        return head & 0x0F == 0 ? .header(ProxyHeader(source: nil, length: length)) : passedOn(header, kind)
    }

    private static func passedOn(_ header: ByteBuffer, _ kind: UInt8) -> Outcome {
        let size: Int
        switch kind {
        case 0x00: size = 0
        case 0x11: size = 4
        case 0x21: size = 16
        default: return .invalid(.family)
        }
        let addresses = size == 0 ? 0 : 2 * size + 4
        guard header.readableBytes >= fixedLength + addresses else { return .invalid(.length) }
        if let fault = fault(ofFieldsIn: header, from: fixedLength + addresses) { return .invalid(fault) }
        guard size > 0 else { return .header(ProxyHeader(source: nil, length: header.readableBytes)) }
        guard let source = source(in: header, addressSize: size) else { return .invalid(.address) }
        return .header(ProxyHeader(source: source, length: header.readableBytes))
    }

    private static func source(in header: ByteBuffer, addressSize size: Int) -> ProxyHeader.Source? {
        let start = header.readerIndex + fixedLength
        guard let port = header.getInteger(at: start + 2 * size, as: UInt16.self) else { return nil }
        let address: IPAddress
        if size == 4 {
            guard let number = header.getInteger(at: start, as: UInt32.self) else { return nil }
            address = .v4(number)
        } else {
            guard let high = header.getInteger(at: start, as: UInt64.self),
                let low = header.getInteger(at: start + 8, as: UInt64.self)
            else { return nil }
            address = IPAddress.v6(high: high, low: low).unmapped
        }
        return address.isUnsendable ? nil : ProxyHeader.Source(address: address, port: port)
    }

    // MARK: Fields behind the addresses

    private static let checksumType: UInt8 = 0x03

    /// Every field must end within the header, and a checksum be that of all of it with its own place zeroed.
    private static func fault(ofFieldsIn header: ByteBuffer, from offset: Int) -> ProxyHeaderFault? {
        var place = header.readerIndex + offset
        while place < header.writerIndex {
            guard let type = header.getInteger(at: place, as: UInt8.self),
                let length = header.getInteger(at: place + 1, as: UInt16.self),
                place + 3 + Int(length) <= header.writerIndex
            else { return .field }
            if type == checksumType {
                guard length == 4, let sum = header.getInteger(at: place + 3, as: UInt32.self) else { return .field }
                if checksum(of: header, without: place + 3) != sum { return .checksum }
            }
            place += 3 + Int(length)
        }
        return nil
    }

    private static func checksum(of header: ByteBuffer, without place: Int) -> UInt32 {
        var sum = CRC32C()
        for (index, byte) in header.readableBytesView.enumerated() {
            let isChecksum = (place..<place + 4).contains(header.readerIndex + index)
            sum.update(isChecksum ? 0 : byte)
        }
        return sum.value
    }
}
