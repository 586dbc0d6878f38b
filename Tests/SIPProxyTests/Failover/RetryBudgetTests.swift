// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Retry budget")
struct RetryBudgetTests {
    private final class Run {
        let bench: Bench
        let client: FlowContext
        private var number = 0

        init(_ percent: UInt8? = nil, backends: UInt32 = 2, tries: UInt8 = 3, secure: Set<UInt32> = []) {
            var policy = ForwardingPolicy()
            policy.tries = tries
            if let percent { policy.retryPercent = percent }
            let id = PoolID(index: 0)
            let views = (1...backends).map { last in
                let endpoint = Endpoint.backend(last, secure.contains(last) ? .tls : .tcp)
                return BackendView(
                    id: BackendID(pool: id, endpoint: endpoint),
                    name: "b\(last).example.com",
                    priority: UInt16(last)
                )
            }
            let pool = PoolView(id: id, settings: PoolSettings(name: "p0"), backends: views)
            bench = Bench(.sample([pool], policy: policy))
            client = bench.client()
        }

        /// Sends requests one after another; B1 answers with a status, whoever is tried after it with 200.
        func ask(_ count: Int, _ status: Int) -> (retries: Int, answers: [Int: Int]) {
            _ = bench.take()
            for _ in 0..<count {
                begin("OPTIONS")
                guard let first = bench.sent.last, first.to == "B1" else { continue }
                bench.answer(status, to: first)
                if let next = bench.sent.last, next.to == "B2" { bench.answer(200, to: next) }
            }
            let sent = bench.take()
            let answers = Dictionary(grouping: sent.answers, by: { $0 }).mapValues(\.count)
            return (sent.requests.count { $0 == "OPTIONS B2" }, answers)
        }

        func begin(_ method: String, _ uri: String = "sip:bob@example.com") {
            number += 1
            bench.receive(Wire.request(method, uri, branch: "z9hG4bKr\(number)", callID: "c\(number)"), on: client)
        }
    }

    @Test("PRX-58: a hundred retries in any case, then requests fail at once with 500, and that is counted")
    func floor() {
        let run = Run()
        let (retries, answers) = run.ask(130, 503)
        #expect(retries == 100 && answers == [200: 100, 500: 30])
        #expect(run.bench.limits == Array(repeating: .retryBudget, count: 30))
        #expect(run.bench.finished.count { $0 == "500 local" } == 30)
        // Explained as that, and only where it was so.
        let told = [100, 101].map { number in
            run.bench.core.explain(callID: ByteBuffer(string: "c\(number)")).map(\.record.isOverBudget)
        }
        #expect(told == [[false], [true]])
    }

    @Test("PRX-58: and a tenth of the pool's requests, or what it says", arguments: [(nil, 120), (25, 300), (0, 100)])
    func share(percent: UInt8?, expected: Int) {
        let run = Run(percent)
        #expect(run.ask(800, 200).retries == 0)
        #expect(run.ask(400, 503).retries == expected)
    }

    @Test("PRX-58: 100 bounds nothing")
    func off() {
        let run = Run(100)
        #expect(run.ask(300, 503) == (300, [200: 300]) && run.bench.limits.isEmpty)
    }

    @Test("PRX-58: what was spent is forgotten after ten seconds at most")
    func window() {
        let run = Run()
        run.bench.wait(until: 4)
        #expect(run.ask(101, 503).retries == 100)
        run.bench.wait(until: 9.9)
        #expect(run.ask(1, 503).retries == 0)
        run.bench.wait(until: 10.1)
        #expect(run.ask(101, 503).retries == 100)
        run.bench.wait(until: 30)
        #expect(run.ask(101, 503).retries == 100)
    }

    @Test("PRX-58: what took nothing of a request is free", arguments: [AttemptFailure.queueFull, .tls, .refused])
    func free(failure: AttemptFailure) {
        let run = Run(backends: 3)
        run.bench.behaviour[.backend(1)] = .holds
        for _ in 0..<150 { run.begin("OPTIONS") }
        for sent in run.bench.sent.to("B1") { run.bench.fail(sent, failure) }
        #expect(run.bench.sent.to("B2").count == 150 && run.bench.limits.isEmpty)
        #expect(run.ask(1, 503).answers[500] == nil)
    }

    /// A hundred requests that take all retries, and two for which none is left.
    private func silentRun() -> Run {
        let run = Run()
        for _ in 0..<100 { run.begin("OPTIONS") }
        run.begin("MESSAGE")
        run.begin("INVITE")
        run.bench.wait(until: 4.1)
        return run
    }

    @Test("PRX-58, LOC-63: where no retry is left, the slow backend is waited for; that is counted once")
    func slow() {
        let run = silentRun()
        #expect(run.bench.sent.filter { $0.to == "B2" }.requests == Array(repeating: "OPTIONS B2", count: 100))
        run.bench.wait(until: 5)
        run.bench.answer(200, to: run.bench.sent.methods("MESSAGE")[0])
        run.bench.answer(180, to: run.bench.sent.methods("INVITE")[0])
        run.bench.wait(until: 9)
        run.bench.answer(200, to: run.bench.sent.methods("INVITE")[0])
        #expect(run.bench.sent.answers.filter { $0 > 100 } == [200, 180, 200])
        #expect(run.bench.sent.methods("CANCEL").isEmpty && run.bench.limits == [.retryBudget, .retryBudget])
    }

