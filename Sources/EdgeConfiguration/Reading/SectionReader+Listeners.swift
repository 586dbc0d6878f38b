// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// Listeners, and what they must be to each other.
extension SectionReader {
    /// A listener, and where it stands.
    private struct Entry {
        let listener: ListenerSettings
        let values: MappingReader
    }

    func readListeners(into configuration: inout Configuration) {
        let nodes = file.entries("listeners")
        var entries: [Entry] = []
        for node in nodes {
            guard let entry = readListener(node, configuration) else { continue }
            checkUnique(entry, among: entries)
            entries.append(entry)
        }
        // With an entry that cannot be read nobody knows whether a companion is missing.
        if entries.count == nodes.count { checkCompanions(entries) }
        configuration.listeners = entries.map(\.listener)
    }

    private func readListener(_ node: Node, _ configuration: Configuration) -> Entry? {
        guard let values = reader.mapping(node, "listeners", .listener) else { return nil }
        let name = values.required("name")
        if let name, !MappingReader.isName(name) {
            reader.error(values["name"], "a listener's name may have letters, digits, '-', '_' and '.' only")
        }
        let place = values.required("address").flatMap { readAddress($0, values) }
        let transport = values.string("transport").map { SIPTransport(name: $0) } ?? .tls
        if transport == nil {
            reader.error(values["transport"], "a listener's transport must be one of: udp, tcp, tls")
        }
        let tls = profile(values, configuration, isListener: transport == .tls)
        if let transport, transport != .tls, values["tls"] != nil {
            reader.error(values["tls"], "this is not a TLS listener; remove 'tls' or set transport: tls")
        }
        var listener = ListenerSettings(
            name: name ?? "",
            address: place?.0 ?? IPAddress.v4(0),
            port: place?.1 ?? 0,
            transport: transport ?? .tls,
            advertisedHost: place?.0.hostText ?? "",
            advertisedPort: place?.1
        )
        listener.tls = tls
        values.choice("role", &listener.role)
        values.bool("udp_only", &listener.udpOnly)
        values.choice("over_limit", &listener.overLimit)
        values.choice("trust", &listener.trust)
        readAdvertised(values, configuration, into: &listener)
        readProxyProtocol(values, into: &listener)
        readAllowedPeers(values, configuration, into: &listener)
        readOverloadControl(values, into: &listener)
        guard let name, place != nil, transport != nil else { return nil }
        reader.remember(values["address"], at: "listeners.\(name).address")
        checkIdentity(listener, values)
        return Entry(listener: listener, values: values)
    }

    private func readAddress(_ text: String, _ values: MappingReader) -> (IPAddress, UInt16)? {
        guard let place = MappingReader.socketAddress(text) else {
            reader.error(
                values["address"],
                "'\(text)' is no listener address; write it as 192.0.2.1:5061 or [2001:db8::1]:5061"
            )
            return nil
        }
        if place.0.isUnsendable, !place.0.isUnspecified {
            reader.error(values["address"], "'\(text)' is a multicast or broadcast address; nobody can connect to it")
        }
        return place
    }

    private func readAdvertised(
        _ values: MappingReader,
        _ configuration: Configuration,
        into listener: inout ListenerSettings
    ) {
        guard let text = values.string("advertise") else {
            if listener.address.isUnsendable { listener.advertisedHost = configuration.edge.name }
            return
        }
        if let (address, port) = MappingReader.socketAddress(text), port > 0 {
            listener.advertisedHost = address.hostText
            listener.advertisedPort = port
        } else if let address = IPAddress(parsing: text) {
            listener.advertisedHost = address.hostText
            listener.advertisedPort = listener.port
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            let port = parts.count == 2 ? MappingReader.count(parts[1]).flatMap { UInt16(exactly: $0) } : nil
            guard let host = parts.first, MappingReader.isHost(String(host)), parts.count == 1 || (port ?? 0) > 0 else {
                return reader.error(values["advertise"], "'\(text)' is no host or host:port to advertise")
            }
            listener.advertisedHost = String(host)
            listener.advertisedPort = port
        }
    }

