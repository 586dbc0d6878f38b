// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// Reads the sections of a configuration, then what they say of each other.
struct SectionReader {
    let reader: ConfigurationReader
    let checksFiles: Bool

    static let topLevel = ["edge", "listeners", "tls", "resolver", "pools", "routes", "limits", "admin", "logging"]

    func read(_ root: Node) -> Configuration? {
        guard let file = reader.mapping(root, "", keys: Self.topLevel) else { return nil }
        var configuration = Configuration()
        readEdge(file["edge"], into: &configuration.edge)
        for entry in file.named("tls") {
            configuration.tls[entry.name] = readTLS(entry.value, "tls.\(entry.name)")
        }
        readListeners(file, into: &configuration)
        readResolver(file["resolver"], into: &configuration.resolver)
        for entry in file.named("pools") {
            if let pool = readPool(entry.value, entry.name, configuration) { configuration.pools.append(pool) }
        }
        readRoutes(file, into: &configuration)
        readLimits(file["limits"], into: &configuration.limits)
        readAdmin(file["admin"], into: &configuration.admin)
        readLogging(file["logging"], into: &configuration.logging)
        for key in ["listeners", "pools", "routes"] where file[key] == nil {
            reader.error(root, "the file needs '\(key)'; see config/minimal.yaml")
        }
        return configuration
    }

    private func readEdge(_ node: Node?, into edge: inout EdgeSettings) {
        let keys = ["name", "workers", "domains", "drain_timeout", "token_key_file", "path"]
        guard let node, let edgeReader = reader.mapping(node, "edge", keys: keys) else { return }
        if let name = edgeReader.string("name") { edge.name = name }
        edgeReader.integer("workers", in: 0...64, &edge.workers)
        edge.domains = edgeReader.strings("domains").map { $0.text.lowercased() }
        edgeReader.duration("drain_timeout", in: .zero ... .seconds(3600), &edge.drainTimeout)
        edge.tokenKeyFile = edgeReader.filePath("token_key_file", checks: checksFiles)
        edgeReader.choice("path", &edge.path)
    }

    private func readTLS(_ node: Node, _ path: String) -> TLSSettings {
        var profile = TLSSettings()
        let keys = [
            "certificate", "key", "ca", "verify", "require", "minimum_version", "maximum_version", "ciphers",
            "cipher_suites", "verify_depth", "crl", "session_tickets", "server_names",
        ]
        guard let tls = reader.mapping(node, path, keys: keys) else { return profile }
        profile.certificate = tls.filePath("certificate", checks: checksFiles)
        profile.key = tls.filePath("key", checks: checksFiles)
        profile.ca = tls.filePath("ca", checks: checksFiles)
        profile.crl = tls.filePath("crl", checks: checksFiles)
        tls.bool("verify", &profile.verify)
        tls.bool("require", &profile.require)
        tls.bool("session_tickets", &profile.sessionTickets)
        tls.integer("verify_depth", in: 0...100, &profile.verifyDepth)
        profile.ciphers = tls.string("ciphers")
        profile.cipherSuites = tls.string("cipher_suites")
        readVersions(tls, into: &profile)
        if profile.require, !profile.verify {
            reader.error(
                tls["require"],
                "\(path): require needs verify; a certificate that is not checked proves nothing"
            )
        }
        if profile.certificate != nil, profile.key == nil {
            reader.error(tls["certificate"], "\(path): a certificate needs its 'key'")
        }
        for entry in tls.entries("server_names") {
            if let name = readServerName(entry, path) { profile.serverNames.append(name) }
        }
        return profile
    }

    private func readVersions(_ tls: MappingReader, into profile: inout TLSSettings) {
        let versions = ["1.0", "1.1", "1.2", "1.3"]
        for key in ["minimum_version", "maximum_version"] {
            guard let text = tls.string(key) else { continue }
            guard versions.contains(text) else {
                reader.error(tls[key], "\(tls.path(key)) must be one of \"1.0\", \"1.1\", \"1.2\", \"1.3\"")
                continue
            }
            if key == "minimum_version" { profile.minimumVersion = text } else { profile.maximumVersion = text }
        }
        if profile.minimumVersion < "1.2" {
            reader.warn(tls["minimum_version"], "TLS \(profile.minimumVersion) is broken (RFC 8996); use 1.2 or 1.3")
        }
        if profile.minimumVersion > profile.maximumVersion {
            reader.error(tls["minimum_version"], "\(tls.path): minimum_version is above maximum_version")
        }
    }

    private func readServerName(_ node: Node, _ path: String) -> TLSSettings.ServerName? {
        guard let entry = reader.mapping(node, "\(path).server_names", keys: ["name", "certificate", "key"]),
            let name = entry.required("name"), entry.required("certificate") != nil, entry.required("key") != nil,
            let certificate = entry.filePath("certificate", checks: checksFiles),
            let key = entry.filePath("key", checks: checksFiles)
        else { return nil }
        return TLSSettings.ServerName(name: name.lowercased(), certificate: certificate, key: key)
    }

