// SPDX-License-Identifier: Apache-2.0

/// A message as text, for what a test looks at.
struct Wire: Sendable {
    let text: String
    /// The lines of its head; one that was folded is one line.
    let lines: [String]

    init(_ text: String) {
        self.text = text
        let head = text.components("\r\n\r\n").first ?? ""
        var lines: [String] = []
        for line in head.components("\r\n") {
            if let first = line.utf8.first, Self.isBlank(first), !lines.isEmpty {
                lines[lines.count - 1] += line
            } else {
                lines.append(line)
            }
        }
        self.lines = lines
    }

    var startLine: String { lines.first ?? "" }

    /// The method of a request; empty for a response.
    var method: String { status == 0 ? String(startLine.prefix { $0 != " " }) : "" }

    /// The Request-URI.
    var uri: String { startLine.split(separator: " ").dropFirst().first.map(String.init) ?? "" }

    /// The status of a response; 0 for a request.
    var status: Int {
        guard startLine.hasPrefix("SIP/2.0 ") else { return 0 }
        return Int(startLine.dropFirst(8).prefix(3)) ?? 0
    }

    var body: String { text.components("\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n") }

    /// The value of every field of that name, in order.
    func values(_ name: String) -> [String] {
        lines.dropFirst().compactMap { line in
            // Blanks may stand before the colon (RFC 3261 section 25.1, HCOLON).
            let rest = line.utf8.dropFirst(name.utf8.count).drop(while: Self.isBlank)
            guard rest.first == 0x3A, line.hasPrefix(name) || line.lowercased().hasPrefix(name.lowercased()) else {
                return nil
            }
            return String(decoding: rest.dropFirst().drop(while: Self.isBlank), as: UTF8.self)
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    func value(_ name: String) -> String? { values(name).first }

    /// The branch of the topmost Via.
    var branch: String { Self.branch(value("Via") ?? "") }

    /// The branch of the lowest Via: the one that the first sender wrote.
    var firstBranch: String { Self.branch(values("Via").last ?? "") }

    /// The method that CSeq names.
    var cseqMethod: Substring {
        value("CSeq")?.split { $0 == " " || $0 == "\t" }.last ?? ""
    }

    var toTag: String? { (value("To") ?? "").components(";tag=").dropFirst().first }

    private static func branch(_ via: String) -> String {
        let rest = via.components("branch=").dropFirst().first ?? ""
        return String(rest.prefix { $0 != ";" && $0 != "," })
    }
}

extension StringProtocol {
    /// The parts between the occurrences of `separator`, which are found byte by byte.
    func components(_ separator: String) -> [String] {
        let wanted = Array(separator.utf8)
        return Array(utf8).withUnsafeBufferPointer { bytes in
            var parts: [String] = []
            var start = 0
            var place = 0
            while place + wanted.count <= bytes.count {
                var matched = 0
                while matched < wanted.count, bytes[place + matched] == wanted[matched] { matched += 1 }
                if matched < wanted.count {
                    place += 1
                    continue
                }
                parts.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<place]), as: UTF8.self))
                place += wanted.count
                start = place
            }
            parts.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start...]), as: UTF8.self))
            return parts
        }
    }
}

extension Wire {
    /// A request; lines of `extra` stand below CSeq.
    static func request(
        _ method: String,
        _ uri: String = "sip:bob@example.com",
        via: String = "TLS 192.168.1.20:49152",
        branch: String = "z9hG4bKa1",
        callID: String = "call-1",
        number: Int = 1,
        toTag: String? = nil,
        maxForwards: Int? = 70,
        extra: [String] = [],
        body: String = ""
    ) -> String {
        var lines = ["\(method) \(uri) SIP/2.0", "Via: SIP/2.0/\(via)\(branch.isEmpty ? "" : ";branch=\(branch)")"]
        if let maxForwards { lines.append("Max-Forwards: \(maxForwards)") }
        lines += [
            "From: <sip:alice@example.com>;tag=a", "To: <sip:bob@example.com>\(toTag.map { ";tag=\($0)" } ?? "")",
            "Call-ID: \(callID)", "CSeq: \(number) \(method)",
        ]
        lines += extra
        lines.append("Content-Length: \(body.utf8.count)")
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    /// A response to this request.
    func answer(_ status: Int, tag: String = "b", extra: [String] = []) -> String {
        var lines = ["SIP/2.0 \(status) Reason"]
        lines += values("Via").map { "Via: \($0)" }
        let to = value("To") ?? ""
        let tagged = status > 100 && toTag == nil ? "\(to);tag=\(tag)" : to
        lines += ["From: \(value("From") ?? "")", "To: \(tagged)", "Call-ID: \(value("Call-ID") ?? "")"]
        lines += ["CSeq: \(value("CSeq") ?? "")"] + extra + ["Content-Length: 0"]
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }
}
