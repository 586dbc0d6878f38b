// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// A target's text taken apart, as far as locating needs it.
struct TargetParts {
    let isSecure: Bool
    /// As it is written; IPv6 in brackets.
    let host: Substring
    let port: UInt16?
    let transport: SIPTransport?
    let maddr: Substring?

    typealias Malformed = SIPTarget.Malformed

    init(_ text: String) throws(Malformed) {
        var rest = text[...]
        let lower = rest.lowercased()
        isSecure = lower.hasPrefix("sips:")
        if isSecure || lower.hasPrefix("sip:") { rest = rest.dropFirst(isSecure ? 5 : 4) }
        // A question mark may stand in the user part; behind it, headers begin (RFC 3261 section 19.1.1).
        if let at = rest.firstIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        rest = rest.prefix { $0 != "?" }
        let parts = rest.split(separator: ";", omittingEmptySubsequences: false)
        guard let hostPort = parts.first, !hostPort.isEmpty else {
            throw Malformed(description: "'\(text)' names no host")
        }
        transport = try Self.transport(parts.dropFirst(), text)
        maddr = Self.value("maddr", parts.dropFirst())
        (host, port) = try Self.split(hostPort, text)
    }

    private static func value(_ name: String, _ parameters: ArraySlice<Substring>) -> Substring? {
        for parameter in parameters {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0].lowercased() == name { return pair[1] }
        }
        return nil
    }

    private static func transport(
        _ parameters: ArraySlice<Substring>,
        _ text: String
    ) throws(Malformed) -> SIPTransport? {
        guard let word = value("transport", parameters) else { return nil }
        guard let transport = SIPTransport(name: word) else {
            throw Malformed(description: "'\(text)': transport '\(word)' is not spoken here; use udp, tcp or tls")
        }
        return transport
    }

    private static func split(_ hostPort: Substring, _ text: String) throws(Malformed) -> (Substring, UInt16?) {
        if hostPort.hasPrefix("[") {
            guard let close = hostPort.firstIndex(of: "]") else {
                throw Malformed(description: "'\(text)': ']' is missing")
            }
            let rest = hostPort[hostPort.index(after: close)...]
            return (hostPort[...close], try port(rest, text))
        }
        guard let colon = hostPort.firstIndex(of: ":") else { return (hostPort, nil) }
        return (hostPort[..<colon], try port(hostPort[colon...], text))
    }

    private static func port(_ text: Substring, _ whole: String) throws(Malformed) -> UInt16? {
        if text.isEmpty { return nil }
        let digits = text.dropFirst()
        guard text.hasPrefix(":"), digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let port = UInt16(digits), port > 0
        else {
            throw Malformed(description: "'\(whole)': the port must be a number from 1 to 65535")
        }
        return port
    }
}
