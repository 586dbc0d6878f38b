// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPLocation
import SIPMessage
import Telemetry
import TestSupport
import Testing

@testable import EdgeControl

@Suite("The page of /metrics against the traffic of a real edge", .timeLimit(.minutes(1)))
struct MetricsPageTests {
    typealias Series = ExpositionParser.Series

    private static func text(_ ports: TestEdge.Ports, _ backend: Int, domains: String = "") -> String {
        """
        edge: { name: edge.example.test, workers: 2 }
        listeners:
          - { name: public, address: "127.0.0.1:\(ports.secure)", transport: tls, tls: public }
          - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
        tls:
          public: { certificate: \(ports.certificate), key: \(ports.key), verify: false, require: false }
        resolver: { servers: ["127.0.0.1:\(ports.names)"] }
        pools:
          voice: { target: sip:\(TestEdge.domain), allow_loopback: true, health: { probe: none } }
          direct:
            target: "sip:127.0.0.1:\(backend);transport=tcp"
            health: { probe: options, interval: 100ms, timeout: 1s, fall: 2, rise: 1 }
        routes:
          - { pool: direct, when: { listeners: [plain] } }
          - { pool: voice }
        limits: { connections_per_source: 3 }
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    @Test("LOC-57: every way a DNS question can fail has an outcome, but for those that are never asked")
    func failures() {
        let labels = Set(DNSOutcomeLabel.allCases.map(\.label))
        #expect(Set(DNSAnswer.Failure.allCases.map(\.rawValue)).subtracting(labels) == ["not_askable"])
    }

    @Test("OVL-30: every sample is the catalogue's with its labels, and every metric of the catalogue has a sample")
    func catalogue() async throws {
        let bench = try await Bench.start()
        let page = try await bench.edge.metrics()
        let metrics = Dictionary(uniqueKeysWithValues: MetricCatalog.all.map { ($0.name, $0) })
        #expect(page.types == metrics.mapValues(\.kind.rawValue))
        #expect(page.helps == metrics.mapValues(\.help))
        var seen: Set<String> = []
        for series in page.values.keys {
            let endings = ["", "_bucket", "_sum", "_count"]
            let name = endings.lazy.map { String(series.name.dropLast($0.count)) }.first { metrics[$0] != nil }
            let metric = try #require(name.flatMap { metrics[$0] }, "\(series.name)")
            var labels = series.labels
            if metric.kind == .histogram, series.name.hasSuffix("_bucket") {
                #expect(labels.removeValue(forKey: "le") != nil, "\(series)")
            }
            #expect(Set(labels.keys) == Set(metric.labels.map(\.name)), "\(series)")
            for label in metric.labels where label.values.hasPrefix("`") {
                #expect(label.values.split(separator: " ").contains("`\(labels[label.name] ?? "")`"), "\(series)")
            }
            seen.insert(metric.name)
        }
        // Nothing is fetched or revoked here; StaplingTests and the RevocationTests of SystemTests look at these.
        let others = [MetricCatalog.tlsStapleSeconds.name, MetricCatalog.tlsRevocationListSeconds.name]
        #expect(seen == Set(metrics.keys).subtracting(others))
        await bench.stop()
    }

    @Test("OVL-30: the numbers are those of the traffic: calls, a failed attempt, a malformed message, refused peers")
    func numbers() async throws {
        let bench = try await Bench.start()
        let edge = bench.edge
        let caller = try edge.caller()
        #expect(await caller.register() == [])
        #expect(await caller.call(1, perSecond: 10).completed == 1)
        let page = try await edge.metrics()
        func number(_ name: String, _ labels: [String: String] = [:]) -> Double? {
            page.values[Series(name: "brana_" + name, labels: labels)]
        }
        let (dead, live) = ("tcp:127.0.0.1:\(bench.deadPort)", "tcp:127.0.0.1:\(bench.backend.port)")

        #expect(number("proxy_requests_total", ["method": "REGISTER", "pool": "voice"]) == 1)
        #expect(number("proxy_requests_total", ["method": "INVITE", "pool": "voice"]) == 1)
        #expect(number("proxy_requests_total", ["method": "BYE", "pool": ""]) == 1)
        #expect(number("proxy_requests_total", ["method": "INVITE", "pool": "direct"]) == 0)
        #expect(number("proxy_requests_remembered") == 3)
        #expect(number("proxy_requests_forgotten_total") == 0)
        #expect(number("proxy_responses_total", ["class": "2xx", "origin": "backend"]) == 3)
        #expect(number("proxy_responses_total", ["class": "1xx", "origin": "backend"]) == 1)
        #expect(number("proxy_responses_total", ["class": "1xx", "origin": "local"]) == 1)
        #expect(number("proxy_request_duration_seconds_count", ["kind": "invite"]) == 1)
        #expect(number("proxy_request_duration_seconds_count", ["kind": "non_invite"]) == 2)
        #expect(number("proxy_transactions_active", ["side": "server"]) == 1)
        #expect(number("proxy_transactions_active", ["side": "client"]) == 1)
        #expect(number("proxy_failovers_total", ["reason": "refused"]) == 1)
        #expect(number("backend_failures_total", ["pool": "voice", "backend": dead, "reason": "refused"]) == 1)
        #expect(number("backend_attempts_total", ["pool": "voice", "backend": dead]) == 1)
        #expect(number("backend_attempts_total", ["pool": "voice", "backend": live]) == 3)
        #expect(number("backend_response_duration_seconds_count", ["pool": "voice", "backend": live]) == 3)
        #expect(number("backend_connections_active", ["pool": "voice", "backend": live]) == 1)
        #expect(number("backend_connections_active", ["pool": "voice", "backend": dead]) == 0)
        #expect(number("flow_connections_active", ["side": "backend"]) == 1)
        #expect(number("pool_membership_changes_total", ["pool": "voice", "change": "added"]) == 2)
        #expect(number("dns_refreshes_total", ["pool": "voice", "result": "success"]) == 1)
        #expect(number("dns_refresh_duration_seconds_count", ["pool": "voice"]) == 1)
        #expect(number("tls_handshakes_total", ["side": "client", "version": "1.3"]) == 1)
        #expect(number("tls_handshake_duration_seconds_count", ["side": "client"]) == 1)
        #expect(number("tls_certificate_remaining_days", ["profile": "public"]).map { (6...7).contains($0) } == true)
        #expect(number("listener_connections_active", ["listener": "public"]) == 1)
        for side in ["client", "backend"] {
            #expect(number("flow_received_bytes_total", ["side": side]).map { $0 > 400 } == true)
            #expect(number("flow_sent_bytes_total", ["side": side]).map { $0 > 400 } == true)
        }
        await caller.close()
        await bench.stop()
    }

    @Test("OVL-22: handshakes of one source that are under way are limited, and their places given back")
    func halfOpen() async throws {
        let dead = try FreePort.next()
        let edge = try await TestEdge(servers: [(10, dead)]) { ports in
            Self.text(ports, dead).replacing("connections_per_source: 3", with: "handshakes_per_source: 2")
        }
        let refused = ["listener": "public", "reason": "handshakes_per_source"]
        let first = try await edge.connect(to: edge.ports.secure)
        let second = try await edge.connect(to: edge.ports.secure)
        try await edge.expect("listener_connections_active", ["listener": "public"], 2)
        // It is closed at once, perhaps before it is a connection at all.
        let third = try? await edge.connect(to: edge.ports.secure)
        try await edge.expect("listener_connections_refused_total", refused, 1)
        await first.close()
        try await edge.expect("listener_connections_active", ["listener": "public"], 1)
        // One that has finished its handshake is no longer counted.
        let whole = try await edge.connect(to: edge.ports.secure, securely: true)
        try await edge.expect("tls_handshakes_total", ["side": "client", "version": "1.3"], 1)
        let fourth = try await edge.connect(to: edge.ports.secure)
        try await edge.expect("listener_connections_active", ["listener": "public"], 3)
        try await edge.expect("listener_connections_refused_total", refused, 1)
        for connection in [second, whole, fourth] { await connection.close() }
        await third?.close()
        await edge.stop()
    }

    @Test("No sum falls when a reload gives a pool another target and a listener another port")
    func reload() async throws {
        let bench = try await Bench.start()
        let edge = bench.edge
        let plain = try await edge.connect(to: edge.ports.plain)
        #expect(Self.status(await plain.send(Self.options("one"), branch: "one", deadline: .seconds(5))) == 200)
        let counters = Set(MetricCatalog.all.filter { $0.kind == .counter }.map(\.name))
        let before = try await edge.metrics().values.filter { counters.contains($0.key.name) }
        let moved = try FreePort.next()
        let text = Self.text(edge.ports, bench.backend.port)
            .replacing("127.0.0.1:\(edge.ports.plain)", with: "127.0.0.1:\(moved)")
            .replacing("sip:\(TestEdge.domain)", with: "\"sip:127.0.0.1:\(bench.backend.port);transport=tcp\"")
        try edge.rewrite(text)
        #expect(await edge.plane.reload().succeeded)
        let again = try await edge.connect(to: moved)
        #expect(Self.status(await again.send(Self.options("two"), branch: "two", deadline: .seconds(5))) == 200)
        try await edge.expect("listener_connections_accepted_total", ["listener": "plain"], 2)
        try await edge.expect("proxy_requests_total", ["method": "OPTIONS", "pool": "direct"], 2)
        let after = try await edge.metrics().values
        for (series, value) in before {
            // What went with the pool's old target may vanish; nothing else may, and nothing may fall.
            guard let now = after[series] else {
                #expect(series.labels["pool"] == "voice" && series.labels["backend"] != nil, "\(series) vanished")
                continue
            }
            #expect(now >= value, "\(series) fell from \(value) to \(now)")
        }
        for connection in [plain, again] { await connection.close() }
        await bench.stop()
    }

    /// An edge, a backend that lives, and one that its zone names first and that is dead.
    private struct Bench {
        let edge: TestEdge
        let backend: DemoBackend
        let deadPort: Int

        static func start() async throws -> Bench {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let backend = try await DemoBackend.start(
                name: "live",
                address: "127.0.0.1",
                port: FreePort.next(),
                on: loop
            )
            let dead = try FreePort.next()
            let edge = try await TestEdge(servers: [(10, dead), (20, backend.port)]) { ports in
                MetricsPageTests.text(ports, backend.port)
            }
            return Bench(edge: edge, backend: backend, deadPort: dead)
        }

        func stop() async {
            await edge.stop()
            await backend.stop()
        }
    }

    private static func options(_ branch: String, callID: String = "Call-ID: a@example.test\r\n") -> ByteBuffer {
        ByteBuffer(
            string: "OPTIONS sip:service@\(TestEdge.domain) SIP/2.0\r\n"
                + "Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(branch);rport\r\nMax-Forwards: 70\r\n"
                + "From: <sip:a@\(TestEdge.domain)>;tag=a\r\nTo: <sip:service@\(TestEdge.domain)>\r\n"
                + "\(callID)CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    }

    private static func status(_ reply: DemoConnection.Reply) -> UInt16? {
        if case .final(let response) = reply { response.status } else { nil }
    }
}

extension TestEdge {
    /// Waits until a series has a value, and records an issue when it does not come to it.
    func expect(
        _ name: String,
        _ labels: [String: String],
        _ value: Double,
        at place: SourceLocation = #_sourceLocation
    ) async throws {
        let series = ExpositionParser.Series(name: "brana_" + name, labels: labels)
        let came = try await Waiting.until(within: .seconds(10)) { try await self.metrics().values[series] == value }
        guard !came else { return }
        let found = try await metrics().values[series]
        Issue.record("\(series) is \(found.map { "\($0)" } ?? "missing"), not \(value)", sourceLocation: place)
    }
}
