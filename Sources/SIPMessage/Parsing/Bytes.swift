// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A view of bytes for scanning; it lives only inside the call that has the buffer open.
///
/// Every read is bounds-checked, by the subscript or by a loop whose end is at most `count`, so no input can make it
/// leave the buffer.
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
        guard start >= 0, start < stop, let found = memchr(base + start, Int32(byte), stop &- start) else { return nil }
        return UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
    }

    /// Whether the bytes from `start` are `text` exactly.
    @inline(__always)
    func hasPrefix(_ text: StaticString, at start: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        return start >= 0 && start &+ length <= count && memcmp(base + start, text.utf8Start, length) == 0
    }

    /// The place of the first byte that is no linear white space, at or after `start`.
    @inline(__always)
    func skipBlanks(from start: Int, to end: Int) -> Int {
        var index = max(0, start)
        let stop = min(end, count)
        while index < stop, Self.isLinearSpace(base[index]) { index &+= 1 }
        return index
    }

    /// The place behind the last byte that is no linear white space, at or before `end`.
    @inline(__always)
    func trimBlanks(from start: Int, to end: Int) -> Int {
        var index = min(end, count)
        let stop = max(0, start)
        while index > stop, Self.isLinearSpace(base[index &- 1]) { index &-= 1 }
        return index
    }

    /// The place of the first byte that belongs to no token, at or after `start`.
    @inline(__always)
    func skipToken(from start: Int, to end: Int) -> Int {
        var index = max(0, start)
        let stop = min(end, count)
        while index < stop, Self.isToken(base[index]) { index &+= 1 }
        return index
    }

    /// The place of the first byte that is no decimal digit, at or after `start`.
    @inline(__always)
    func skipDigits(from start: Int, to end: Int) -> Int {
        var index = max(0, start)
        let stop = min(end, count)
        while index < stop, base[index] &- 0x30 < 10 { index &+= 1 }
        return index
    }

    /// Whether linear white space stands in `start..<end`.
    @inline(__always)
    func hasBlank(from start: Int, to end: Int) -> Bool { skipSolid(from: start, to: end) < min(end, count) }

    /// The place of the first linear white space, at or after `start`.
    @inline(__always)
    func skipSolid(from start: Int, to end: Int) -> Int {
        var index = max(0, start)
        let stop = min(end, count)
        while index < stop, !Self.isLinearSpace(base[index]) { index &+= 1 }
        return index
    }

    /// The number that the decimal digits of `start..<end` spell, saturating at the largest; nil when something else
    /// than digits stands there, or nothing.
    ///
    /// Leading zeros are legal (MSG-23).
    func saturatingNumber(from start: Int, to end: Int) -> UInt64? {
        guard start >= 0, start < end, end <= count else { return nil }
        var value: UInt64 = 0
        for index in start..<end {
            let digit = base[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(UInt64(digit))
            value = overflows || carries ? .max : sum
        }
        return value
    }

    /// The same number; nil as well when it is above `limit`.
    @inline(__always)
    func number(from start: Int, to end: Int, limit: UInt64) -> UInt64? {
        guard let value = saturatingNumber(from: start, to: end), value <= limit else { return nil }
        return value
    }

    /// Whether two ranges hold the same bytes.
    func same(_ left: ByteRange, _ right: ByteRange) -> Bool {
        left.length == right.length && left.end <= count && right.end <= count
            && memcmp(base + left.start, base + right.start, left.count) == 0
    }
}

/// Comparison without regard to the case of ASCII letters, a word at a time.
extension Bytes {
    /// Whether the bytes from `start` to `end` equal `text`, whose letters are lower case, ignoring ASCII case.
    @inline(__always)
    func equalsIgnoringCase(_ text: StaticString, from start: Int, to end: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        guard end &- start == length, start >= 0, end <= count else { return false }
        return Self.equal(base + start, text.utf8Start, length)
    }

    @inline(__always)
    private static func equal(_ bytes: UnsafePointer<UInt8>, _ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        if length >= 8 {
            var index = 0
            while index &+ 8 < length {
                guard equal(bytes + index, text + index, as: UInt64.self) else { return false }
                index &+= 8
            }
            // The last word overlaps the one before, so that no byte is left over.
            return equal(bytes + (length &- 8), text + (length &- 8), as: UInt64.self)
        }
        if length >= 4 {
            return equal(bytes, text, as: UInt32.self)
                && equal(bytes + (length &- 4), text + (length &- 4), as: UInt32.self)
        }
        for index in 0..<length where lowercase(bytes[index]) != text[index] { return false }
        return true
    }

    /// One word: bytes may differ in the bit that tells the case, and only where the text has a letter.
    @inline(__always)
    private static func equal<Word: FixedWidthInteger>(
        _ bytes: UnsafePointer<UInt8>,
        _ text: UnsafePointer<UInt8>,
        as word: Word.Type
    ) -> Bool {
        let left = UnsafeRawPointer(bytes).loadUnaligned(as: Word.self)
        let right = UnsafeRawPointer(text).loadUnaligned(as: Word.self)
        let letters = right & Word(truncatingIfNeeded: 0x4040_4040_4040_4040 as UInt64)
        return (left ^ right) & ~(letters >> 1) == 0
    }
}

/// Single bytes.
extension Bytes {
    @inline(__always)
    static func isLinearSpace(_ byte: UInt8) -> Bool { CharacterClass.contains(byte, CharacterClass.linearSpace) }

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { CharacterClass.contains(byte, CharacterClass.token) }

    @inline(__always)
    static func isHostCharacter(_ byte: UInt8) -> Bool { CharacterClass.contains(byte, CharacterClass.host) }

    @inline(__always)
    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }
}
