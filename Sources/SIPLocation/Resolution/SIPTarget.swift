// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// What RFC 3263 resolves: a SIP or SIPS URI, an SRV name, or `host:port;transport=`.
package struct SIPTarget: Sendable, Hashable {
    package enum Host: Sendable, Hashable {
        case address(IPAddress)
        case name(DNSName)
        /// A name such as `_sip._tcp.example.test`, whose labels say the transport.
        case service(DNSName)
    }

    package let host: Host
    package let port: UInt16?
    package let transport: SIPTransport?
    package let isSecure: Bool

    package init(host: Host, port: UInt16?, transport: SIPTransport?, isSecure: Bool) {
        self.host = host
        self.port = port
        self.transport = transport
        self.isSecure = isSecure
    }

    /// The domain that certificates must prove: the one that was asked for (RFC 5922 section 4, LOC-22).
    package var referenceDomain: String {
        switch host {
        case .address(let address): return address.description
        case .name(let name): return name.text
        case .service(let name):
            let labels = name.text.split(separator: ".")
            return labels.drop { $0.hasPrefix("_") }.joined(separator: ".")
        }
    }

    /// Why a text is no target.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads a target.
    package init(_ text: String) throws(Malformed) {
        var rest = text[...]
        var secure = false
        if rest.lowercased().hasPrefix("sips:") {
            secure = true
            rest = rest.dropFirst(5)
        } else if rest.lowercased().hasPrefix("sip:") {
            rest = rest.dropFirst(4)
        }
        if let at = rest.firstIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        let parts = rest.split(separator: ";", omittingEmptySubsequences: false)
        guard let hostPort = parts.first, !hostPort.isEmpty else {
            throw Malformed(description: "'\(text)' names no host")
        }
        let named = try Self.transport(parts.dropFirst(), text)
        let (hostText, port) = try Self.split(hostPort, text)
        if named == .udp, secure { throw Malformed(description: "'\(text)': SIPS cannot be sent over UDP") }
        let transport = secure ? .tls : named
        if let address = IPAddress(parsing: hostText) {
            self.init(host: .address(address), port: port, transport: transport, isSecure: secure)
        } else if hostText.hasPrefix("_") {
            guard let implied = Self.serviceTransport(hostText) else {
                throw Malformed(
                    description:
                        "'\(text)' is no SRV name of SIP; write _sip._udp., _sip._tcp. or _sips._tcp. before the domain"
                )
            }
            self.init(host: .service(DNSName(hostText)), port: nil, transport: implied, isSecure: implied == .tls)
        } else {
            let name = DNSName(hostText)
            guard name.isAskable else {
                throw Malformed(description: "'\(hostText)' is no domain name that DNS could be asked for")
            }
            self.init(host: .name(name), port: port, transport: transport, isSecure: secure)
        }
    }

    private static func transport(
        _ parameters: ArraySlice<Substring>,
        _ text: String
    ) throws(Malformed) -> SIPTransport? {
        for parameter in parameters {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].lowercased() == "transport" else { continue }
            guard let transport = SIPTransport(name: pair[1]) else {
                throw Malformed(
                    description: "'\(text)': transport '\(pair[1])' is not spoken here; use udp, tcp or tls"
                )
            }
            return transport
        }
        return nil
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
        guard text.hasPrefix(":"), let port = UInt16(text.dropFirst()), port > 0 else {
            throw Malformed(description: "'\(whole)': the port must be a number from 1 to 65535")
        }
        return port
    }

    private static func serviceTransport(_ name: Substring) -> SIPTransport? {
        let lower = name.lowercased()
        if lower.hasPrefix("_sips._tcp.") { return .tls }
        if lower.hasPrefix("_sip._tcp.") { return .tcp }
        return lower.hasPrefix("_sip._udp.") ? .udp : nil
    }
}
