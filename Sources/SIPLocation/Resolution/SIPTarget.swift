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

    /// Where addresses are looked for: `maddr` when there is one, else the host (RFC 3263 section 4).
    package let host: Host
    package let port: UInt16?
    /// The transport that was said; TLS for any that a SIPS URI says.
    package let transport: SIPTransport?
    package let isSecure: Bool
    /// The host that was written, when `maddr` stands in its place for addresses.
    private let writtenDomain: String?

    package init(host: Host, port: UInt16?, transport: SIPTransport?, isSecure: Bool) {
        self.init(host, port, transport, isSecure: isSecure, writtenDomain: nil)
    }

    private init(
        _ host: Host,
        _ port: UInt16?,
        _ transport: SIPTransport?,
        isSecure: Bool,
        writtenDomain: String?
    ) {
        self.host = host
        self.port = port
        self.transport = isSecure && transport != nil ? .tls : transport
        self.isSecure = isSecure
        self.writtenDomain = writtenDomain
    }

    /// The domain that certificates must prove: the one that was asked for (RFC 5922 section 4, LOC-22).
    package var referenceDomain: String {
        if let writtenDomain { return writtenDomain }
        switch host {
        case .address(let address): return address.description
        case .name(let name): return name.text
        case .service(let name): return Self.domain(of: name)
        }
    }

    /// Why a text is no target.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads a target.
    package init(_ text: String) throws(Malformed) {
        let parts = try TargetParts(text)
        if parts.transport == .udp, parts.isSecure {
            throw Malformed(description: "'\(text)': SIPS cannot be sent over UDP")
        }
        if parts.host.hasPrefix("_"), parts.maddr == nil {
            try self.init(service: parts, text)
            return
        }
        let written = parts.maddr == nil ? nil : Self.written(parts.host)
        let asked = parts.maddr ?? parts.host
        let host: Host
        if let address = IPAddress(parsing: asked) {
            host = .address(address)
        } else {
            let name = DNSName(asked)
            guard name.isAskable else {
                throw Malformed(description: "'\(asked)' is no domain name that DNS could be asked for")
            }
            host = .name(name)
        }
        self.init(host, parts.port, parts.transport, isSecure: parts.isSecure, writtenDomain: written)
    }

    /// An SRV name: its labels say the transport, its records the port, so that nothing beside may say another.
    private init(service parts: TargetParts, _ text: String) throws(Malformed) {
        let name = DNSName(parts.host)
        guard let implied = Self.serviceTransport(parts.host), name.isAskable, DNSName(Self.domain(of: name)).isAskable
        else {
            throw Malformed(
                description:
                    "'\(text)' is no SRV name of SIP; write _sip._udp., _sip._tcp. or _sips._tcp. before the domain"
            )
        }
        if parts.isSecure, !implied.isSecure {
            throw Malformed(description: "'\(text)': SIPS is published as _sips._tcp., not in clear text")
        }
        if parts.port != nil {
            throw Malformed(description: "'\(text)': the port of an SRV name stands in its records; leave it out")
        }
        if let said = parts.transport, said != implied, !(said == .tcp && implied == .tls) {
            throw Malformed(description: "'\(text)': the name says \(implied.name), the parameter \(said.name)")
        }
        self.init(.service(name), nil, implied, isSecure: implied.isSecure, writtenDomain: nil)
    }

    private static func domain(of service: DNSName) -> String {
        service.text.split(separator: ".").drop { $0.hasPrefix("_") }.joined(separator: ".")
    }

    private static func written(_ host: Substring) -> String {
        IPAddress(parsing: host)?.description ?? DNSName(host).text
    }

    private static func serviceTransport(_ name: Substring) -> SIPTransport? {
        let lower = name.lowercased()
        if lower.hasPrefix("_sips._tcp.") { return .tls }
        if lower.hasPrefix("_sip._tcp.") { return .tcp }
        return lower.hasPrefix("_sip._udp.") ? .udp : nil
    }
}
