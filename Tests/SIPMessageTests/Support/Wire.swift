// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import SIPMessage

/// Messages as they stand on the wire, from texts that are easy to read.
enum Wire {
    /// The bytes of a text, each of its line feeds made CRLF.
    static func bytes(_ text: String) -> ByteBuffer {
        ByteBuffer(bytes: text.utf8.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] })
    }

    /// A message of these head lines, a Content-Length and a body.
    static func message(_ lines: String, body: String = "") -> ByteBuffer {
        var buffer = bytes(lines + "\nContent-Length: \(body.utf8.count)\n\n")
        buffer.writeString(body)
        return buffer
    }

    /// A request that has all it needs, with lines replaced (by field name) or added.
    static func request(
        _ line: String = "OPTIONS sip:bob@example.com SIP/2.0",
        _ replacing: [String: String?] = [:],
        adding: [String] = [],
        body: String = ""
    ) -> ByteBuffer {
        let method = line.prefix { $0 != " " }
        var fields: [(String, String)] = [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1"),
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@example.com>;tag=1"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", "a84b4c76e66710"),
            ("CSeq", "314159 \(method)"),
        ]
        var extra = adding
        for (name, value) in replacing {
            let index = fields.firstIndex { $0.0 == name }
            if let index, let value { fields[index].1 = value }
            if let index, value == nil { fields.remove(at: index) }
            if index == nil, let value { extra.append("\(name): \(value)") }
        }
        let lines = [line] + fields.map { "\($0.0): \($0.1)" } + extra
        return message(lines.joined(separator: "\n"), body: body)
    }

    static func parse(
        _ bytes: ByteBuffer,
        framing: MessageParser.Framing = .stream,
        limits: MessageLimits = MessageLimits()
    ) throws -> SIPMessage {
        switch MessageParser.parse(bytes, framing: framing, limits: limits) {
        case .message(let message): return message
        case .malformed(let malformed): throw Refused(malformed)
        }
    }

    static func refusal(
        _ bytes: ByteBuffer,
        framing: MessageParser.Framing = .stream,
        limits: MessageLimits = MessageLimits()
    ) -> MalformedMessage? {
        guard case .malformed(let malformed) = MessageParser.parse(bytes, framing: framing, limits: limits) else {
            return nil
        }
        return malformed
    }
}

/// A message that was expected to be sound was refused.
struct Refused: Error, CustomStringConvertible {
    let malformed: MalformedMessage
    init(_ malformed: MalformedMessage) { self.malformed = malformed }
    var description: String { "refused: \(malformed.reason.rawValue)" }
}

extension ByteBuffer {
    /// The text with line feeds for CRLF.
    var lines: String { String(buffer: self).replacingOccurrences(of: "\r\n", with: "\n") }
}

extension SIPMessage {
    /// The text of a range.
    func text(_ range: ByteRange?) -> String? { range.map { bytes.text($0) } }
}
