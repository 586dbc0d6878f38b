// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Text that goes straight into a buffer, without a String.
extension ByteBuffer {
    /// Appends a number in decimal digits.
    package mutating func writeDecimal(_ value: UInt64) {
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20, value >= bound {
            digits &+= 1
            bound = digits < 20 ? bound &* 10 : .max
        }
        _ = writeWithUnsafeMutableBytes(minimumWritableBytes: digits) { target in
            var rest = value
            for place in stride(from: digits &- 1, through: 0, by: -1) {
                target[place] = UInt8(truncatingIfNeeded: rest % 10) &+ 0x30
                rest /= 10
            }
            return digits
        }
    }

    /// Appends the lowest `digits` hexadecimal digits of a number, at most sixteen, in lower case.
    package mutating func writeHexadecimal(_ value: UInt64, digits: Int) {
        let digits = min(max(digits, 0), 16)
        _ = writeWithUnsafeMutableBytes(minimumWritableBytes: digits) { target in
            for place in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 &* (digits &- 1 &- place))) & 0xF
                target[place] = digit &+ (digit < 10 ? 0x30 : 0x57)
            }
            return digits
        }
    }

    /// Appends a part of another buffer, without making a slice of it.
    package mutating func append(_ range: ByteRange, of other: ByteBuffer) {
        other.withUnsafeReadableBytes { raw in
            guard range.end <= raw.count else { return }
            _ = writeBytes(UnsafeRawBufferPointer(rebasing: raw[range.start..<range.end]))
        }
    }
}
