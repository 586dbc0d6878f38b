// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Sources over the admin API", .timeLimit(.minutes(1)))
struct SourcesReportTests {
    private static func text(_ ports: TestEdge.Ports, _ limits: String, backend: Int = 19) -> String {
        """
        edge: { name: edge.example.test, workers: 1 }
        listeners:
          - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
          - { name: datagrams, address: "127.0.0.1:\(ports.plain)", transport: udp }
        pools:
          voice: { target: "sip:127.0.0.1:\(backend);transport=tcp", allow_loopback: true, health: { probe: none } }
        routes:
          - { pool: voice }
        limits: { \(limits) }
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    private static func options(_ number: Int, hops: Int = 0, _ transport: String = "TCP") -> ByteBuffer {
        let via = "SIP/2.0/\(transport) 127.0.0.1:9;branch=z9hG4bK\(number);rport"
        return ByteBuffer(
            string: "OPTIONS sip:127.0.0.1:1 SIP/2.0\r\nVia: \(via)\r\n"
                + "Max-Forwards: \(hops)\r\nFrom: <sip:a@example.test>;tag=a\r\nTo: <sip:b@example.test>\r\n"
                + "Call-ID: \(number)\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    }

    private func report(_ edge: TestEdge, _ query: String = "") async throws -> SourcesReport {
        let reply = try await edge.api.get("/api/v1/sources\(query)")
        #expect(reply.status == 200)
        return try JSONText.decode(SourcesReport.self, from: reply.body)
    }

    @Test("OVL-39, OVL-21: who was refused and who is banned is told by address; without limits nobody is counted")
    func report() async throws {
        let edge = try await TestEdge { Self.text($0, "rates: { other: 1, burst: 2s }, ban: { after: 3, time: 1h }") }
        #expect(try await report(edge).total == 0)
        let connection = try await edge.connect(to: edge.ports.plain)
        for number in 1...5 {
            _ = await connection.send(Self.options(number), branch: "\(number)", deadline: .seconds(1))
        }
        let came = try await Waiting.until(within: .seconds(5)) {
            try await report(edge).sources.first?.bannedFor != nil
        }
        #expect(came)
        let source = try #require(try await report(edge).sources.first)
        #expect(source.address == "127.0.0.1" && source.refused == 3 && source.failures == 0)
        #expect((3590...3600).contains(source.bannedFor ?? 0))
        let none = try await report(edge, "?limit=0")
        #expect(none.total == 1 && none.sources.isEmpty)
        try await edge.expect("limit_banned_sources", [:], 1)
        try await edge.expect("limit_hits_total", ["limit": "ban"], 1)

        try edge.rewrite(Self.text(edge.ports, "connections: 100"))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await report(edge).total == 0)
        await edge.stop()
    }

    @Test("TXN-46: whom transactions_per_source turns away is told there without any rate or ban, and in the log once")
    func transactions() async throws {
        let recorder = LogRecorder()
        // It takes requests and never answers.
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        let edge = try await TestEdge(logger: recorder.logger) {
            Self.text($0, "transactions_per_source: 5", backend: port)
        }
        let connection = try await edge.connect(to: edge.ports.plain)
        await withTaskGroup { group in
            for number in 1...10 {
                group.addTask {
                    let request = Self.options(number, hops: 70)
                    _ = await connection.send(request, branch: "\(number)", deadline: .milliseconds(500))
                }
            }
        }
        let came = try await Waiting.until(within: .seconds(5)) { try await report(edge).sources.first?.refused == 6 }
        #expect(came)
        let source = try #require(try await report(edge).sources.first)
        #expect(source.address == "127.0.0.1" && source.bannedFor == nil && source.failures == 0)
        let lines = recorder.lines.filter { $0.hasPrefix("refused because of a limit") }
        let end = " limit=limits.transactions_per_source source=127.0.0.1 worker=0"
        #expect(lines.count == 1 && lines[0].hasSuffix(end), "\(lines)")
        await edge.stop()
        try await silent.close()
    }

    @Test("OVL-39: 50 times 401 of a backend are told by source, over UDP apart, though nothing is limited")
    func failures() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let backend = try await DemoBackend.start(name: "b", address: "127.0.0.1", port: FreePort.next(), on: loop)
        try await backend.behave(.refuse(status: 401))
        let edge = try await TestEdge { Self.text($0, "connections: 100", backend: backend.port) }
        let connection = try await edge.connect(to: edge.ports.plain)
        for number in 1...50 {
            _ = await connection.send(Self.options(number, hops: 70), branch: "\(number)", deadline: .seconds(5))
        }
        for number in 51...53 {
            _ = try await UDPExchange.send(
                Self.options(number, hops: 70, "UDP"),
                host: "127.0.0.1",
                port: edge.ports.plain
            )
        }
        let sources = try await report(edge).sources
        #expect(sources.map(\.address) == ["127.0.0.1", "127.0.0.1"] && sources.map(\.failures) == [50, 3])
        #expect(sources.map(\.isUdp) == [false, true] && sources.allSatisfy { $0.refused == 0 && $0.bannedFor == nil })
        await edge.stop()
        await backend.stop()
    }
}
