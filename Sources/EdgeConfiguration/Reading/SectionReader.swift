// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Yams

/// Reads the sections of a configuration, then what they say of each other.
struct SectionReader {
    /// What the file names, whether it could be read or not; so that one problem does not make others.
    struct Names {
        let listeners: [String]
        let tls: [String]
        let pools: [String]
    }

    let reader: ConfigurationReader
    let checksFiles: Bool
    let file: MappingReader
    let names: Names

    init?(reader: ConfigurationReader, checksFiles: Bool, root: Node) {
        guard let file = reader.mapping(root, "", .file) else { return nil }
        self.reader = reader
        self.checksFiles = checksFiles
        self.file = file
        names = Names(
            listeners: file["listeners"]?.sequence?.compactMap { $0["name"]?.string } ?? [],
            tls: file["tls"]?.mapping?.keys.compactMap(\.string) ?? [],
            pools: file["pools"]?.mapping?.keys.compactMap(\.string) ?? []
        )
    }

    func read() -> Configuration {
        var configuration = Configuration()
        readEdge(file["edge"], into: &configuration.edge)
        for entry in file.named("tls") {
            configuration.tls[entry.name] = readTLS(entry.value, "tls.\(entry.name)")
        }
        checkServerNames(configuration)
        readListeners(into: &configuration)
        readResolver(file["resolver"], into: &configuration.resolver)
        for entry in file.named("pools") {
            if let pool = readPool(entry.value, entry.name) { configuration.pools.append(pool) }
        }
        for pool in configuration.pools { checkDANE(pool, configuration.resolver.dnssec) }
        checkListeners(ofPoolsIn: configuration)
        readRoutes(into: &configuration)
        readLimits(file["limits"], into: &configuration.limits)
        readAdmin(file["admin"], into: &configuration.admin)
        readLogging(file["logging"], into: &configuration.logging)
        for key in ["listeners", "pools", "routes"] {
            guard let node = file[key] else {
                reader.error(file.node, "the file needs '\(key)'; see config/minimal.yaml")
                continue
            }
            if (node.sequence?.isEmpty ?? node.mapping?.isEmpty) == true {
                reader.error(node, "\(key) must have an entry at least")
            }
        }
        return configuration
    }

    /// `; did you mean 'NAME'?`, when there is a name like it.
    func suggestion(_ name: String, _ known: [String]) -> String {
        NearestName.among(known, to: name).map { "; did you mean '\($0)'?" } ?? ""
    }

    private func readEdge(_ node: Node?, into edge: inout EdgeSettings) {
        guard let node, let edgeReader = reader.mapping(node, "edge", .edge) else { return }
        if let name = edgeReader.string("name") {
            edge.name = name
            if !MappingReader.isHost(name) {
                reader.error(edgeReader["name"], "'\(name)' in edge.name is no host name")
            }
        }
        edgeReader.integer("workers", in: 0...64, &edge.workers)
        edge.domains = edgeReader.hosts("domains")
        edgeReader.duration("drain_timeout", in: .zero ... .seconds(3600), &edge.drainTimeout)
        edge.tokenKeyFiles = keyFiles(edgeReader, "token_key_file", others: "two before it")
        edge.ticketKeyFiles = keyFiles(edgeReader, "ticket_key_file", others: "two others")
        edgeReader.duration("ticket_rotation", in: .seconds(600) ... .seconds(86_400), &edge.ticketRotation)
        edgeReader.bool("watch_files", &edge.watchesFiles)
        edgeReader.choice("path", &edge.path)
        if edgeReader["remove_headers"] != nil { edge.removeHeaders = headers(edgeReader, "remove_headers") }
        edge.priorityNamespaces = namespaces(edgeReader, "priority_namespaces")
        edge.serverHeader = edgeReader.string("server_header")
        let isPlain = edge.serverHeader?.utf8.allSatisfy { (0x20...0x7E).contains($0) } ?? true
        if !isPlain || (edge.serverHeader?.utf8.count ?? 0) > 100 {
            reader.error(edgeReader["server_header"], "edge.server_header must be 1 to 100 printable ASCII characters")
        }
        edge.peerHeader = headers(edgeReader, "peer_header").first
        if let header = edge.peerHeader, !HeaderFilter.isFree(header) {
            reader.error(
                edgeReader["peer_header"],
                "edge.peer_header '\(header)' may mean something already; name a field of your own, such as X-Brana-Peer"
            )
        }
        let removed = edge.removeHeaders.map { $0.lowercased() }
        if let header = edge.peerHeader?.lowercased(), removed.contains(header) {
            reader.error(
                edgeReader["peer_header"],
                "edge.peer_header is taken out of what others send; leave it out of remove_headers"
            )
        }
    }

