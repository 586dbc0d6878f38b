// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// CRC-32C (Castagnoli, reflected), the loop part of a branch (PRX-42) and PROXY protocol's checksum.
package struct CRC32C: Sendable {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }

    private var state: UInt32 = .max

    package init() {}

    /// The checksum of all that was added.
    package var value: UInt32 { ~state }

    /// Adds the bytes of `range`.
    package mutating func update(_ buffer: ByteBuffer, _ range: ByteRange) {
        buffer.withUnsafeReadableBytes { raw in
            guard range.end <= raw.count else { return }
            Self.table.withUnsafeBufferPointer { table in
                for index in range.start..<range.end {
                    state = state >> 8 ^ table[Int((state ^ UInt32(raw[index])) & 0xFF)]
                }
            }
        }
    }

    /// Adds one byte.
    package mutating func update(_ byte: UInt8) {
        state = state >> 8 ^ Self.table[Int((state ^ UInt32(byte)) & 0xFF)]
    }
}
