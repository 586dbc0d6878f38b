// SPDX-License-Identifier: Apache-2.0

/// Quoted strings (RFC 3261 section 25.1).
enum QuotedString {
    /// The place behind the closing quote of the string that opens at `start`; nil when it does not close.
    ///
    /// A quoted-pair may hold any byte but CR and LF, NUL included (MSG-29).
    static func end(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        let stop = min(end, bytes.count)
        var index = start &+ 1
        while index < stop {
            switch bytes.base[index] {
            case 0x22: return index &+ 1
            case 0x5C:
                guard index &+ 1 < stop, bytes[index &+ 1] != 0x0D, bytes[index &+ 1] != 0x0A else { return nil }
                index &+= 2
            default: index &+= 1
            }
        }
        return nil
    }
}
