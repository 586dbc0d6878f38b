// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// Listeners, pools and routes: the sections that name each other.
extension SectionReader {
    func readListeners(_ file: MappingReader, into configuration: inout Configuration) {
        for node in file.entries("listeners") {
            guard let listener = readListener(node, configuration) else { continue }
            if configuration.listeners.contains(where: { $0.name == listener.name }) {
                reader.error(node, "the listener name '\(listener.name)' is taken; every listener needs its own")
            }
            let clash = configuration.listeners.first { other in
                other.address == listener.address && other.port == listener.port && other.port != 0
                    && (other.transport == .udp) == (listener.transport == .udp)
            }
            if let clash { reader.error(node, "listener '\(listener.name)' has the address of '\(clash.name)'") }
            configuration.listeners.append(listener)
        }
        if file["listeners"] != nil, configuration.listeners.isEmpty {
            reader.error(file["listeners"], "listeners must have an entry at least")
        }
    }

    private func readListener(_ node: Node, _ configuration: Configuration) -> ListenerSettings? {
        let keys = ["name", "address", "transport", "tls", "role", "advertise"]
        guard let values = reader.mapping(node, "listeners", keys: keys), let name = values.required("name"),
            let addressText = values.required("address")
        else { return nil }
        if !MappingReader.isName(name) {
            reader.error(values["name"], "a listener's name may have letters, digits, '-', '_' and '.' only")
        }
        guard let (address, port) = MappingReader.socketAddress(addressText) else {
            reader.error(
                values["address"],
                "'\(addressText)' is no listener address; write it as 192.0.2.1:5061 or [2001:db8::1]:5061"
            )
            return nil
        }
        guard let transport = values.string("transport").map({ SIPTransport(name: $0) }) ?? .tls else {
            reader.error(values["transport"], "a listener's transport must be one of: udp, tcp, tls")
            return nil
        }
        var listener = ListenerSettings(
            name: name,
            address: address,
            port: port,
            transport: transport,
            advertisedHost: address.hostText,
            advertisedPort: port
        )
        listener.tls = profile(values, configuration, needed: transport == .tls)
        if transport != .tls, values["tls"] != nil {
            reader.error(values["tls"], "listener '\(name)' is not a TLS listener; remove 'tls' or set transport: tls")
        }
        values.choice("role", &listener.role)
        readAdvertised(values, configuration, into: &listener)
        return listener
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
            let port = parts.count == 2 ? UInt16(parts[1]) : nil
            guard let host = parts.first, MappingReader.isName(String(host)), parts.count == 1 || (port ?? 0) > 0 else {
                return reader.error(values["advertise"], "'\(text)' is no host or host:port to advertise")
            }
            listener.advertisedHost = String(host)
            listener.advertisedPort = port
        }
    }

    /// The TLS profile that an entry names.
    private func profile(_ values: MappingReader, _ configuration: Configuration, needed: Bool) -> String? {
        guard let name = values.string("tls") else {
            if needed {
                reader.error(values.node, "\(values.path): a TLS listener needs 'tls', the name of a TLS profile")
            }
            return nil
        }
        guard let profile = configuration.tls[name] else {
            let known = Array(configuration.tls.keys)
            let nearest = NearestName.among(known, to: name).map { "; did you mean '\($0)'?" } ?? ""
            reader.error(values["tls"], "there is no TLS profile '\(name)'\(nearest)")
            return nil
        }
        if needed, profile.certificate == nil {
            reader.error(values["tls"], "TLS profile '\(name)' has no certificate, which a listener needs")
        }
        return name
    }

    func readPool(_ node: Node, _ name: String, _ configuration: Configuration) -> PoolSettingsEntry? {
        let path = "pools.\(name)"
        let keys = [
            "target", "tls", "verify_name", "accept_wildcards", "transports", "affinity", "health", "slow_start",
            "connections", "queue", "first_response_timeout", "retry_codes", "tries", "allow_loopback", "via",
        ]
        guard let values = reader.mapping(node, path, keys: keys), let target = values.required("target") else {
            return nil
        }
        var pool = PoolSettingsEntry(name: name, target: target)
        pool.tls = profile(values, configuration, needed: false)
        values.bool("verify_name", &pool.verifyName)
        values.bool("accept_wildcards", &pool.acceptsWildcards)
        values.choice("affinity", &pool.affinity)
        values.duration("slow_start", in: .zero ... .seconds(3600), &pool.slowStart)
        values.integer("connections", in: 1...64, &pool.connections)
        values.integer("queue", in: 1...1_000_000, &pool.queue)
        values.integer("tries", in: 1...10, &pool.tries)
        values.bool("allow_loopback", &pool.allowsLoopback)
        readTransports(values, into: &pool)
        readHealth(values["health"], path, into: &pool)
        readFirstResponse(values["first_response_timeout"], path, into: &pool)
        for (node, text) in values.strings("retry_codes") {
            guard let code = UInt16(text), (400...699).contains(code) else {
                reader.error(node, "retry_codes must be status codes from 400 to 699")
                continue
            }
            pool.retryCodes.append(code)
        }
        if let via = values.string("via") {
            if !configuration.listeners.contains(where: { $0.name == via }) {
                reader.error(
                    values["via"],
                    "there is no listener '\(via)'\(suggestion(via, configuration.listeners.map(\.name)))"
                )
            }
            pool.via = via
        }
        return pool
    }

    private func readTransports(_ values: MappingReader, into pool: inout PoolSettingsEntry) {
        guard values["transports"] != nil else { return }
        pool.transports = values.strings("transports").compactMap { node, text in
            guard let transport = SIPTransport(name: text) else {
                reader.error(node, "'\(text)' is no transport; transports are udp, tcp, tls")
                return nil
            }
            return transport
        }
        if pool.transports.isEmpty { reader.error(values["transports"], "a pool needs a transport at least") }
    }

    private func readHealth(_ node: Node?, _ path: String, into pool: inout PoolSettingsEntry) {
        let keys = ["probe", "interval", "timeout", "fall", "rise"]
        guard let node, let values = reader.mapping(node, "\(path).health", keys: keys) else { return }
        values.choice("probe", &pool.probe)
        values.duration("interval", in: .milliseconds(100) ... .seconds(3600), &pool.interval)
        values.duration("timeout", in: .milliseconds(50) ... .seconds(60), &pool.timeout)
        values.integer("fall", in: 1...100, &pool.fall)
        values.integer("rise", in: 1...100, &pool.rise)
    }

    private func readFirstResponse(_ node: Node?, _ path: String, into pool: inout PoolSettingsEntry) {
        guard let node,
            let values = reader.mapping(node, "\(path).first_response_timeout", keys: ["invite", "other"])
        else { return }
        values.duration("invite", in: .milliseconds(100) ... .seconds(32), &pool.inviteLimit)
        values.duration("other", in: .milliseconds(100) ... .seconds(32), &pool.otherLimit)
    }

    func readRoutes(_ file: MappingReader, into configuration: inout Configuration) {
        let nodes = file.entries("routes")
        for node in nodes {
            if let route = readRoute(node, configuration) { configuration.routes.append(route) }
        }
        guard let last = configuration.routes.last, configuration.routes.count == nodes.count else { return }
        let isCatchAll =
            last.methods.isEmpty && last.domains.isEmpty && last.listeners.isEmpty && last.sources.isEmpty
            && last.peers.isEmpty
        if !isCatchAll {
            reader.warn(
                nodes.last,
                "requests that no route takes are answered 404; a last route without 'when' takes them"
            )
        }
    }

    private func readRoute(_ node: Node, _ configuration: Configuration) -> RouteSettings? {
        guard let values = reader.mapping(node, "routes", keys: ["when", "pool", "reject"]) else { return nil }
        guard let action = readAction(values, configuration) else { return nil }
        var route = RouteSettings(action: action)
        let keys = ["methods", "domains", "listeners", "sources", "peers"]
        guard let when = values["when"], let conditions = reader.mapping(when, "routes.when", keys: keys) else {
            return route
        }
        route.methods = conditions.strings("methods").map(\.text)
        route.domains = conditions.strings("domains").map { $0.text.lowercased() }
        route.peers = conditions.strings("peers").map { $0.text.lowercased() }
        let names = configuration.listeners.map(\.name)
        for (node, text) in conditions.strings("listeners") {
            if !names.contains(text) { reader.error(node, "there is no listener '\(text)'\(suggestion(text, names))") }
            route.listeners.append(text)
        }
        for (node, text) in conditions.strings("sources") {
            guard let network = Self.network(text) else {
                reader.error(node, "'\(text)' is no address range; write it as 192.0.2.0/24 or 2001:db8::/32")
                continue
            }
            route.sources.append(network)
        }
        return route
    }

    private func readAction(_ values: MappingReader, _ configuration: Configuration) -> RouteSettings.Action? {
        if let pool = values.string("pool") {
            let names = configuration.pools.map(\.name)
            if !names.contains(pool) {
                reader.error(values["pool"], "there is no pool '\(pool)'\(suggestion(pool, names))")
            }
            if values["reject"] != nil { reader.error(values["reject"], "a route has a pool or a rejection, not both") }
            return .pool(pool)
        }
        guard let node = values["reject"],
            let reject = reader.mapping(node, "routes.reject", keys: ["status", "reason"])
        else {
            reader.error(values.node, "a route needs 'pool' or 'reject'")
            return nil
        }
        var status = 403
        reject.integer("status", in: 400...699, &status)
        let reason = reject.string("reason") ?? "Forbidden"
        guard reason.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            reader.error(reject["reason"], "a reason phrase has printable ASCII characters only")
            return nil
        }
        return .reject(status: UInt16(truncatingIfNeeded: status), reason: reason)
    }

    private func suggestion(_ name: String, _ known: [String]) -> String {
        NearestName.among(known, to: name).map { "; did you mean '\($0)'?" } ?? ""
    }

    private static func network(_ text: String) -> RouteSettings.Network? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let address = IPAddress(parsing: first) else { return nil }
        let longest: UInt8 = address.isIPv6 ? 128 : 32
        guard parts.count == 2 else { return .init(address: address, prefixLength: longest) }
        guard let length = UInt8(parts[1]), length <= longest else { return nil }
        return .init(address: address, prefixLength: length)
    }
}
