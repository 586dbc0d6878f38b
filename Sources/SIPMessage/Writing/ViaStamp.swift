// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What becomes of `received` and `rport` in a topmost Via (RFC 3261 section 18.2.1, RFC 3581 section 4).
///
/// `received` is added when the sent-by is a name or another address than the source, or when `rport` asks for the
/// port; what the client itself wrote there is overwritten, in its place (TRN-17 to TRN-20, TRN-22).
struct ViaStamp {
    /// One change: bytes to take out, and whether to write the parameter there.
    struct Change {
        var range: ByteRange
        var writes: Bool
    }

    let received: Change?
    let returnPort: Change?

    init(via: Via, source: IPAddress) {
        let wantsPort = via.returnPort != .absent
        let isNeeded = wantsPort || via.address?.unmapped != source.unmapped
        if let old = via.receivedParameter {
            received = Change(range: old, writes: isNeeded)
        } else {
            received = isNeeded ? Change(range: ByteRange(via.range.end, via.range.end), writes: true) : nil
        }
        returnPort = via.returnPortParameter.map { Change(range: $0, writes: true) }
    }
}

extension ByteBuffer {
    mutating func writeReceived(_ text: ByteBuffer) {
        writeStaticString(";received=")
        text.withUnsafeReadableBytes { _ = writeBytes($0) }
    }

    mutating func writeReturnPort(_ port: UInt16) {
        writeStaticString(";rport=")
        writeDecimal(UInt64(port))
    }
}
