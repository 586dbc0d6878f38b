// SPDX-License-Identifier: Apache-2.0

import BackendPool
import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import EdgeControl

@Suite("The admin API over its socket", .timeLimit(.minutes(1)))
struct AdminServerTests {
    private static func text(_ ports: TestEdge.Ports, target: String, name: String = "edge.example.test") -> String {
        """
        edge: { name: \(name), workers: 1 }
        listeners:
          - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
        resolver: { servers: ["127.0.0.1:\(ports.names)"] }
        pools:
          voice: { target: "\(target)", allow_loopback: true, health: { probe: none } }
        routes:
          - { pool: voice }
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    /// Nobody answers there, which nobody notices while there is no probe and no request.
    private static let target = "sip:127.0.0.1:19;transport=tcp"
    private static let backend = "tcp:127.0.0.1:19"

    private func edge() async throws -> TestEdge {
        try await TestEdge { Self.text($0, target: Self.target) }
    }

    @Test("OVL-33: alive from the start, ready as long as a backend is usable")
    func readiness() async throws {
        let edge = try await edge()
        #expect(try await edge.get("/healthz") == "200 ok\n")
        #expect(try await edge.get("/readyz") == "200 ready\n")
        #expect(try await edge.post("/api/v1/backends/\(Self.backend)/disable") == "200 \(Self.backend): disabled\n")
        #expect(try await edge.get("/readyz") == "503 not ready\n")
        #expect(try await edge.get("/healthz") == "200 ok\n")
        #expect(try await edge.post("/api/v1/backends/\(Self.backend)/enable") == "200 \(Self.backend): enabled\n")
        #expect(try await edge.get("/readyz") == "200 ready\n")
        await edge.stop()
    }

    @Test("OVL-33: an edge whose pool has found no backend is alive and not ready")
    func emptyPool() async throws {
        let edge = try await TestEdge { Self.text($0, target: "sip:nobody.\(TestEdge.domain)") }
        #expect(try await edge.get("/healthz") == "200 ok\n")
        #expect(try await edge.get("/readyz") == "503 not ready\n")
        let pools = try await edge.pools()
        #expect(pools.map(\.backends.count) == [0])
        #expect(pools.first?.problem != nil)
        await edge.stop()
    }

    @Test("Status and pools say what runs")
    func status() async throws {
        let edge = try await edge()
        let reply = try await edge.api.get("/api/v1/status")
        #expect(reply.status == 200)
        let status = try JSONText.decode(StatusReport.self, from: reply.body)
        #expect(status.name == "edge.example.test")
        #expect(status.version == BranaVersion.text)
        #expect((status.workers, status.connections, status.transactions) == (1, 0, 0))
        #expect(!status.isDraining)
        #expect(status.listeners.map(\.name) == ["plain"])
        #expect(status.listeners.map(\.address) == ["127.0.0.1:\(edge.ports.plain)"])
        #expect(status.listeners.map(\.transport) == ["tcp"])
        let connection = try await edge.connect(to: edge.ports.plain)
        let counted = try await Waiting.until(within: .seconds(5)) {
            let body = try await edge.api.get("/api/v1/status").body
            return try JSONText.decode(StatusReport.self, from: body).connections == 1
        }
        #expect(counted)
        await connection.close()
        let pools = try await edge.pools()
        #expect(pools.map(\.name) == ["voice"])
        #expect(pools.map(\.target) == [Self.target])
        #expect(pools.flatMap(\.backends).map(\.id) == [Self.backend])
        #expect(pools.flatMap(\.backends).map(\.expectedShare) == [1])
        #expect(try await edge.api.get("/").body.contains("<html"))
        await edge.stop()
    }

    @Test("A reload is adopted whole, or refused with its reasons and nothing is changed")
    func reload() async throws {
        let edge = try await edge()
        let renamed = Self.text(edge.ports, target: Self.target, name: "other.example.test")
        try edge.rewrite(renamed)
        let taken = try await edge.api.post("/api/v1/reload")
        let report = try JSONText.decode(ReloadReport.self, from: taken.body)
        #expect(taken.status == 200)
        #expect(report.succeeded)
        #expect(try await edge.name() == "other.example.test")
        try edge.rewrite(renamed.replacing("pool: voice", with: "pool: voices").replacing("other.", with: "third."))
        let refused = try await edge.api.post("/api/v1/reload")
        let refusal = try JSONText.decode(ReloadReport.self, from: refused.body)
        #expect(refused.status == 409)
        #expect(!refusal.succeeded)
        #expect(refusal.problems.contains { $0.contains("brana.yaml:8:") && $0.contains("'voices'") })
        #expect(try await edge.name() == "other.example.test")
        #expect(try await edge.get("/readyz") == "200 ready\n")
        let reloads = try await edge.status().reloads
        #expect((reloads.succeeded, reloads.failed, reloads.lastSucceeded) == (1, 1, false))
        await edge.stop()
    }

    @Test(
        "The operator's word on a backend shows at once, and is taken back",
        arguments: [("drain", "draining", "undrain"), ("disable", "disabled", "enable")]
    )
    func backends(verb: String, state: String, opposite: String) async throws {
        let edge = try await edge()
        let before = try await edge.health()
        #expect(try await edge.post("/api/v1/backends/\(Self.backend)/\(verb)") == "200 \(Self.backend): \(state)\n")
        #expect(try await edge.health() == [state])
        let encoded = Self.backend.replacing(":", with: "%3A")
        let reply = try await edge.post("/api/v1/backends/\(encoded)/\(opposite)")
        #expect(reply == "200 \(Self.backend): enabled\n")
        #expect(try await edge.health() == before)
        await edge.stop()
    }

    @Test(
        "A backend is named in full, by address and port, or by its server; a drain that is taken back enables nothing"
    )
    func names() async throws {
        let edge = try await edge()
        let short = String(Self.backend.drop { $0 != ":" }.dropFirst())
        #expect(try await edge.post("/api/v1/backends/\(short)/drain") == "200 \(Self.backend): draining\n")
        #expect(try await edge.post("/api/v1/backends/\(short)/disable") == "200 \(Self.backend): disabled\n")
        let refused = try await edge.post("/api/v1/backends/\(short)/undrain")
        #expect(refused.hasPrefix("409 \(Self.backend) is disabled, not drained; brana enable"), "\(refused)")
        #expect(try await edge.health() == ["disabled"])
        await edge.stop()
        let named = try await TestEdge(servers: [(10, try FreePort.next())]) {
            Self.text($0, target: "sip:\(TestEdge.domain)")
        }
        let backend = try #require(try await named.plane.poolReports().flatMap(\.backends).first)
        #expect(await named.plane.carryOut(.drain, backend: backend.name) == .done(backend.id, .draining))
        await named.stop()
    }

    @Test("OVL-43: SIP at the admin socket is answered as bad HTTP or not at all, and the connection closed")
    func notSIP() async throws {
        let edge = try await edge()
        let reply = try await RawConnection.send(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\nContent-Length: 0\r\n\r\n",
            to: edge.ports.socket
        )
        #expect(reply.isEmpty || reply.hasPrefix("HTTP/1.1 400"), "\(reply)")
        #expect(try await edge.get("/healthz") == "200 ok\n")
        await edge.stop()
    }

    @Test("What is not there is 404, and changes nothing")
    func unknown() async throws {
        let edge = try await edge()
        let before = try await edge.health()
        for path in ["/api/v1/nothing", "/healthz/", "/metrics2", "/api/v1/reload", "/api/v2/status"] {
            let status = try await edge.api.get(path).status
            // A slash at the end is the same path; everything else is not there to be read.
            #expect(status == (path == "/healthz/" ? 200 : 404), "GET \(path)")
        }
        for path in [
            "/api/v1/backends/\(Self.backend)/eject", "/api/v1/backends/tcp:127.0.0.1:20/drain",
            "/api/v1/backends/nonsense/drain", "/api/v1/backends/%ff/drain", "/api/v1/status", "/healthz",
        ] {
            #expect(try await edge.api.post(path).status == 404, "POST \(path)")
        }
        #expect(try await edge.health() == before)
        await edge.stop()
    }

    @Test("A socket that is served is not taken over; one that was left behind is")
    func takenSocket() async throws {
        let edge = try await edge()
        await #expect(throws: AdminServer.BindFailure.self) { try await edge.serveAgain() }
        #expect(try await edge.get("/healthz") == "200 ok\n")
        await edge.stopServing()
        // What a process leaves that was killed: a socket's file that nobody listens at.
        try? FileManager.default.removeItem(atPath: edge.ports.socket)
        try Self.leaveSocket(at: edge.ports.socket)
        #expect(!UnixStream.accepts(edge.ports.socket))
        let again = Task { try await edge.serveAgain() }
        let isServed = try await Waiting.until(within: .seconds(10)) {
            guard UnixStream.accepts(edge.ports.socket) else { return false }
            return try await edge.get("/healthz") == "200 ok\n"
        }
        #expect(isServed)
        let modes = try FileManager.default.attributesOfItem(atPath: edge.ports.socket)[.posixPermissions] as? Int
        #expect(modes == 0o660)
        again.cancel()
        _ = await again.result
        await edge.stop()
    }

    private static func leaveSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw TestSupportError("cannot bind \(path)") }
    }
}

extension TestEdge {
    fileprivate func get(_ path: String) async throws -> String {
        let reply = try await api.get(path)
        return "\(reply.status) \(reply.body)"
    }

    fileprivate func post(_ path: String) async throws -> String {
        let reply = try await api.post(path)
        return "\(reply.status) \(reply.body)"
    }

    fileprivate func status() async throws -> StatusReport {
        try JSONText.decode(StatusReport.self, from: try await api.get("/api/v1/status").body)
    }

    fileprivate func name() async throws -> String { try await status().name }

    fileprivate func pools() async throws -> [PoolReport] {
        try JSONText.decode([PoolReport].self, from: try await api.get("/api/v1/pools").body)
    }

    fileprivate func health() async throws -> [String] { try await pools().flatMap(\.backends).map(\.health) }
}

/// Bytes to a Unix socket, and what comes back until it closes.
private final class RawConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var received = ""
    private let promise: EventLoopPromise<String>

    private init(_ promise: EventLoopPromise<String>) {
        self.promise = promise
    }

    static func send(_ text: String, to socket: String) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RawConnection(promise))
                }
            }
            .connect(unixDomainSocketPath: socket).get()
        try await channel.writeAndFlush(ByteBuffer(string: text))
        return try await promise.futureResult.get()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { received += String(buffer: unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(received) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
