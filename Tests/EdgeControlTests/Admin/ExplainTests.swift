// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import Foundation
import NIOCore
import NIOPosix
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@testable import EdgeControl

@Suite("brana explain over the admin API", .timeLimit(.minutes(1)))
struct ExplainTests {
    private static func text(_ ports: TestEdge.Ports, remembered: Int) -> String {
        """
        edge: { name: edge.example.test, workers: 2 }
        listeners:
          - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
        resolver: { servers: ["127.0.0.1:\(ports.names)"] }
        pools:
          voice: { target: sip:\(TestEdge.domain), allow_loopback: true, affinity: call-id, health: { probe: none } }
        routes:
          - { when: { methods: [PUBLISH] }, reject: { status: 405, reason: Not Here } }
          - { pool: voice }
        limits: { remembered_requests: \(remembered) }
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    /// An edge whose zone names a server first that is dead.
    private struct Bench {
        let edge: TestEdge
        let backend: DemoBackend
        let dead: Int

        init(remembered: Int = 100) async throws {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            backend = try await .start(name: "live", address: "127.0.0.1", port: FreePort.next(), on: loop)
            dead = try FreePort.next()
            edge = try await TestEdge(servers: [(10, dead), (20, backend.port)]) {
                ExplainTests.text($0, remembered: remembered)
            }
        }

        func send(_ method: String, callID: String) async throws {
            let connection = try await edge.connect(to: edge.ports.plain)
            let branch = "b\(callID.utf8.count)\(method)"
            let text =
                "\(method) sip:service@\(TestEdge.domain) SIP/2.0\r\n"
                + "Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(branch);rport\r\nMax-Forwards: 70\r\n"
                + "From: <sip:a@\(TestEdge.domain)>;tag=a\r\nTo: <sip:service@\(TestEdge.domain)>\r\n"
                + "Call-ID: \(callID)\r\nCSeq: 1 \(method)\r\nContent-Length: 0\r\n\r\n"
            _ = await connection.send(ByteBuffer(string: text), branch: branch, deadline: .seconds(5))
            await connection.close()
        }

        func explain(_ callID: String) async throws -> (status: Int, report: ExplainReport) {
            let reply = try await edge.api.get(ExplainReport.path(callID: callID))
            return (reply.status, try JSONText.decode(ExplainReport.self, from: reply.body))
        }

        func stop() async {
            await edge.stop()
            await backend.stop()
        }
    }

    @Test(
        "OVL-64: a failover is told from the rule to the answer: attempts, candidates with weights and TTLs, who was passed over"
    )
    func failover() async throws {
        let bench = try await Bench()
        let callID = "a%b&c=d+e?f#g;é\"<>@example.test"
        try await bench.send("OPTIONS", callID: callID)
        let (status, report) = try await bench.explain(callID)
        #expect(status == 200 && report.callId == callID && report.problem == nil)
        #expect(report.requests.count == 1)
        let request = try #require(report.requests.first)
        let (dead, live) = ("tcp:127.0.0.1:\(bench.dead)", "tcp:127.0.0.1:\(bench.backend.port)")
        #expect(request.method == "OPTIONS" && request.status == 200 && request.answeredBy == "backend")
        #expect(request.listener == "plain" && request.transport == "tcp" && request.source.hasPrefix("127.0.0.1:"))
        #expect((0...1).contains(request.worker) && request.generation >= 1 && !request.isRunning)
        #expect(request.way == "route rule 2" && request.route == 2 && request.pool == "voice")
        #expect(request.target == "sip:\(TestEdge.domain)" && request.choice == "affinity call-id")
        #expect(request.affinityKey?.count == 16)
        #expect(request.attempts.map(\.backend) == [dead, live])
        #expect(request.attempts.map(\.outcome) == ["refused", "answered"])
        #expect(request.attempts.map(\.status) == [nil, 200])
        #expect(request.attempts[0].words.hasPrefix("\(dead): connection refused after "))
        let whole = try #require(request.milliseconds)
        #expect(request.attempts.allSatisfy { ($0.milliseconds ?? .infinity) + $0.afterMilliseconds <= whole + 0.01 })
        let candidates = try #require(request.candidates)
        #expect(candidates.map(\.backend) == [dead, live])
        #expect(candidates.map(\.standing) == ["eligible", "later-priority"])
        #expect(candidates.map(\.attempts) == [[1], [2]])
        #expect(candidates.map(\.priority) == [10, 20] && candidates.map(\.weight) == [1, 1])
        #expect(candidates.allSatisfy { (1...60).contains($0.ttlLeft ?? 0) && !$0.isStale })
        #expect(candidates.map(\.service) == Array(repeating: "_sip._tcp.\(TestEdge.domain)", count: 2))
        #expect(request.front == nil)

        // A rule that rejects, and a request that is answered without one.
        try await bench.send("PUBLISH", callID: "refused")
        let refused = try #require(try await bench.explain("refused").report.requests.first)
        #expect(refused.status == 405 && refused.answeredBy == "edge" && refused.reason == "Not Here")
        #expect(refused.route == 1 && refused.attempts.isEmpty && refused.candidates == nil)
        await bench.stop()
    }

    @Test("What is not known is 404 and says how far back is remembered; no Call-ID is 400")
    func unknown() async throws {
        let bench = try await Bench(remembered: 1)
        for number in 1...6 { try await bench.send("OPTIONS", callID: "call\(number)") }
        // Two workers remember one each.
        var known = 0
        for number in 1...6 where try await bench.explain("call\(number)").status == 200 { known += 1 }
        #expect((1...2).contains(known))
        let (status, report) = try await bench.explain("CALL6")
        #expect(status == 404 && report.requests.isEmpty)
        #expect(report.memory.limit == 1 && report.memory.remembered == known)
        #expect(Int(report.memory.forgotten) == 6 - known)
        #expect(report.memory.othersSince > report.memory.invitesSince)
        let problem = try #require(report.problem)
        #expect(
            problem.contains("'CALL6'") && problem.contains(report.memory.othersSince) && problem.contains(" s ago")
        )
        for path in ["/api/v1/explain", "/api/v1/explain?call_id=", "/api/v1/explain?callid=call6"] {
            #expect(try await bench.edge.api.get(path).status == 400, "\(path)")
        }
        await bench.stop()
    }

    @Test("How far back is said by the worker that has forgotten latest; with 0 that only running requests are known")
    func reach() {
        let now = NIODeadline.uptimeNanoseconds(10_000_000_000_000)
        func report(_ limit: Int, _ reaches: [RequestMemoryReach]) -> ExplainReport {
            let writer = ExplainWriter(
                now: now,
                date: Date(timeIntervalSince1970: 1_000_000),
                startedAt: now - .hours(1),
                limit: limit,
                listenerName: { _ in nil },
                poolName: { _ in nil },
                published: { _, _ in nil }
            )
            let workers = reaches.enumerated().map {
                WorkerExplanation(worker: WorkerIndex($0.offset), requests: [], reach: $0.element)
            }
            return writer.report(callID: "x", workers)
        }
        let early = RequestMemoryReach(count: 7, forgotten: 2, invitesSince: now - .seconds(600))
        let late = RequestMemoryReach(count: 5, forgotten: 1, invitesSince: now - .seconds(100))
        let both = report(9, [early, late])
        #expect(both.memory.remembered == 12 && both.memory.forgotten == 3 && both.memory.limit == 9)
        #expect(both.memory.invitesSince == "1970-01-12T13:45:00.000Z")
        #expect(both.memory.othersSince == "1970-01-12T12:46:40.000Z")
        #expect(both.problem?.contains("INVITEs since 1970-01-12T13:45:00.000Z (100 s ago)") == true)
        #expect(both.problem?.contains("1970-01-12T12:46:40.000Z (60 min ago)") == true)
        #expect(report(0, [RequestMemoryReach()]).problem?.contains("remembered_requests is 0") == true)
    }

    @Test(
        "OVL-64: records that have expired and could not be renewed are stale, and the front is told beside whom it conveys"
    )
    func stale() throws {
        let now = NIODeadline.uptimeNanoseconds(10_000_000_000_000)
        let endpoint = Endpoint(transport: .tcp, address: .v4(0xC000_0201), port: 5060)
        let candidate = BackendCandidate(
            endpoint: endpoint,
            service: "_sip._tcp.example.test",
            name: "b1.example.test",
            referenceDomain: "example.test",
            expiresAt: now - .seconds(5)
        )
        let writer = ExplainWriter(
            now: now,
            date: Date(timeIntervalSince1970: 1_000_000),
            startedAt: now - .hours(1),
            limit: 10,
            listenerName: { _ in nil },
            poolName: { _ in nil },
            published: { _, _ in candidate }
        )
        let worker = WorkerExplanation(worker: 0, requests: try Self.running(at: endpoint, now: now), reach: .init())
        let request = try #require(writer.report(callID: "x", [worker]).requests.first)
        #expect(request.source == "203.0.113.7:51000" && request.front == "10.0.0.9:7000")
        let told = try #require(request.candidates?.first)
        #expect(told.isStale && told.ttlLeft == 0 && told.service == "_sip._tcp.example.test")
    }

    /// What a core tells of a request that waits for the answer of its backend, brought by a load balancer.
    private static func running(at endpoint: Endpoint, now: NIODeadline) throws -> [RequestExplanation] {
        let pool = PoolID(index: 0)
        let backend = BackendView(id: BackendID(pool: pool, endpoint: endpoint), name: "b1.example.test")
        let core = ProxyCore(
            worker: 0,
            snapshot: ProxySnapshot(
                generation: 1,
                listeners: [],
                routes: [RouteRule(action: .pool(pool))],
                pools: [PoolView(id: pool, settings: PoolSettings(name: "p"), backends: [backend])],
                policies: [ForwardingPolicy()],
                settings: ProxySettings(),
                tokens: TokenAuthenticator(currentKeyID: 1) { _, _ in nil }
            ),
            seed: 1,
            now: now
        )
        var flow = FlowContext(
            id: FlowID(worker: 0, serial: 1),
            side: .client,
            listener: ListenerID(index: 0),
            transport: .tcp,
            remoteAddress: .v4(0xCB00_7107),
            remotePort: 51000,
            remoteText: ByteBuffer(string: "203.0.113.7"),
            token: ByteBuffer()
        )
        flow.front = FlowContext.Front(address: .v4(0x0A00_0009), port: 7000)
        let text =
            "MESSAGE sip:b@example.test SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
            + "From: <sip:a@b>;tag=a\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
        let outcome = MessageParser.parse(ByteBuffer(string: text), framing: .stream, limits: MessageLimits())
        guard case .message(let message) = outcome else { throw TestSupportError("no message") }
        core.receive(message, on: flow, now: now)
        return core.explain(callID: ByteBuffer(string: "x"))
    }

    @Test("Each end of an attempt has a word of its own and says it in words")
    func endings() {
        let failures = AttemptFailure.allCases.filter { $0 != .status }.map {
            AttemptNote.Outcome.failed($0, status: 0)
        }
        let all = [.waiting, .answered(200), .failed(.status, status: 503), .cancelled] + failures
        let words = all.map { AttemptWords($0) }
        #expect(Set(words.map(\.word)).count == all.count && Set(words.map(\.words)).count == all.count)
        #expect(words.compactMap(\.status) == [200, 503])
        // Nothing was tried elsewhere after the last.
        #expect(AttemptWords(.failed(.status, status: 503)).words == "answered 503, tried elsewhere")
        #expect(AttemptWords(.failed(.status, status: 503), isLast: true).words == "answered 503")
    }
}
