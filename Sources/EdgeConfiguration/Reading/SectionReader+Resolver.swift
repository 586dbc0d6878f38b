// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// `resolver`.
extension SectionReader {
    func readResolver(_ node: Node?, into resolver: inout ResolverSettings) {
        guard let node, let values = reader.mapping(node, "resolver", .resolver) else { return }
        for (node, text) in values.strings("servers") {
            if let server = server(text) {
                resolver.servers.append(server)
            } else {
                let forms = "192.0.2.53, 192.0.2.53:5353 or tls://192.0.2.53:853#dns.example.test"
                reader.error(node, "'\(text)' is no address of a name server; write it as \(forms)")
            }
        }
        resolver.ca = values.filePath("ca", checks: checksFiles)
        values.duration("timeout", in: .milliseconds(50) ... .seconds(30), &resolver.timeout)
        values.integer("attempts", in: 1...10, &resolver.attempts)
        values.duration("minimum_ttl", in: .seconds(1) ... .seconds(3600), &resolver.minimumTTL)
        values.duration("maximum_ttl", in: .seconds(1) ... .seconds(604_800), &resolver.maximumTTL)
        if resolver.minimumTTL > resolver.maximumTTL {
            reader.error(
                values["minimum_ttl"] ?? values["maximum_ttl"],
                "resolver.minimum_ttl is above resolver.maximum_ttl"
            )
        }
        values.duration("stale", in: .zero ... .seconds(604_800), &resolver.stale)
        values.bool("case_randomization", &resolver.mixesCase)
        resolver.overrides = values.filePath("overrides", checks: checksFiles)
        readDNSSEC(values, into: &resolver)
    }

    private func readDNSSEC(_ values: MappingReader, into resolver: inout ResolverSettings) {
        values.choice("dnssec", &resolver.dnssec)
        resolver.trustAnchor = values.filePath("trust_anchor", checks: checksFiles)
        if resolver.dnssec == .validate, resolver.trustAnchor == nil {
            reader.error(
                values["dnssec"],
                "resolver.dnssec: validate needs resolver.trust_anchor, a file of DS or DNSKEY records"
            )
        }
        if resolver.dnssec == .trustAD,
            let server = resolver.servers.first(where: { $0.transport == .udp && !$0.address.isLoopback })
        {
            let message =
                "resolver.dnssec: trust-ad does not believe \(server.address), as anybody on the way there can write; use "
                + "a resolver on this host, tls:// or dnssec: validate"
            reader.warn(values["dnssec"], message)
        }
    }

    /// `address`, `address:port`, or either behind `tls://`, with the name that is to be verified behind `#`.
    private func server(_ text: String) -> ResolverSettings.Server? {
        let isTLS = text.hasPrefix("tls://")
        var rest = text.dropFirst(isTLS ? "tls://".count : 0)
        var name: String?
        if isTLS, let mark = rest.firstIndex(of: "#") {
            name = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        if let name, !MappingReader.isHost(name) { return nil }
        let transport: ResolverSettings.Transport = isTLS ? .tls : .udp
        if let (address, port) = MappingReader.socketAddress(String(rest)) {
            return port > 0 ? .init(address: address, port: port, transport: transport, name: name) : nil
        }
        let isBracketed = rest.hasPrefix("[") && rest.hasSuffix("]")
        let bare = isTLS && isBracketed ? rest.dropFirst().dropLast() : rest
        guard let address = IPAddress(parsing: bare) else { return nil }
        return .init(address: address, port: isTLS ? 853 : 53, transport: transport, name: name)
    }
}
