// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A message as rows of bytes, read by nothing of the edge's own: what a comparison of received and sent bytes needs.
///
/// Bytes are shown as Latin-1, which loses none.
package struct Rows: Sendable {
    package struct Field: Sendable, Equatable {
        /// In lower case and in its long form.
        package let name: String
        /// The whole row, one space for every fold.
        package let row: String
        package var value: String { String(row.drop { $0 != ":" }.dropFirst().drop { $0 == " " || $0 == "\t" }) }
    }

    package let startLine: String
    package let fields: [Field]
    package let body: [UInt8]

    package init(_ buffer: ByteBuffer) {
        let bytes = Array(buffer.readableBytesView)
        var rows: [[UInt8]] = []
        var position = 0
        while let end = Self.lineEnd(bytes, from: position), end > position {
            rows.append(Array(bytes[position..<end]))
            position = end + 2
        }
        startLine = Self.text(rows.first ?? [])
        fields = Self.unfolded(rows.dropFirst()).map(Self.field)
        body = Array(bytes.dropFirst(position + 2))
    }

    /// The fields whose names are not among `names`, as they are.
    package func others(than names: Set<String>) -> [String] { fields.filter { !names.contains($0.name) }.map(\.row) }

    package func all(_ name: String) -> [Field] { fields.filter { $0.name == name } }

    /// The messages that follow each other in the bytes of a connection, cut where Content-Length says, and what is left.
    package static func messages(in buffer: ByteBuffer) -> (whole: [ByteBuffer], rest: ByteBuffer) {
        var (whole, rest) = ([] as [ByteBuffer], buffer)
        while let end = rest.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
            let head = rest.getSlice(at: rest.readerIndex, length: end - rest.readerIndex) ?? ByteBuffer()
            let length = end - rest.readerIndex + (Rows(head).number("content-length") ?? 0)
            guard let message = rest.readSlice(length: length) else { break }
            whole.append(message)
        }
        return (whole, rest)
    }

    /// The number in the one field of that name; nil when there is none.
    package func number(_ name: String) -> Int? { all(name).first.flatMap { Int($0.value) } }

    private static func lineEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        guard start + 1 < bytes.count else { return nil }
        return (start..<bytes.count - 1).first { bytes[$0] == 0x0D && bytes[$0 + 1] == 0x0A }
    }

    private static func unfolded(_ rows: some Sequence<[UInt8]>) -> [[UInt8]] {
        var whole: [[UInt8]] = []
        for row in rows {
            guard let first = row.first, isBlank(first), let last = whole.popLast() else {
                whole.append(row)
                continue
            }
            let head = last.reversed().drop(while: isBlank).reversed()
            whole.append(head + [0x20] + row.drop(while: isBlank))
        }
        return whole
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func text(_ bytes: [UInt8]) -> String {
        String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    private static func field(_ bytes: [UInt8]) -> Field {
        let row = text(bytes)
        let name = row.prefix { $0 != ":" && $0 != " " && $0 != "\t" }.lowercased()
        let short = ["v": "via", "l": "content-length", "f": "from", "t": "to", "i": "call-id"]
        return Field(name: short[name] ?? name, row: row)
    }
}
