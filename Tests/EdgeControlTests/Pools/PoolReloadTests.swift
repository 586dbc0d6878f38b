// SPDX-License-Identifier: Apache-2.0

import NIOPosix
import TestSupport
import Testing

@testable import EdgeControl

@Suite("A pool whose target a reload changes", .timeLimit(.minutes(1)))
struct PoolReloadTests {
    private static func text(_ ports: TestEdge.Ports, target: String, probe: String = "options") -> String {
        """
        edge: { name: edge.example.test, workers: 1 }
        listeners: [{ name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }]
        resolver: { servers: ["127.0.0.1:\(ports.names)"] }
        pools:
          voice:
            target: "\(target)"
            allow_loopback: true
            health: { probe: \(probe), interval: 1h, timeout: 1s }
        routes: [{ pool: voice }]
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    /// The state of each backend of the pool, by its port.
    private static func states(_ edge: TestEdge) async throws -> [String: String] {
        let pool = try #require(try await edge.plane.poolReports().first)
        return Dictionary(pool.backends.map { ($0.id, $0.health) }, uniquingKeysWith: { _, new in new })
    }

    @Test(
        "LOC-51, LOC-55: backends that the new target names keep their health, others drain, and come back as they were"
    )
    func target() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ports = (try FreePort.next(), try FreePort.next())
        let backend = try await DemoBackend.start(name: "b", address: "127.0.0.1", port: ports.0, on: loop)
        let edge = try await TestEdge(servers: [(10, ports.0), (20, ports.1)]) {
            Self.text($0, target: "sip:\(TestEdge.domain)")
        }
        let (live, dead) = ("tcp:127.0.0.1:\(ports.0)", "tcp:127.0.0.1:\(ports.1)")
        let judged = try await Waiting.until(within: .seconds(10)) {
            try await Self.states(edge) == [live: "up", dead: "down"]
        }
        #expect(judged)
        // The backend is gone: only what is remembered of it can make it up.
        await backend.stop()
        try edge.rewrite(Self.text(edge.ports, target: "sip:127.0.0.1:\(ports.0);transport=tcp"))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await Self.states(edge) == [live: "up", dead: "draining"])
        try edge.rewrite(Self.text(edge.ports, target: "sip:\(TestEdge.domain)"))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await Self.states(edge) == [live: "up", dead: "down"])
        await edge.stop()
    }

    @Test("OVL-31: a reload that ends probing lets a backend that was down by probe be used, and logs it")
    func probingEnds() async throws {
        let recorder = LogRecorder()
        let port = try FreePort.next()
        let edge = try await TestEdge(servers: [(10, port)], logger: recorder.logger) {
            Self.text($0, target: "sip:\(TestEdge.domain)")
        }
        let dead = "tcp:127.0.0.1:\(port)"
        let isDown = try await Waiting.until(within: .seconds(10)) { try await Self.states(edge) == [dead: "down"] }
        #expect(isDown)
        try edge.rewrite(Self.text(edge.ports, target: "sip:\(TestEdge.domain)", probe: "none"))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await Self.states(edge) == [dead: "unknown"])
        let told = recorder.lines.filter { $0.hasPrefix("backend changed") && $0.contains("no longer probed") }
        #expect(told.count == 1 && told.first?.contains("unknown") == true, "\(recorder.lines)")
        await edge.stop()
    }

    @Test("What is wrong with the records is logged once, and stands in the report of the pool as long as it is so")
    func notes() async throws {
        let recorder = LogRecorder()
        let edge = try await TestEdge(servers: [(10, try FreePort.next()), (20, 0)], logger: recorder.logger) {
            Self.text($0, target: "sip:\(TestEdge.domain)")
        }
        for _ in 0..<3 { await edge.plane.refresh("voice") }
        let note = "SRV _sip._tcp.\(TestEdge.domain) s1.\(TestEdge.domain):0 is no server"
        let pool = try #require(try await edge.plane.poolReports().first)
        #expect(pool.notes == [note] && pool.refreshes >= 4 && !pool.isPartial)
        #expect(recorder.lines.count { $0.hasPrefix("records of a pool") && $0.contains(note) } == 1)
        let page = try await edge.metrics()
        #expect(page.values[ExpositionParser.Series(name: "brana_pool_tls_lost", labels: ["pool": "voice"])] == 0)
        await edge.stop()
    }

    @Test("LOC-65: records that drop from four to one are taken, with a line in the log and a count")
    func majorityLoss() async throws {
        let (recorder, directory) = (LogRecorder(), try TemporaryDirectory())
        func write(_ ports: ClosedRange<Int>) throws -> String {
            let records = ports.map { "_sip._tcp.own.test. 60 IN SRV 10 1 \($0) n.own.test.\n" }.joined()
            return try directory.write(records + "n.own.test. 60 IN A 127.0.0.1\n", to: "overrides")
        }
        let overrides = try write(5081...5084)
        @Sendable func text(_ ports: TestEdge.Ports) -> String {
            Self.text(ports, target: "_sip._tcp.own.test")
                .replacing("resolver: {", with: "resolver: { overrides: \(overrides),")
                .replacing("probe: options", with: "probe: none")
        }
        let edge = try await TestEdge(logger: recorder.logger) { text($0) }
        #expect(try await Self.states(edge).values.count { $0 != "draining" } == 4)
        // All four have the name of their one server.
        let places = (5081...5084).map { "tcp:127.0.0.1:\($0)" }.joined(separator: ", ")
        let unclear = await edge.plane.carryOut(.drain, backend: "n.own.test")
        #expect(unclear == .refused("n.own.test is more than one backend: say which of \(places)"))
        _ = try write(5081...5081)
        #expect(await edge.plane.reload().succeeded)
        await edge.plane.refresh("voice")
        #expect(try await Self.states(edge).values.count { $0 != "draining" } == 1)
        let lines = recorder.lines.filter { $0.hasPrefix("pool lost most of its backends") }
        #expect(lines.count == 1 && lines[0].contains("lost=3") && lines[0].contains("left=1"))
        let series = ExpositionParser.Series(name: "brana_pool_majority_losses_total", labels: ["pool": "voice"])
        #expect(try await edge.metrics().values[series] == 1)
        await edge.stop()
    }

    @Test("A new target that DNS does not know is refused, and the pool keeps the backends that it has")
    func unresolved() async throws {
        let port = try FreePort.next()
        let edge = try await TestEdge(servers: [(10, port)]) { Self.text($0, target: "sip:\(TestEdge.domain)") }
        #expect(try await Self.states(edge).count == 1)
        try edge.rewrite(Self.text(edge.ports, target: "sip:nowhere.\(TestEdge.domain)"))
        let report = await edge.plane.reload()
        #expect(!report.succeeded && report.problems.count == 1, "\(report.problems)")
        let problem = report.problems.first ?? ""
        #expect(problem.contains("pools.voice.target: sip:nowhere.\(TestEdge.domain) leads to no"), "\(problem)")
        #expect(try await Self.states(edge).map(\.key) == ["tcp:127.0.0.1:\(port)"])
        #expect(try await Self.states(edge).values.allSatisfy { $0 != "draining" })
        await edge.stop()
    }

    @Test("LOC-72: a listener that comes to stand where a pool leads takes that backend out at once, and gives it back")
    func ownListener() async throws {
        let port = try FreePort.next()
        let edge = try await TestEdge(servers: [(10, port)]) { Self.text($0, target: "sip:\(TestEdge.domain)") }
        let backend = "tcp:127.0.0.1:\(port)"
        #expect(try await Self.states(edge).keys.contains(backend))
        let text = Self.text(edge.ports, target: "sip:\(TestEdge.domain)")
        let own = "listeners: [{ name: own, address: \"127.0.0.1:\(port)\", transport: tcp }, "
        try edge.rewrite(text.replacing("listeners: [", with: own))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await Self.states(edge) == [backend: "draining"])
        let notes = try #require(try await edge.plane.poolReports().first).notes
        #expect(notes.contains { $0.contains("this edge listens there itself") }, "\(notes)")
        try edge.rewrite(text)
        #expect(await edge.plane.reload().succeeded)
        #expect(try await Self.states(edge)[backend] != "draining")
        await edge.stop()
    }

    @Test("LOC-24: another tls_loss acts with the reload, and overrides that have changed do too")
    func tlsLoss() async throws {
        let directory = try TemporaryDirectory()
        func write(isSecure: Bool) throws -> String {
            let secure = "own.test. 60 IN NAPTR 10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.own.test.\n"
            let records = """
                own.test. 60 IN NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp.own.test.
                _sips._tcp.own.test. 60 IN SRV 10 1 5081 n.own.test.
                _sip._tcp.own.test. 60 IN SRV 10 1 5080 n.own.test.
                n.own.test. 60 IN A 127.0.0.1

                """
            return try directory.write((isSecure ? secure : "") + records, to: "overrides")
        }
        let overrides = try write(isSecure: true)
        @Sendable func text(_ ports: TestEdge.Ports, tlsLoss: String = "keep") -> String {
            Self.text(ports, target: "sip:own.test")
                .replacing("resolver: {", with: "resolver: { overrides: \(overrides),")
                .replacing("probe: options", with: "probe: none")
                .replacing("allow_loopback: true", with: "allow_loopback: true\n    tls_loss: \(tlsLoss)")
        }
        func published(_ edge: TestEdge) async throws -> [String] {
            try await Self.states(edge).filter { $0.value != "draining" }.keys.sorted()
        }
        let edge = try await TestEdge { text($0) }
        #expect(try await published(edge) == ["tls:127.0.0.1:5081"])
        _ = try write(isSecure: false)
        #expect(await edge.plane.reload().succeeded)
        #expect(try await published(edge) == ["tls:127.0.0.1:5081"])
        let lost = try #require(try await edge.plane.poolReports().first).notes
        #expect(lost.contains { $0.contains("no longer publishes SIPS services") }, "\(lost)")
        try edge.rewrite(text(edge.ports, tlsLoss: "ignore"))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await published(edge) == ["tcp:127.0.0.1:5080"])
        try edge.rewrite(text(edge.ports, tlsLoss: "refuse"))
        #expect(await edge.plane.reload().succeeded)
        #expect(try await published(edge) == ["tls:127.0.0.1:5081"])
        await edge.stop()
    }
}
