// SPDX-License-Identifier: Apache-2.0

/// Which bytes may stand where (RFC 3261 section 25.1), as bits of a table that is read once a byte.
enum CharacterClass {
    /// Letters, digits and `-.!%*_+`'~`.
    static let token: UInt8 = 1
    /// SP, HTAB and, inside a folded field, CR and LF.
    static let linearSpace: UInt8 = 2
    /// Letters, digits, `-`, `.`, and the underscore, which is tolerated (MSG-45).
    static let host: UInt8 = 4
    /// Controls, space, `"`, `<`, `>` and DEL, which stand in no URI (MSG-05).
    static let forbiddenInURI: UInt8 = 8
    static let digit: UInt8 = 16

    /// Whether `byte` belongs to a class.
    @inline(__always)
    static func contains(_ byte: UInt8, _ mask: UInt8) -> Bool { table[Int(byte)] & mask != 0 }

    /// The classes of each of the 256 bytes, 32 a row, as a character of code 64 plus the bits.
    ///
    /// A literal text lies in the binary as it is, where an array would be built at the first use and checked for that
    /// at every one.
    @inline(__always)
    private static var table: UnsafePointer<UInt8> {
        let classes: StaticString = """
            HHHHHHHHHJJHHJHHHHHHHHHHHHHHHHHH\
            JAH@@A@A@@AA@EE@UUUUUUUUUU@@H@H@\
            @EEEEEEEEEEEEEEEEEEEEEEEEEE@@@@E\
            AEEEEEEEEEEEEEEEEEEEEEEEEEE@@@AH\
            @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\
            @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\
            @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\
            @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
            """
        return classes.utf8Start
    }
}
