// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// The branch that this edge writes into its Via: `z9hG4bK`, worker, slot and nonce, a dot, and the loop part (PRX-41,
/// PRX-42).
///
/// A response finds its transaction by the slot without any search; the nonce keeps old ones and guesses out. The loop
/// part is a keyed checksum over what decides the way of a request, so a request that comes back unchanged is known.
struct Branch: Equatable {
    static let length = 7 + 4 + 8 + 12 + 1 + 8
    static let nonceMask: UInt64 = 0xFFFF_FFFF_FFFF

    var worker: WorkerIndex
    var slot: UInt32
    var nonce: UInt64
    var loop: UInt32

    /// Appends the branch.
    func write(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("z9hG4bK")
        buffer.writeHexadecimal(UInt64(worker), digits: 4)
        buffer.writeHexadecimal(UInt64(slot), digits: 8)
        buffer.writeHexadecimal(nonce & Self.nonceMask, digits: 12)
        buffer.writeStaticString(".")
        buffer.writeHexadecimal(UInt64(loop), digits: 8)
    }

    /// The branch in `range`; nil when its shape is not ours.
    static func read(_ bytes: ByteBuffer, _ range: ByteRange) -> Branch? {
        guard range.count == length else { return nil }
        return bytes.withUnsafeReadableBytes { raw in
            guard range.end <= raw.count, raw[range.start] == 0x7A, raw[range.start + 6] == 0x4B,
                raw[range.start + 31] == 0x2E,
                let worker = hexadecimal(raw, range.start + 7, 4),
                let slot = hexadecimal(raw, range.start + 11, 8),
                let nonce = hexadecimal(raw, range.start + 19, 12),
                let loop = hexadecimal(raw, range.start + 32, 8)
            else { return nil }
            return Branch(
                worker: WorkerIndex(truncatingIfNeeded: worker),
                slot: UInt32(truncatingIfNeeded: slot),
                nonce: nonce,
                loop: UInt32(truncatingIfNeeded: loop)
            )
        }
    }

    private static func hexadecimal(_ raw: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<(start + count) {
            let byte = raw[index]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte &- 0x30
            case 0x61...0x66: digit = byte &- 0x57
            default: return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
