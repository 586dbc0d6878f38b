// SPDX-License-Identifier: Apache-2.0

/// A message as text, for what a test looks at.
struct Wire: Sendable {
    let text: String
    let lines: [Substring]

    init(_ text: String) {
        self.text = text
        let head = text.components("\r\n\r\n").first ?? ""
        lines = head.components("\r\n")
    }

    var startLine: String { lines.first.map(String.init) ?? "" }

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
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
                return nil
            }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
    }

    func value(_ name: String) -> String? { values(name).first }

    /// The branch of the topmost Via.
    var branch: String { Self.branch(value("Via") ?? "") }

    /// The branch of the lowest Via: the one that the first sender wrote.
    var firstBranch: String { Self.branch(values("Via").last ?? "") }

    var toTag: String? { (value("To") ?? "").components(";tag=").dropFirst().first.map(String.init) }

    private static func branch(_ via: String) -> String {
        let rest = via.components("branch=").dropFirst().first ?? ""
        return String(rest.prefix { $0 != ";" && $0 != "," })
    }
}

extension StringProtocol {
    /// The parts between the occurrences of `separator`.
    func components(_ separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(Substring(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [Substring(rest)]
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
