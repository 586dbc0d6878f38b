// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPDNS
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What an edge makes of its probes", .timeLimit(.minutes(1)))
struct ProbedEdgeTests {
    private static func text(_ ports: TestEdge.Ports, limits: String = "", rise: Int = 1) -> String {
        """
        edge: { name: edge.example.test, workers: 1 }
        listeners:
          - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
        resolver: { servers: ["127.0.0.1:\(ports.names)"], timeout: 200ms, attempts: 1 }
        pools:
          voice:
            target: sip:\(TestEdge.domain)
            allow_loopback: true
            slow_start: 0s
            health: { interval: 200ms, timeout: 2s, fall: 2, rise: \(rise) }
        routes:
          - { pool: voice }
        limits: { \(limits) }
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    private static func backend(_ name: String = "b1") async throws -> DemoBackend {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await DemoBackend.start(name: name, address: "127.0.0.1", port: FreePort.next(), on: loop)
    }

    private static func labels(_ backend: DemoBackend) -> [String: String] {
        ["pool": "voice", "backend": "tcp:127.0.0.1:\(backend.port)"]
    }

    /// Waits until so many backends are up.
    private static func expectUp(_ count: Double, _ edge: TestEdge) async throws {
        try await edge.expect("pool_backends", ["pool": "voice", "state": "up"], count)
    }

    private static func isStale(_ edge: TestEdge) async throws -> Bool {
        let page = try await edge.metrics().values
        return page.contains { $0.key.name == "brana_dns_cache_stale_entries" && $0.value > 0 }
    }

    @Test(
        "OVL-30: a backend that is killed and comes back is told of in two lines with the cause, and the gauges follow"
    )
    func changes() async throws {
        let recorder = LogRecorder()
        let backend = try await Self.backend()
        let edge = try await TestEdge(servers: [(10, backend.port)], logger: recorder.logger) { Self.text($0) }
        try await edge.expect("backend_up", Self.labels(backend), 1)
        let before = recorder.lines.count { $0.hasPrefix("backend changed") }
        await backend.stop()
        try await edge.expect("backend_up", Self.labels(backend), 0)
        try await Self.expectUp(0, edge)
        try await backend.start()
        try await edge.expect("backend_up", Self.labels(backend), 1)
        try await Self.expectUp(1, edge)
        let lines = recorder.lines.filter { $0.hasPrefix("backend changed") }.dropFirst(before)
        #expect(lines.count == 2 && lines.allSatisfy { $0.contains("tcp:127.0.0.1:\(backend.port)") })
        #expect(lines.first?.contains("to=down") == true && lines.first?.contains("connection refused") == true)
        #expect(lines.last?.contains("from=down") == true && lines.last?.contains("to=up") == true)
        await edge.stop()
        await backend.stop()
    }

    @Test("A pool whose last usable backend goes is an error in the log, once, and a notice when it has one again")
    func lastBackend() async throws {
        let recorder = LogRecorder()
        let backends = [try await Self.backend("b1"), try await Self.backend("b2")]
        let servers = backends.map { (priority: 10, port: $0.port) }
        let edge = try await TestEdge(servers: servers, logger: recorder.logger) { Self.text($0) }
        try await Self.expectUp(2, edge)
        @Sendable func lines(_ start: String) -> [String] { recorder.lines.filter { $0.hasPrefix(start) } }
        await backends[0].stop()
        try await Self.expectUp(1, edge)
        #expect(lines("pool has no usable backend").isEmpty)
        await backends[1].stop()
        try await Self.expectUp(0, edge)
        let gone = lines("pool has no usable backend")
        #expect(gone.count == 1 && gone[0].contains("backends=2 pool=voice reason=\"probe: connection refused\""))
        #expect(lines("pool has a usable backend again").isEmpty)
        for backend in backends { try await backend.start() }
        try await Self.expectUp(2, edge)
        #expect(lines("pool has no usable backend").count == 1 && lines("pool has a usable backend again").count == 1)
        await edge.stop()
        for backend in backends { await backend.stop() }
    }

    @Test("A probe that fails in TLS says why: in the log once and in full, in the backend's reason in a few words")
    func secureProbes() async throws {
        let far = try await TestEdge { ports in
            """
            edge: { name: far.example.test, workers: 1 }
            listeners: [{ name: s, address: "127.0.0.1:\(ports.secure)", transport: tls, tls: s }]
            tls: { s: { certificate: \(ports.certificate), key: \(ports.key) } }
            pools: { voice: { target: "sip:127.0.0.1:9;transport=tcp", health: { probe: none } } }
            routes: [{ pool: voice }]
            admin: { socket: \(ports.socket) }
            logging: { level: critical, stderr: false }

            """
        }
        let recorder = LogRecorder()
        let target = "sip:127.0.0.1:\(far.ports.secure);transport=tls"
        let edge = try await TestEdge(logger: recorder.logger) {
            Self.text($0).replacing("sip:\(TestEdge.domain)", with: target)
        }
        let label = ["pool": "voice", "result": "tls"]
        let came = try await Waiting.until(within: .seconds(10)) {
            let series = ExpositionParser.Series(name: "brana_probe_results_total", labels: label)
            return try await edge.metrics().values[series].map { $0 >= 3 } ?? false
        }
        #expect(came)
        let lines = recorder.lines.filter { $0.hasPrefix("TLS handshake of a probe failed") }
        #expect(lines.count == 1, "\(lines)")
        let line = lines.first ?? ""
        for part in [
            "certificate=", "certificate_sha256=", "peer=127.0.0.1:\(far.ports.secure)", "pool=voice", "side=backend",
        ] { #expect(line.contains(part), "\(line)") }
        let reason = try #require(try await edge.plane.poolReports().first?.backends.first?.reason)
        #expect(reason.hasPrefix("probe: TLS handshake failed: ") && reason.contains("certificate"), "\(reason)")
        await edge.stop()
        await far.stop()
    }

    @Test("LOC-61: an outage of DNS is a failed refresh and one warning, though answers serve on; its end is a notice")
    func outage() async throws {
        let recorder = LogRecorder()
        let backend = try await Self.backend()
        let edge = try await TestEdge(servers: [(10, backend.port)], ttl: 1, logger: recorder.logger) { Self.text($0) }
        try await Self.expectUp(1, edge)
        let failures = ExpositionParser.Series(
            name: "brana_dns_refreshes_total",
            labels: ["pool": "voice", "result": "failure"]
        )
        #expect(try await edge.metrics().values[failures] == 0)
        @Sendable func lines(_ start: String) -> [String] { recorder.lines.filter { $0.hasPrefix(start) } }
        await edge.stopNames()
        let came = try await Waiting.until(within: .seconds(20)) {
            try await edge.metrics().values[failures].map { $0 >= 1 } ?? false
        }
        #expect(came)
        let began = lines("DNS does not answer for a pool")
        #expect(began.count == 1 && began[0].contains("pool=voice") && began[0].contains("until="), "\(began)")
        #expect(lines("DNS answers for a pool again").isEmpty)
        let names = try await edge.startNames(servers: [(10, backend.port)], ttl: 60)
        let ended = await Waiting.until(within: .seconds(20)) { !lines("DNS answers for a pool again").isEmpty }
        #expect(ended)
        #expect(lines("DNS does not answer for a pool").count == 1)
        try await Self.expectUp(1, edge)
        await names.stop()
        await edge.stop()
        await backend.stop()
    }

    @Test("OVL-31: with DNS dead and its records stale a backend that stops is marked down by its probes")
    func staleRecords() async throws {
        let backends = [try await Self.backend("b1"), try await Self.backend("b2")]
        let edge = try await TestEdge(servers: backends.map { (10, $0.port) }, ttl: 1) { Self.text($0) }
        for backend in backends { try await edge.expect("backend_up", Self.labels(backend), 1) }
        await edge.stopNames()
        let becameStale = try await Waiting.until(within: .seconds(20)) { try await Self.isStale(edge) }
        #expect(becameStale)
        await backends[0].stop()
        try await edge.expect("backend_up", Self.labels(backends[0]), 0)
        try await edge.expect("backend_up", Self.labels(backends[1]), 1)
        #expect(try await Self.isStale(edge))
        await edge.stop()
        for backend in backends { await backend.stop() }
    }

    @Test("OVL-29: with clients limited to a request a second twenty backends are probed as ever")
    func limits() async throws {
        var backends: [DemoBackend] = []
        for number in 1...20 { backends.append(try await Self.backend("b\(number)")) }
        let edge = try await TestEdge(servers: backends.map { (10, $0.port) }) {
            Self.text($0, limits: "rates: { options: 1, other: 1, total: 1, burst: 1s }, ban: { after: 1 }", rise: 3)
        }
        try await Self.expectUp(20, edge)
        let page = try await edge.metrics().values
        let hits = page.filter { $0.key.name == "brana_limit_hits_total" && $0.value > 0 }
        #expect(hits.isEmpty, "\(hits.keys.map(\.labels))")
        await edge.stop()
        for backend in backends { await backend.stop() }
    }
}