    /// The files of a key and of some others of its kind.
    private func keyFiles(_ values: MappingReader, _ key: String, others: String) -> [String] {
        let files = values.filePaths(key, checks: checksFiles)
        if files.count > EdgeSettings.keyFileLimit {
            reader.error(
                values[key],
                "\(values.path(key)) names more than \(EdgeSettings.keyFileLimit) files: the current key and \(others)"
            )
        }
        return files
    }

    /// A list of header fields that can be taken out of messages.
    private func headers(_ values: MappingReader, _ key: String) -> [String] {
        values.strings(key).map { node, text in
            if !text.utf8.allSatisfy(Self.isToken) {
                reader.error(node, "'\(text)' in \(values.path(key)) is no header field")
            } else if !HeaderFilter.mayRemove(text) {
                reader.error(node, "'\(text)' in \(values.path(key)) is a header field that no proxy may take out")
            }
            return text
        }
    }

    /// A list of Resource-Priority namespaces (RFC 4412 section 3.1).
    private func namespaces(_ values: MappingReader, _ key: String) -> [String] {
        values.strings(key).map { node, text in
            if text.isEmpty || text.contains(".") || !text.utf8.allSatisfy(Self.isToken) {
                reader.error(node, "'\(text)' in \(values.path(key)) is no namespace of Resource-Priority, such as ets")
            }
            return text.lowercased()
        }
    }

    private func readAdmin(_ node: Node?, into admin: inout AdminSettings) {
        guard let node, let values = reader.mapping(node, "admin", .admin) else { return }
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
        guard let node, let values = reader.mapping(node, "logging", .logging) else { return }
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
        do throws(RequestLineTemplate.Malformed) {
            logging.requestLine = try RequestLineTemplate(text)
        } catch {
            reader.error(values["request_line"], requestLineProblem(error))
        }
    }

    private func requestLineProblem(_ problem: RequestLineTemplate.Malformed) -> String {
        switch problem {
        case .openBrace: return "logging.request_line has a '{' without its '}'"
        case .controlCharacter: return "logging.request_line must be one line of printable characters"
        case .unknownField(let name):
            let fields = RequestLineTemplate.Field.allCases.map(\.rawValue)
            let nearest = NearestName.among(fields, to: name).map { "; did you mean '{\($0)}'?" }
            let known = "; known fields: \(fields.joined(separator: ", "))"
            return "'{\(name)}' is no field of a request line\(nearest ?? known)"
        }
    }

    private func readSyslog(_ node: Node?, into logging: inout LoggingSettings) {
        guard let node else { return }
        if let flag = node.bool {
            logging.syslog = flag ? LoggingSettings.Syslog() : nil
            return
        }
        guard let values = reader.mapping(node, "logging.syslog", .syslog) else { return }
        var syslog = LoggingSettings.Syslog()
        if let socket = values.string("socket") { syslog.socket = socket }
        if let name = values.string("app_name") {
            syslog.appName = name
            if name.utf8.count > 48 || !name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
                reader.error(values["app_name"], "logging.syslog.app_name must be 1 to 48 printable ASCII characters")
            }
        }
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
