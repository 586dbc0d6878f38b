// SPDX-License-Identifier: Apache-2.0

/// Where bytes of a file cannot be text.
enum TextDecoding {
    /// Where the first byte stands that is no part of UTF-8; nil when all are.
    static func firstInvalid(_ bytes: [UInt8]) -> SourcePosition? {
        guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
        var (line, column) = (1, 1)
        var iterator = bytes.makeIterator()
        var decoder = UTF8()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return SourcePosition(line: line, column: column)
    }

    /// Where the character stands that begins at or holds the byte `offset` of a text.
    static func position(ofByte offset: Int, in text: String) -> SourcePosition {
        var (line, column) = (1, 1)
        for byte in text.utf8.prefix(max(0, offset)) {
            if byte == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return SourcePosition(line: line, column: column)
    }
}
