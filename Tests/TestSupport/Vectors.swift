// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import NIOCore

/// The torture messages of RFC 4475 and RFC 5118 (see Vectors/*/MANIFEST.md for their origin and licence).
package enum Vectors {
    /// One message.
    package struct Vector: Sendable, CustomStringConvertible {
        /// The name of its file.
        package let name: String
        /// What an edge makes of it, in the words of expected.tsv.
        package let classification: String
        /// How its Content-Length fits what is there.
        package let framing: String
        package internal(set) var bytes: ByteBuffer
        package var description: String { name }
        /// Whether its Content-Length says exactly where it ends, so that it can be followed by another message.
        package var isExact: Bool { framing == "exact" }
        /// Whether a parser takes it.
        package var isValid: Bool {
            ["FWD", "UDP:FWD", "RESP:valid", "416", "420", "483"].contains { classification.hasPrefix($0) }
        }
    }

    /// The 49 messages of RFC 4475.
    package static let rfc4475 = load("rfc4475", "rfc4475")
    /// The 12 messages of RFC 5118.
    ///
    /// Their Content-Length was counted over bare line feeds (see the manifest), so it is put right here.
    package static let rfc5118 = load("rfc5118", "rfc5118/wire").map { vector in
        var copy = vector
        copy.bytes = withTrueLength(vector.bytes)
        return copy
    }
    /// Both sets.
    package static let all = rfc4475 + rfc5118
    /// Those that stand for themselves on a stream.
    package static let streamed = all.filter { $0.isExact && $0.isValid }

    /// The message in the file of that name, with or without `.dat`.
    package static func named(_ name: String) throws -> Vector {
        guard let found = all.first(where: { $0.name == name || $0.name == name + ".dat" }) else {
            throw TestSupportError("there is no vector \(name)")
        }
        return found
    }

    private static func withTrueLength(_ bytes: ByteBuffer) -> ByteBuffer {
        let text = String(buffer: bytes)
        guard let end = text.range(of: "\r\n\r\n") else { return bytes }
        let count = text[end.upperBound...].utf8.count
        return ByteBuffer(
            string: text.replacingOccurrences(
                of: #"Content-Length: \d+"#,
                with: "Content-Length: \(count)",
                options: .regularExpression
            )
        )
    }

    private static func load(_ table: String, _ folder: String) -> [Vector] {
        guard let root = Bundle.module.resourceURL?.appendingPathComponent("Vectors"),
            let text = try? String(contentsOf: root.appendingPathComponent("\(table)/expected.tsv"), encoding: .utf8)
        else { return [] }
        let rows = text.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        guard let header = rows.first, let framing = header.firstIndex(of: "framing") ?? Optional(-1) else { return [] }
        return rows.dropFirst().compactMap { row in
            let name = String(row[0])
            guard let data = try? Data(contentsOf: root.appendingPathComponent("\(folder)/\(name)")) else { return nil }
            return Vector(
                name: name,
                classification: String(row[2]),
                framing: framing >= 0 ? String(row[framing]) : "exact",
                bytes: ByteBuffer(bytes: data)
            )
        }
    }
}
