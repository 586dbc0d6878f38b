// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What an attempt counts as load of its backend, from its sending to its end")
struct LoadTests {
    private let pool: PoolView
    private let bench: Bench
    private let client: FlowContext

    init() {
        pool = Self.pool(2)
        bench = Bench(.sample([pool]))
        client = bench.client()
    }

    /// Backends B1 and on, in one priority each unless `isFlat`.
    private static func pool(
        _ count: UInt32,
        _ transport: SIPTransport = .tcp,
        _ algorithm: SelectionAlgorithm = .leastOutstanding,
        isFlat: Bool = false
    ) -> PoolView {
        let id = PoolID(index: 0)
        let backends = (1...count).map { last in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last, transport)),
                name: "b\(last)",
                priority: isFlat ? 1 : UInt16(last),
                weight: 1
            )
        }
        return PoolView(id: id, settings: PoolSettings(name: "p", algorithm: algorithm), backends: backends)
    }

    private func outstanding(_ last: Int = 1) -> Int { bench.core.load(of: last - 1, in: pool).outstanding }

    @Test(
        "An answer ends it, whatever it is; a provisional does not",
        arguments: ["INVITE", "OPTIONS"],
        [200, 404, 503, 603]
    )
    func answer(method: String, status: Int) {
        bench.receive(Wire.request(method), on: client)
        let sent = bench.sent.to("B1")[0]
        #expect(outstanding() == 1 && bench.core.outstandingLoad == 1)
        if method == "INVITE" { bench.answer(180, to: sent) }
        #expect(outstanding() == 1)
        bench.answer(status, to: sent)
        // After 503 without a ringing the second is tried.
        #expect(outstanding() == 0 && outstanding(2) == (status == 503 && method == "OPTIONS" ? 1 : 0))
        bench.answer(status, to: sent)
        bench.wait(400, step: .seconds(1))
        #expect(bench.core.outstandingLoad == 0 && bench.isQuiet)
    }

    @Test("Failures end it, and count at the next backend", arguments: AttemptFailure.allCases)
    func failure(failure: AttemptFailure) {
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("INVITE"), on: client)
        #expect(outstanding() == 1)
        bench.fail(bench.sent.to("B1")[0], failure)
        // A connection that closes as the request leaves is opened once more.
        let isRetried = failure == .closed
        #expect(outstanding() == (isRetried ? 1 : 0))
        if isRetried { bench.fail(bench.sent.to("B1")[1], failure) }
        #expect(outstanding() == 0)
        bench.wait(400, step: .seconds(1))
        #expect(bench.core.outstandingLoad == 0 && bench.isQuiet)
    }

    @Test(
        "A mute backend bears its attempt after the next was tried, until the timer B or F",
        arguments: ["INVITE", "OPTIONS"]
    )
    func silence(method: String) {
        bench.receive(Wire.request(method), on: client)
        bench.wait(until: 5)
        #expect(outstanding() == 1 && outstanding(2) == 1)
        bench.answer(200, to: bench.sent.to("B2")[0])
        #expect(outstanding() == 1 && outstanding(2) == 0)
        bench.wait(until: 33)
        #expect(bench.core.outstandingLoad == 0)
    }

    @Test("A cancelled call ends with its final, or without one when none comes", arguments: [true, false])
    func cancel(isAnswered: Bool) {
        bench.receive(Wire.request("INVITE"), on: client)
        let sent = bench.sent.to("B1")[0]
        bench.answer(180, to: sent)
        bench.receive(Wire.request("CANCEL"), on: client)
        #expect(outstanding() == 1)
        if isAnswered { bench.answer(487, to: sent) }
        #expect(outstanding() == (isAnswered ? 0 : 1))
        bench.wait(until: 40)
        #expect(bench.core.outstandingLoad == 0)
    }

    @Test("A lost flow ends it: at once before a response, with the backend when it rang", arguments: [false, true])
    func lostFlow(hasRung: Bool) {
        bench.receive(Wire.request("INVITE"), on: client)
        let sent = bench.sent.to("B1")[0]
        if hasRung { bench.answer(180, to: sent) }
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.close(bench.backendFlow(.backend(1)))
        #expect(outstanding() == (hasRung ? 1 : 0) && outstanding(2) == (hasRung ? 0 : 1))
        if hasRung {
            // Another request finds the backend down.
            bench.wait(until: 1.5)
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2", callID: "c2"), on: client)
            bench.answer(200, to: bench.sent.to("B2")[0])
            bench.wait(until: 2.2)
            #expect(bench.sent.answers.last == 500)
        } else {
            bench.answer(486, to: bench.sent.to("B2")[0])
        }
        #expect(bench.core.outstandingLoad == 0)
    }

    @Test("A large request that goes by TCP and returns to UDP counts once")
    func large() {
        let pool = Self.pool(1, .udp)
        let bench = Bench(.sample([pool]))
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS", body: String(repeating: "x", count: 1400)), on: bench.client())
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B1"] && bench.core.outstandingLoad == 1)
        bench.answer(200, to: bench.sent.to("B1")[1])
        #expect(bench.core.outstandingLoad == 0)
    }

    @Test("A new snapshot keeps the load of backends that stay, and drops that of the others once they are done")
    func snapshots() {
        bench.receive(Wire.request("INVITE"), on: client)
        let sent = bench.sent.to("B1")[0]
        let other = Self.pool(3)
        bench.core.adopt(.sample([other]), now: bench.now)
        #expect(bench.core.load(of: 0, in: other).outstanding == 1 && outstanding() == 1)
        // The pool balances by weight now; then B1 has gone.
        bench.core.adopt(.sample([Self.pool(3, .tcp, .srv)]), now: bench.now)
        bench.core.adopt(.sample([Self.pool(1, .udp)]), now: bench.now)
        #expect(bench.core.outstandingLoad == 1)
        bench.answer(200, to: sent)
        #expect(bench.core.outstandingLoad == 0)
    }

    @Test("Requests go where fewer are under way: a backend that rings gets none while the others are free")
    func choice() {
        let pool = Self.pool(3, isFlat: true)
        let bench = Bench(.sample([pool]))
        let client = bench.client()
        for number in 1...3 {
            bench.receive(Wire.request("INVITE", branch: "z9hG4bK\(number)", callID: "c\(number)"), on: client)
        }
        let counts = (0..<3).map { bench.core.load(of: $0, in: pool).outstanding }
        // Of three loads two are drawn, so the third call may join one of the first two.
        #expect(counts.reduce(0, +) == 3 && (counts.max() ?? 0) <= 2)
        let busy = counts.firstIndex(of: counts.max() ?? 0)
        guard counts.max() == 2, let busy else { return }
        for number in 4...20 {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)", callID: "c\(number)"), on: client)
            guard let sent = bench.sent.last(where: { $0.method == "OPTIONS" }) else { continue }
            #expect(sent.to != "B\(busy + 1)")
            bench.answer(200, to: sent)
        }
    }

    @Test("The response time is that of the first response, not of the callee; a quick 5xx is none")
    func responseTime() {
        let pool = Self.pool(1, .tcp, .latency)
        let bench = Bench(.sample([pool]))
        func time() -> Double { bench.core.load(of: 0, in: pool).responseTime(at: bench.now) / 1e6 }
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.answer(500, to: bench.sent.to("B1")[0])
        #expect(time() == 0)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bK2", callID: "c2"), on: client)
        bench.wait(0.2)
        bench.answer(100, to: bench.sent.to("B1")[1])
        #expect(abs(time() - 200) < 0.01)
        bench.wait(3)
        bench.answer(180, to: bench.sent.to("B1")[1])
        bench.wait(3)
        bench.answer(200, to: bench.sent.to("B1")[1])
        #expect(time() < 200)
    }

    @Test("Latency: who answered late is passed by, and tried again when that has faded")
    func latency() {
        let pool = Self.pool(2, .tcp, .latency, isFlat: true)
        let bench = Bench(.sample([pool]))
        let client = bench.client()
        var number = 0
        /// Sends one request and answers it, late when it went to B1 and that is slow.
        func request(_ slow: Double) -> String {
            number += 1
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)", callID: "c\(number)"), on: client)
            guard let sent = bench.take().last(where: { $0.status == 0 }) else { return "" }
            bench.wait(sent.to == "B1" ? slow : 0.01)
            bench.answer(200, to: sent)
            return sent.to
        }
        // Until both have answered.
        var seen: Set<String> = []
        for _ in 0..<50 where seen.count < 2 { seen.insert(request(1)) }
        #expect(seen == ["B1", "B2"])
        #expect((0..<50).allSatisfy { _ in request(1) == "B2" })
        // B2 goes on answering in 10 ms; what B1 once took fades meanwhile.
        let isTriedAgain = (0..<200).contains { _ in
            bench.wait(1, step: .seconds(1))
            return request(0.01) == "B1"
        }
        #expect(isTriedAgain)
    }

    @Test("A pool that balances by weight keeps no loads")
    func weightsAlone() {
        let pool = Self.pool(2, .tcp, .srv)
        let bench = Bench(.sample([pool]))
        bench.receive(Wire.request("INVITE"), on: bench.client())
        #expect(bench.core.outstandingLoad == 0 && pool.loadWeight(of: 0) == 1)
    }
}
