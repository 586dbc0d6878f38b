// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import Foundation
import Logging
import NIOCore
import NIOPosix
import SIPDNS
import TestSupport

@testable import EdgeControl

/// A control plane with a real edge on loopback, a name server and its admin API; all of it in this process.
final class TestEdge: Sendable {
    /// What the configuration is written from.
    struct Ports: Sendable {
        let secure: Int
        let plain: Int
        let names: Int
        let socket: String
        let certificate: String
        let key: String
    }

    static let domain = "voice.example.test"

    let plane: ControlPlane
    let api: AdminClient
    let ports: Ports
    private let files: DemoEdgeFiles
    private let zones: ZoneServer
    private let admin: Task<Void, any Error>
    private let log: EdgeLog

    /// Starts an edge that works by `text`, beside a name server with these SRV records of ``domain``, which live for `ttl`
    /// seconds.
    init(
        servers: [(priority: Int, port: Int)] = [],
        ttl: Int = 60,
        logger: Logger? = nil,
        state: StateDirectory? = nil,
        _ text: @Sendable (Ports) -> String
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let names = UInt16(try FreePort.next())
        zones = try await .start([.text(Self.zone(servers, ttl: ttl), name: "test.zone")], port: names, loop: loop)
        let secure = try FreePort.next()
        files = try DemoEdgeFiles(port: secure, dashboardPort: 0, dnsPort: Int(zones.port), log: false)
        let root = URL(fileURLWithPath: files.configuration).deletingLastPathComponent().path
        ports = Ports(
            secure: secure,
            plain: try FreePort.next(),
            names: Int(zones.port),
            socket: "\(root)/admin.sock",
            certificate: "\(root)/edge.pem",
            key: "\(root)/edge.key"
        )
        try Data(text(ports).utf8).write(to: URL(fileURLWithPath: files.configuration))
        let checked = try CheckedConfiguration.load(files.configuration, state: state)
        log = logger.map { EdgeLog(logger: $0) } ?? EdgeLog(checked.configuration.logging)
        plane = try await ControlPlane(path: files.configuration, checked: checked, log: log)
        try await plane.start(defaultWorkers: 1)
        let server = AdminServer(plane: plane, settings: checked.configuration.admin, logger: log.logger)
        admin = try await server.start()
        api = AdminClient(socket: ports.socket)
    }

    /// Another admin server at the same socket.
    func serveAgain() async throws {
        let settings = await plane.configuration.admin
        try await AdminServer(plane: plane, settings: settings, logger: log.logger).run()
    }

    /// Ends the name server alone.
    func stopNames() async { await zones.stop() }

    /// Another name server in the place of the one that has ended, with these SRV records.
    func startNames(servers: [(priority: Int, port: Int)], ttl: Int) async throws -> ZoneServer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let source = ZoneSource.text(Self.zone(servers, ttl: ttl), name: "test.zone")
        return try await .start([source], port: UInt16(ports.names), loop: loop)
    }

    /// Ends the admin server alone; its socket's file may stay.
    func stopServing() async {
        admin.cancel()
        _ = await admin.result
    }

    func rewrite(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: files.configuration))
    }

    /// The page of `/metrics`, read strictly.
    func metrics() async throws -> ExpositionParser {
        let reply = try await api.get("/metrics")
        guard reply.status == 200 else { throw TestSupportError("/metrics: \(reply.status)") }
        return try ExpositionParser(reply.body)
    }

    /// A connection to the plain listener, or to the TLS listener with TLS or without.
    func connect(to port: Int, securely: Bool = false) async throws -> DemoConnection {
        try await DemoConnection.connect(
            host: "127.0.0.1",
            port: port,
            secure: securely ? try files.callerTLS() : nil,
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
    }

    /// One user with one TLS connection.
    func caller() throws -> DemoCaller {
        var settings = DemoCaller.Settings(port: ports.secure, domain: Self.domain)
        (settings.users, settings.connections, settings.hold) = (1, 1, .milliseconds(5))
        let group = MultiThreadedEventLoopGroup.singleton
        return DemoCaller(settings: settings, run: "t\(ports.secure)", secure: try files.callerTLS(), group: group)
    }

    func stop() async {
        try? await plane.halt()
        await stopServing()
        await zones.stop()
        files.remove()
    }

    private static func zone(_ servers: [(priority: Int, port: Int)], ttl: Int) -> String {
        let records = servers.enumerated().map { index, server in
            "_sip._tcp IN SRV \(server.priority) 1 \(server.port) s\(index)\ns\(index) IN A 127.0.0.1\n"
        }
        return """
            $ORIGIN \(domain).
            $TTL \(ttl)
            @ IN SOA ns.\(domain). hostmaster.example.test. ( 1 3600 600 86400 60 )
              IN NS ns
              IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp
            ns IN A 127.0.0.1
            \(records.joined())
            """
    }
}