    @Test("PRX-58, TXN-31, PRX-56: it is waited for until timer B or F: the others get no 408, an INVITE gets its own")
    func silence() {
        let run = silentRun()
        run.bench.wait(until: 31.9)
        #expect(run.bench.sent.answers.allSatisfy { $0 == 100 } && run.bench.finished.isEmpty)
        // There are retries again.
        run.bench.wait(until: 32.1)
        #expect(run.bench.sent.last?.to == "B2" && run.bench.sent.last?.method == "INVITE")
        run.bench.wait(until: 37)
        #expect(run.bench.sent.answers.filter { $0 > 100 } == [408])
        #expect(run.bench.finished.count == 102 && run.bench.limits == [.retryBudget, .retryBudget])
    }

    @Test("PRX-55, PRX-58: what the first says late ends the wait for a second that was silent for too long")
    func lateFinal() {
        let run = Run(0, backends: 3)
        _ = run.ask(99, 503)
        run.begin("INVITE")
        run.bench.wait(until: 9)
        #expect(run.bench.sent.requests == ["INVITE B1", "INVITE B2"] && run.bench.limits == [.retryBudget])
        run.bench.answer(486, to: run.bench.sent.to("B1")[0])
        #expect(run.bench.sent.answers == [100, 486])
        // It is called off should it ring after all.
        run.bench.answer(180, to: run.bench.sent.to("B2")[0])
        #expect(run.bench.sent.requests.last == "CANCEL B2" && run.bench.sent.answers == [100, 486])
    }

    @Test("PRX-58: a lost connection with the request counts, on its second try at the same backend too")
    func lost() {
        let run = Run()
        #expect(run.ask(99, 503).retries == 99)
        run.begin("OPTIONS")
        run.bench.close(run.bench.backendFlow(.backend(1)))
        #expect(run.bench.take().requests == ["OPTIONS B1", "OPTIONS B1"])
        run.bench.close(run.bench.backendFlow(.backend(1)))
        #expect(run.bench.take().answers == [500] && run.bench.limits == [.retryBudget])
    }

    @Test("PRX-58: where nobody is left to be tried, no budget stands in the way")
    func nobodyLeft() {
        let run = Run(backends: 1)
        #expect(run.ask(130, 503).answers == [500: 130] && run.bench.limits.isEmpty)
    }

    @Test("PRX-58, PRX-85: nor does it where the only backend left has no TLS for a SIPS request")
    func noTLSLeft() {
        let run = Run(0, secure: [1])
        #expect(run.ask(100, 503).retries == 100)
        run.begin("OPTIONS", "sips:bob@example.com")
        run.bench.answer(503, to: run.bench.sent[0])
        #expect(run.bench.sent.requests == ["OPTIONS B1"] && run.bench.sent.answers == [500])
        #expect(run.bench.limits.isEmpty)
        #expect(run.bench.sent.last?.wire.startLine.hasSuffix("No Backend Answered") == true)
    }

    @Test("PRX-58: nor beyond `tries`, unless somebody has proved to live", arguments: [false, true])
    func beyondTries(isProven: Bool) {
        let run = Run(0, backends: 3, tries: 2)
        #expect(run.ask(100, 503).retries == 100)
        let own = Wire.request("OPTIONS", branch: "z9hG4bKown", maxForwards: 0)
        if isProven {
            let third = BackendTarget(endpoint: .backend(3), pool: PoolID(index: 0))
            run.bench.core.connectionFailed(to: third, .refused, now: run.bench.now)
            run.bench.receive(own, on: run.bench.backendFlow(.backend(3)))
        }
        _ = run.bench.take()
        run.bench.behaviour[.backend(1)] = .fails(.refused)
        run.begin("OPTIONS")
        run.bench.answer(503, to: run.bench.sent[1])
        #expect(run.bench.sent.requests == ["OPTIONS B1", "OPTIONS B2"] && run.bench.sent.answers == [500])
        #expect(run.bench.limits == (isProven ? [.retryBudget] : []))
    }

    @Test("PRX-58: each pool has its own")
    func pools() {
        let pools: [PoolView] = [.sample(2), .sample(2, index: 1)]
        let routes = [
            RouteRule(methods: ["OPTIONS"], action: .pool(pools[0].id)), RouteRule(action: .pool(pools[1].id)),
        ]
        let bench = Bench(.sample(pools, routes: routes))
        let client = bench.client()
        for number in 1...130 {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bKp\(number)"), on: client)
            bench.answer(503, to: bench.sent[bench.sent.count - 1])
        }
        #expect(bench.limits.count == 30)
        bench.receive(Wire.request("MESSAGE"), on: client)
        bench.answer(503, to: bench.sent[bench.sent.count - 1])
        #expect(bench.sent.requests.suffix(2) == ["MESSAGE B1", "MESSAGE B2"])
        // A reload gives nothing back.
        bench.core.adopt(.sample(pools, routes: routes), now: bench.now)
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.answer(503, to: bench.sent[bench.sent.count - 1])
        #expect(bench.limits.count == 31)
    }
}
