// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What a worker knows of backends before the control plane does")
struct LocalHealthTests {
    private let bench = Bench(2)
    private let client: FlowContext

    init() { client = bench.client() }

    /// Sends an OPTIONS and tells where it went first.
    @discardableResult
    private func options(_ number: Int, to bench: Bench? = nil, on flow: FlowContext? = nil) -> Sent {
        let bench = bench ?? self.bench
        let before = bench.sent.count
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bKo\(number)"), on: flow ?? client)
        return bench.sent[before]
    }

    private func answered(_ number: Int) -> String {
        let sent = options(number)
        bench.answer(200, to: sent)
        return sent.to
    }

    private func adopt(isFirstUsable: Bool) {
        let id = PoolID(index: 0)
        let backends = (1...2).map { last in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last)),
                name: "b\(last).example.com",
                priority: UInt16(last),
                weight: 1,
                state: last > 1 || isFirstUsable ? .up : .down,
                isUsable: last > 1 || isFirstUsable
            )
        }
        let pool = PoolView(id: id, settings: PoolSettings(name: "p0"), backends: backends)
        bench.core.adopt(.sample([pool]), now: bench.now)
    }

    // MARK: After a failure

    @Test(
        "A backend that failed costs one try, until the control plane has found it down and then up again",
        arguments: [AttemptFailure.refused, .connectTimeout, .tls]
    )
    func held(failure: AttemptFailure) {
        bench.behaviour[.backend(1)] = .fails(failure)
        for number in 1...20 {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)"), on: client)
            bench.answer(200, to: bench.sent.to("B2")[number - 1])
            bench.wait(0.5)
        }
        #expect(bench.sent.to("B1").count == 1)
        bench.behaviour = [:]
        // A snapshot for another reason, which still says up, is no word about the failure.
        adopt(isFirstUsable: true)
        #expect(answered(100) == "B2")
        adopt(isFirstUsable: false)
        #expect(answered(101) == "B2")
        adopt(isFirstUsable: true)
        #expect(answered(102) == "B1")
    }

    @Test("When nobody speaks of it, one request is the trial after 15 s, and the others wait for what becomes of it")
    func trial() {
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.answer(200, to: bench.sent.to("B2")[0])
        bench.behaviour = [:]
        bench.wait(14.9)
        #expect(answered(1) == "B2")
        bench.wait(0.2)
        let trial = options(2)
        #expect(trial.to == "B1" && answered(3) == "B2")
        bench.answer(200, to: trial)
        #expect(answered(4) == "B1")
    }

    @Test("A failed trial begins the time anew")
    func failedTrial() {
        bench.behaviour[.backend(1)] = .fails(.refused)
        for number in 1...70 {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)"), on: client)
            bench.answer(200, to: bench.sent.to("B2")[number - 1])
            bench.wait(0.5)
        }
        // 35 s: at once, after 15 s and after 30 s.
        #expect(bench.sent.to("B1").count == 3)
    }

    @Test("LOC-63: a mute backend is tried once, not each second; it is back as soon as it speaks")
    func mute() {
        let first = options(1)
        bench.wait(4.1)
        #expect(bench.sent.to("B2").count == 1)
        bench.answer(200, to: bench.sent.to("B2")[0])
        bench.wait(5)
        #expect(answered(2) == "B2")
        bench.answer(200, to: first)
        #expect(answered(3) == "B1")
    }

    @Test("LOC-49, OVL-01: who asks for rest with Retry-After is held, though it answers others")
    func retryAfter() {
        let (first, second) = (options(1), options(2))
        bench.answer(503, to: first, extra: ["Retry-After: 10"])
        bench.answer(200, to: second)
        #expect(answered(3) == "B2")
    }

    @Test("LOC-49: such a rest is as long as it was asked for, and needs no trial at its end")
    func rest() {
        bench.answer(503, to: options(1), extra: ["Retry-After: 2"])
        bench.wait(1.9)
        #expect(options(2).to == "B2")
        bench.wait(0.2)
        #expect(options(3).to == "B1" && options(4).to == "B1")
    }

    @Test(
        "LOC-49: Retry-After: 0, or a pool that honours none, is the failure of that one request",
        arguments: [("0", 300), ("10", 0)] as [(String, Int64)]
    )
    func noRest(asked: String, limit: Int64) {
        var policy = ForwardingPolicy()
        policy.retryAfterLimit = .seconds(limit)
        let bench = Bench(2, policy: policy)
        let client = bench.client()
        bench.answer(503, to: options(1, to: bench, on: client), extra: ["Retry-After: \(asked)"])
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2"])
        #expect(options(2, to: bench, on: client).to == "B1")
    }

    @Test(
        "TRN-40: what goes by TCP for its size alone is judged as the backend that it was meant for",
        arguments: ["rest", "silence"]
    )
    func movedToTCP(cause: String) {
        let bench = Bench(2, .udp)
        let client = bench.client()
        bench.receive(Wire.request("MESSAGE", body: String(repeating: "x", count: 1300)), on: client)
        #expect(bench.sent[0].endpoint == .backend(1, .tcp))
        if cause == "rest" {
            bench.answer(503, to: bench.sent[0], extra: ["Retry-After: 10"])
        } else {
            bench.wait(4.1)
        }
        #expect(bench.targets.map(\.endpoint) == [.backend(1, .udp)])
        #expect(options(2, to: bench, on: client).endpoint == .backend(2, .udp))
    }

    @Test("Where every usable backend has failed here they are tried all the same, before any that is known to be down")
    func lastResort() {
        adopt(isFirstUsable: false)
        bench.behaviour[.backend(2)] = .fails(.refused)
        options(1)
        #expect(bench.sent.requests == ["OPTIONS B2", "OPTIONS B1"])
        bench.behaviour = [:]
        #expect(answered(2) == "B2")
    }

    // MARK: Tries

    @Test("PRX-58: backends that refuse do not use up the tries while one is left that has just answered")
    func beyondTries() {
        let bench = Bench(4)
        let client = bench.client()
        for last in 1...3 as ClosedRange<UInt32> { bench.behaviour[.backend(last)] = .fails(.refused) }
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK1"), on: client)
        // Nothing is known of B4 yet: the budget holds.
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2", "OPTIONS B3"] && bench.sent.answers == [500])
        bench.wait(8)
        bench.answer(200, to: options(2, to: bench, on: client))
        bench.wait(7.2)
        _ = bench.take()
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK3"), on: client)
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2", "OPTIONS B3", "OPTIONS B4"])
        bench.answer(200, to: bench.sent[3])
        #expect(bench.sent.answers == [200])
    }

    @Test("TRN-44, PRX-58: a second try at the same backend is no candidate of its own")
    func sameBackend() {
        let bench = Bench(3)
        bench.behaviour[.backend(2)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.close(bench.backendFlow(.backend(1)))
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B1", "OPTIONS B2", "OPTIONS B3"])
    }
}
