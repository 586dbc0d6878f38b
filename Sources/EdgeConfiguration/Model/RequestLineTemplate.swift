// SPDX-License-Identifier: Apache-2.0

/// The template of the log line of a request: text with fields in braces, such as `{method} {status} {backend}`.
package struct RequestLineTemplate: Sendable, Hashable {
    /// What a line can tell of a request.
    package enum Field: String, Sendable, Hashable, CaseIterable {
        case method
        case requestURI = "request_uri"
        case status
        case origin
        case pool
        case backend
        case attempts
        case durationMilliseconds = "duration_ms"
        case source
        case transport
        case callID = "call_id"
        case from
        case to
        case peer
        case sessionID = "session_id"
    }

    package enum Part: Sendable, Hashable {
        case text(String)
        case field(Field)
    }

    package let parts: [Part]

    /// The line that is written unless another is configured.
    package static let standard =
        "{method} {request_uri} {status} pool={pool} backend={backend} attempts={attempts} ms={duration_ms} "
        + "source={source} call_id={call_id}"

    /// Reads a template; a closing brace without an opening one is text.
    package init(_ text: String) throws(Malformed) {
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw .controlCharacter
        }
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            guard let close = rest[open...].firstIndex(of: "}") else { throw .openBrace }
            let name = String(rest[rest.index(after: open)..<close])
            guard let field = Field(rawValue: name) else { throw .unknownField(name) }
            parts.append(.field(field))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    /// Why a text is no template.
    package enum Malformed: Error, Hashable {
        /// A name in braces that is no field.
        case unknownField(String)
        case openBrace
        /// A control character, which would tear a log line.
        case controlCharacter
    }
}
