// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension ByteBuffer {
    /// Appends an address in its canonical text, IPv6 without brackets, as `received` has it (MSG-39, MSG-42); without
    /// a String.
    package mutating func writeAddress(_ address: IPAddress) {
        switch address {
        case .v4(let value): writeIPv4(value)
        case .v6(let high, let low): writeIPv6(high, low)
        }
    }

    /// Appends an address as it stands in a URI or a sent-by: IPv6 in brackets.
    package mutating func writeHost(_ address: IPAddress) {
        guard address.isIPv6 else { return writeAddress(address) }
        writeStaticString("[")
        writeAddress(address)
        writeStaticString("]")
    }

    private mutating func writeIPv4(_ value: UInt32) {
        for place in 0..<4 {
            if place > 0 { writeStaticString(".") }
            writeDecimal(UInt64(value >> UInt32(24 - 8 * place) & 0xFF))
        }
    }

    private mutating func writeIPv6(_ high: UInt64, _ low: UInt64) {
        if high == 0, low >> 32 == 0xFFFF {
            writeStaticString("::ffff:")
            return writeIPv4(UInt32(truncatingIfNeeded: low))
        }
        let gap = IPAddress.longestZeroRun(high, low)
        var index = 0
        while index < 8 {
            if index == gap.start, gap.length > 0 {
                writeStaticString("::")
                index += gap.length
                continue
            }
            if index > 0, index != gap.start + gap.length || gap.length == 0 { writeStaticString(":") }
            let group = IPAddress.group(index, high, low)
            let digits = max(1, (16 - group.leadingZeroBitCount + 3) / 4)
            writeHexadecimal(UInt64(group), digits: digits)
            index += 1
        }
    }
}

extension IPAddress {
    /// One of the eight groups of an IPv6 address.
    static func group(_ index: Int, _ high: UInt64, _ low: UInt64) -> UInt16 {
        UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)))
    }

    /// The first longest run of at least two zero groups, which `::` stands for (RFC 5952 section 4.2).
    static func longestZeroRun(_ high: UInt64, _ low: UInt64) -> (start: Int, length: Int) {
        var best = (start: 0, length: 0)
        var start = 0
        for index in 0..<8 {
            if group(index, high, low) != 0 {
                start = index + 1
            } else if index + 1 - start > max(best.length, 1) {
                best = (start, index + 1 - start)
            }
        }
        return best
    }
}
