// SPDX-License-Identifier: Apache-2.0

/// A well-mixed 64-bit hash that is the same on every machine and in every run.
///
/// It spreads load; it protects nothing: whoever may choose Call-IDs may choose a backend, as with any hash that a
/// fleet without shared secrets computes alike.
@usableFromInline
package enum StableHash {
    /// The fractional bits of the golden ratio.
    @usableFromInline static let seed: UInt64 = 0x9E37_79B9_7F4A_7C15
    @usableFromInline static let multiplier: UInt64 = 0xD6E8_FEB8_6659_FD93

    /// Spreads every bit of `value` over all bits of the result; a bijection.
    @inlinable
    package static func mix(_ value: UInt64) -> UInt64 {
        var word = value
        word ^= word >> 32
        word = word &* multiplier
        word ^= word >> 29
        word = word &* 0xBF58_476D_1CE4_E5B9
        word ^= word >> 32
        return word
    }

    /// The hash of bytes, eight at a time in little-endian order, with their number mixed in.
    @inlinable
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = seed ^ (UInt64(truncatingIfNeeded: bytes.count) &* multiplier)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            state = mix(state ^ word) &+ seed
            offset &+= 8
        }
        var tail: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count {
            tail |= UInt64(bytes[offset]) &<< shift
            shift &+= 8
            offset &+= 1
        }
        return mix(state ^ tail)
    }

    /// The hash of a text's UTF-8 bytes.
    package static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }
}
