// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A bounds-checked view of bytes for scanning; it lives only inside the call that has the buffer open.
struct Bytes {
    let base: UnsafePointer<UInt8>
    let count: Int

    @inline(__always)
    init(base: UnsafePointer<UInt8>, count: Int) {
        self.base = base
        self.count = count
    }

    /// A view of `buffer`; nil when it is empty.
    @inline(__always)
    init?(_ buffer: UnsafeRawBufferPointer) {
        guard let address = buffer.baseAddress, buffer.count > 0 else { return nil }
        self.init(base: address.assumingMemoryBound(to: UInt8.self), count: buffer.count)
    }

    /// The byte at `index`, or 0 beyond the end: no SIP grammar gives NUL a meaning, so a scan stops there.
    @inline(__always)
    subscript(index: Int) -> UInt8 { index >= 0 && index < count ? base[index] : 0 }

    /// The first place of `byte` in `start..<end`.
    @inline(__always)
    func find(_ byte: UInt8, from start: Int, to end: Int) -> Int? {
        let stop = min(end, count)
        guard start < stop, let found = memchr(base + start, Int32(byte), stop - start) else { return nil }
        return UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
    }

    /// Whether the bytes from `start` to `end` equal `text`, whose letters are lower case, ignoring ASCII case.
    @inline(__always)
    func equalsIgnoringCase(_ text: StaticString, from start: Int, to end: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard end - start == length, start >= 0, end <= count else { return false }
        let other = text.utf8Start
        for index in 0..<length where Self.lowercase(base[start + index]) != other[index] { return false }
        return true
    }

    /// Whether the bytes from `start` are `text` exactly.
    @inline(__always)
    func hasPrefix(_ text: StaticString, at start: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        return start >= 0 && start + length <= count && memcmp(base + start, text.utf8Start, length) == 0
    }

    /// The place of the first byte that is not a space or tab, at or after `start`.
    @inline(__always)
    func skipBlanks(from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, Self.isLinearSpace(base[index]) { index += 1 }
        return index
    }

    /// The place behind the last byte that is not linear white space, at or before `end`.
    @inline(__always)
    func trimBlanks(from start: Int, to end: Int) -> Int {
        var index = end
        while index > start, Self.isLinearSpace(base[index - 1]) { index -= 1 }
        return index
    }

    /// The number that the decimal digits of `start..<end` spell, or nil when there are others, none, or it is above
    /// `limit`.
    ///
    /// Leading zeros are legal (MSG-23).
    func number(from start: Int, to end: Int, limit: UInt64) -> UInt64? {
        guard start < end, end <= count else { return nil }
        var value: UInt64 = 0
        for index in start..<end {
            let digit = base[index] &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            guard value <= limit else { return nil }
        }
        return value
    }

    /// SP, HTAB and, inside a folded field, CR and LF.
    @inline(__always)
    static func isLinearSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }

    @inline(__always)
    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// Whether a byte may stand in a token (RFC 3261 section 25.1).
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x2D, 0x2E, 0x21, 0x25, 0x2A, 0x5F, 0x2B, 0x60, 0x27, 0x7E: true
        default: false
        }
    }

    /// Whether a byte may stand in a host name; the underscore is tolerated (MSG-45).
    @inline(__always)
    static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }
}