    /// How the edge fares is told to those alone who are trusted (OVL-16).
    private func readOverloadControl(_ values: MappingReader, into listener: inout ListenerSettings) {
        values.bool("overload_control", &listener.controlsOverload)
        guard listener.controlsOverload, !listener.isTrusted else { return }
        reader.error(
            values["overload_control"],
            "overload_control tells clients how loaded the edge is, which is for trusted ones; set role to inner or peer, "
                + "or trust: always"
        )
    }

    /// Peers hold the certificate against the name that Record-Route gives them (PRX-35).
    private func checkIdentity(_ listener: ListenerSettings, _ values: MappingReader) {
        guard listener.transport == .tls, IPAddress(parsing: listener.advertisedHost) != nil else { return }
        reader.warn(
            values["advertise"] ?? values["address"],
            "listener '\(listener.name)' tells peers the address \(listener.advertisedHost), which few certificates "
                + "prove; set 'advertise' to the name in its certificate"
        )
    }

    private func checkUnique(_ entry: Entry, among others: [Entry]) {
        let listener = entry.listener
        if others.contains(where: { $0.listener.name == listener.name }) {
            reader.error(
                entry.values["name"],
                "the listener name '\(listener.name)' is taken; every listener needs its own"
            )
        }
        let clash = others.map(\.listener).first { other in
            other.address == listener.address && other.port == listener.port && other.port != 0
                && (other.transport == .udp) == (listener.transport == .udp)
        }
        guard let clash else { return }
        reader.error(entry.values["address"], "listener '\(listener.name)' has the address of '\(clash.name)'")
    }

    /// Who listens on UDP listens on TCP at the same address and port: large requests come that way (TRN-23).
    private func checkCompanions(_ entries: [Entry]) {
        for entry in entries {
            let listener = entry.listener
            guard listener.transport == .udp else {
                if listener.udpOnly { reader.error(entry.values["udp_only"], "udp_only is for UDP listeners") }
                continue
            }
            let companion = entries.map(\.listener).first { other in
                other.transport == .tcp && other.port == listener.port
                    && (other.address == listener.address
                        || other.address.isUnspecified && other.address.isIPv6 == listener.address.isIPv6)
            }
            guard companion == nil else { continue }
            if listener.udpOnly {
                reader.warn(
                    entry.values["udp_only"],
                    "listener '\(listener.name)' has no TCP listener at its address: requests too large for UDP are lost "
                        + "(RFC 3261 section 18.2.1)"
                )
            } else {
                reader.error(
                    entry.values["address"],
                    "UDP listener '\(listener.name)' needs a TCP listener at the same address and port (RFC 3261 "
                        + "section 18.2.1); add one, or set udp_only: true"
                )
            }
        }
    }

    /// The TLS profile that an entry names.
    func profile(_ values: MappingReader, _ configuration: Configuration?, isListener: Bool) -> String? {
        guard let name = tlsProfile(values, "tls") else {
            if isListener, values["tls"] == nil {
                reader.error(values.node, "\(values.path): a TLS listener needs 'tls', the name of a TLS profile")
            }
            return nil
        }
        if isListener, let configuration { checkCertificate(of: name, configuration, values["tls"]) }
        return name
    }

    /// The name of a TLS profile, which must be there.
    func tlsProfile(_ values: MappingReader, _ key: String) -> String? {
        guard let name = values.string(key) else { return nil }
        if names.tls.contains(name) { return name }
        reader.error(values[key], "there is no TLS profile '\(name)'\(suggestion(name, names.tls))")
        return nil
    }

    /// Notes a profile that a listener is to go by and that has no certificate.
    func checkCertificate(of profile: String, _ configuration: Configuration, _ node: Node?) {
        guard let settings = configuration.tls[profile], settings.certificate == nil else { return }
        reader.error(node, "TLS profile '\(profile)' has no certificate, which a listener needs")
    }
}