    private func readResolver(_ node: Node?, into resolver: inout ResolverSettings) {
        let keys = ["servers", "timeout", "attempts", "minimum_ttl", "maximum_ttl", "stale"]
        guard let node, let values = reader.mapping(node, "resolver", keys: keys) else { return }
        for (node, text) in values.strings("servers") {
            if let (address, port) = MappingReader.socketAddress(text), port > 0 {
                resolver.servers.append(.init(address: address, port: port))
            } else if let address = IPAddress(parsing: text) {
                resolver.servers.append(.init(address: address, port: 53))
            } else {
                reader.error(
                    node,
                    "'\(text)' is no address of a name server; write it as 192.0.2.53 or 192.0.2.53:5353"
                )
            }
        }
        values.duration("timeout", in: .milliseconds(50) ... .seconds(30), &resolver.timeout)
        values.integer("attempts", in: 1...10, &resolver.attempts)
        values.duration("minimum_ttl", in: .seconds(1) ... .seconds(3600), &resolver.minimumTTL)
        values.duration("maximum_ttl", in: .seconds(1) ... .seconds(604_800), &resolver.maximumTTL)
        values.duration("stale", in: .zero ... .seconds(604_800), &resolver.stale)
    }

    private func readLimits(_ node: Node?, into limits: inout LimitSettings) {
        let keys = [
            "connections", "connections_per_source", "transactions", "handshake_timeout", "connect_timeout",
            "idle_timeout", "message_timeout", "message_size", "header_size", "write_queue",
        ]
        guard let node, let values = reader.mapping(node, "limits", keys: keys) else { return }
        values.integer("connections", in: 1...1_000_000, &limits.connections)
        values.integer("connections_per_source", in: 1...1_000_000, &limits.connectionsPerSource)
        values.integer("transactions", in: 1...10_000_000, &limits.transactions)
        values.duration("handshake_timeout", in: .milliseconds(100) ... .seconds(60), &limits.handshakeTimeout)
        values.duration("connect_timeout", in: .milliseconds(100) ... .seconds(60), &limits.connectTimeout)
        values.duration("idle_timeout", in: .seconds(32) ... .seconds(86_400), &limits.idleTimeout)
        values.duration("message_timeout", in: .seconds(1) ... .seconds(300), &limits.messageTimeout)
        values.size("message_size", in: 2048...(16 << 20), &limits.messageSize)
        values.size("header_size", in: 2048...(1 << 20), &limits.headerSize)
        values.size("write_queue", in: 65_536...(64 << 20), &limits.writeQueue)
    }

    private func readAdmin(_ node: Node?, into admin: inout AdminSettings) {
        guard let node, let values = reader.mapping(node, "admin", keys: ["socket", "http"]) else { return }
        if let socket = values.string("socket") {
            admin.socket = socket.hasPrefix("/") ? socket : "\(reader.folder)/\(socket)"
            if admin.socket.utf8.count > 100 {
                reader.error(values["socket"], "admin.socket is longer than a Unix socket's path may be (100 bytes)")
            }
        }
        guard let text = values.string("http") else { return }
        guard let (address, port) = MappingReader.socketAddress(text), address.isLoopback else {
            return reader.error(
                values["http"],
                "admin.http must be a loopback address with a port, such as 127.0.0.1:9060"
            )
        }
        admin.http = .init(address: address, port: port)
    }

    private func readLogging(_ node: Node?, into logging: inout LoggingSettings) {
        if let line = try? RequestLineTemplate(RequestLineTemplate.standard) { logging.requestLine = line }
        guard let node,
            let values = reader.mapping(node, "logging", keys: ["level", "stderr", "syslog", "request_line"])
        else { return }
        if let level = values.string("level") {
            let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
            if levels.contains(level) {
                logging.level = level
            } else {
                reader.error(values["level"], "logging.level must be one of: \(levels.joined(separator: ", "))")
            }
        }
        values.bool("stderr", &logging.stderr)
        readSyslog(values["syslog"], into: &logging)
        guard let text = values.string("request_line") else { return }
        if text == "off" || text == "false" {
            logging.requestLine = nil
            return
        }
        do throws(RequestLineTemplate.UnknownField) {
            logging.requestLine = try RequestLineTemplate(text)
        } catch {
            let fields = RequestLineTemplate.Field.allCases.map(\.rawValue)
            let nearest = NearestName.among(fields, to: error.name).map { "; did you mean '{\($0)}'?" }
            let known = "; known fields: \(fields.joined(separator: ", "))"
            reader.error(values["request_line"], "'{\(error.name)}' is no field of a request line\(nearest ?? known)")
        }
    }

    private func readSyslog(_ node: Node?, into logging: inout LoggingSettings) {
        guard let node else { return }
        if let flag = node.bool {
            logging.syslog = flag ? LoggingSettings.Syslog() : nil
            return
        }
        guard let values = reader.mapping(node, "logging.syslog", keys: ["socket", "facility", "app_name"]) else {
            return
        }
        var syslog = LoggingSettings.Syslog()
        if let socket = values.string("socket") { syslog.socket = socket }
        if let name = values.string("app_name") { syslog.appName = name }
        if let facility = values.string("facility") {
            if SyslogFacility.names.keys.contains(facility) {
                syslog.facility = facility
            } else {
                let names = SyslogFacility.names.keys.sorted().joined(separator: ", ")
                reader.error(values["facility"], "logging.syslog.facility must be one of: \(names)")
            }
        }
        logging.syslog = syslog
    }
}

/// The facilities of syslog (RFC 5424 section 6.2.1).
package enum SyslogFacility {
    /// Codes by name.
    package static let names: [String: Int] = [
        "user": 1, "daemon": 3, "auth": 4, "local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20,
        "local5": 21, "local6": 22, "local7": 23,
    ]
}
