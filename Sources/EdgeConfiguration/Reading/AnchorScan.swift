// SPDX-License-Identifier: Apache-2.0

/// Finds anchors and aliases before the YAML parser sees a text: they could make much of a small file, and nothing here
/// needs them.
///
/// Where a text is so odd that a scan cannot be sure, it finds one too many rather than one too few.
struct AnchorScan {
    private let bytes: [UInt8]
    private var index = 0
    private var position = SourcePosition(line: 1, column: 1)
    private var depth = 0
    /// Whether a value may begin here.
    private var isAtStart = true

    private init(_ text: String) { bytes = Array(text.utf8) }

    /// Where the first anchor or alias stands; nil when there is none.
    static func first(in text: String) -> SourcePosition? {
        var scan = AnchorScan(text)
        return scan.run()
    }

    private var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    private var next: UInt8? { index + 1 < bytes.count ? bytes[index + 1] : nil }

    private static func isSpace(_ byte: UInt8?) -> Bool {
        byte == nil || byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private mutating func advance() {
        if bytes[index] == UInt8(ascii: "\n") {
            position = SourcePosition(line: position.line + 1, column: 1)
            isAtStart = true
        } else if index + 1 < bytes.count, bytes[index + 1] & 0xC0 != 0x80 {
            position = SourcePosition(line: position.line, column: position.column + 1)
        }
        index += 1
    }

    private mutating func run() -> SourcePosition? {
        while let byte {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: advance()
            case UInt8(ascii: "#") where index == 0 || Self.isSpace(bytes[index - 1]): skipLine()
            case UInt8(ascii: "&") where isAtStart, UInt8(ascii: "*") where isAtStart: return position
            case UInt8(ascii: "'") where isAtStart, UInt8(ascii: "\"") where isAtStart: skipQuoted(byte)
            case UInt8(ascii: "|") where isAtStart && depth == 0, UInt8(ascii: ">") where isAtStart && depth == 0:
                skipBlock()
            case UInt8(ascii: "!") where isAtStart: skipWord()
            case UInt8(ascii: "-") where isAtStart, UInt8(ascii: "?") where isAtStart: skipIndicator()
            default: readOther(byte)
            }
        }
        return nil
    }

    /// A character of a plain value, or one that ends it.
    private mutating func readOther(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            if isAtStart { depth += 1 }
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
            if depth > 0 { depth -= 1 }
            isAtStart = false
        case UInt8(ascii: ",") where depth > 0: isAtStart = true
        case UInt8(ascii: ":") where depth > 0 || Self.isSpace(next): isAtStart = true
        default: isAtStart = false
        }
        advance()
    }

    private mutating func skipLine() {
        while let byte, byte != UInt8(ascii: "\n") { advance() }
    }

    private mutating func skipWord() {
        while !Self.isSpace(byte) { advance() }
    }

    /// `-` and `?` before a space, and `---`: a value may follow on the same line.
    private mutating func skipIndicator() {
        let isDocumentStart = position.column == 1 && bytes[index...].starts(with: Array("---".utf8))
        let follows = isDocumentStart || Self.isSpace(next)
        for _ in 0..<(isDocumentStart ? 3 : 1) { advance() }
        isAtStart = follows
    }

    private mutating func skipQuoted(_ quote: UInt8) {
        advance()
        while let byte {
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), next != nil {
                advance()
            } else if byte == quote {
                guard quote == UInt8(ascii: "'"), next == quote else { break }
                advance()
            }
            advance()
        }
        if byte != nil { advance() }
        isAtStart = false
    }

    /// A literal or folded text: every line that is indented deeper than the key it belongs to.
    private mutating func skipBlock() {
        let lineStart = (bytes[..<index].lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        let indentation = bytes[lineStart...].prefix { $0 == 0x20 || $0 == UInt8(ascii: "-") }.count
        skipLine()
        while byte != nil {
            let rest = bytes[(index + 1)...]
            let width = rest.prefix { $0 == 0x20 }.count
            let first = rest.dropFirst(width).first
            guard first == nil || first == 0x0A || first == 0x0D || width > indentation else { break }
            advance()
            skipLine()
        }
        isAtStart = true
    }
}
