// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Backends that are asked and say nothing")
struct SuspicionTests {
    /// B1, which its weight makes the first choice, and B2 in one priority, and B3 in the next.
    private let bench: Bench
    private let client: FlowContext

    init() {
        let id = PoolID(index: 0)
        let backends = [(1, 1, 60_000), (2, 1, 1), (3, 2, 1)].map { (last: UInt32, priority: UInt16, weight: UInt16) in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last)),
                name: "b\(last).example.com",
                priority: priority,
                weight: weight
            )
        }
        bench = Bench(.sample([PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)]))
        client = bench.client()
    }

    /// Sends a request and tells where it went first.
    @discardableResult
    private func send(
        _ number: Int,
        _ method: String = "OPTIONS",
        to bench: Bench? = nil,
        on flow: FlowContext? = nil
    ) -> Sent {
        let bench = bench ?? self.bench
        let before = bench.sent.count
        bench.receive(Wire.request(method, branch: "z9hG4bKs\(number)", callID: "c\(number)"), on: flow ?? client)
        return bench.sent.dropFirst(before).first { $0.status == 0 } ?? bench.sent[before]
    }

    private func answered(_ number: Int) -> String {
        let sent = send(number)
        bench.answer(200, to: sent)
        return sent.to
    }

    @Test("A backend that is asked and says nothing for half a second is passed by until it speaks")
    func suspect() {
        let first = send(1)
        bench.wait(0.4)
        #expect(send(2).to == "B1")
        bench.wait(0.2)
        #expect(answered(3) == "B2" && bench.core.suspicions == 1)
        bench.answer(200, to: first)
        #expect(answered(4) == "B1")
    }

    @Test("Suspicion never moves a request to the next priority, which is there for failures")
    func priority() {
        send(1)
        bench.wait(0.6)
        #expect(send(2).to == "B2")
        bench.wait(0.6)
        #expect(bench.core.suspicions == 2 && ["B1", "B2"].contains(send(3).to))
        let bench = Bench(2)
        let client = bench.client()
        send(1, to: bench, on: client)
        bench.wait(1)
        #expect(bench.core.suspicions == 1 && send(2, to: bench, on: client).to == "B1")
    }

    @Test("What failed does move it there, though another of its priority only hangs")
    func failure() {
        send(1)
        bench.wait(0.6)
        bench.behaviour[.backend(2)] = .fails(.refused)
        let tries = bench.sent.count
        send(2)
        #expect(bench.sent.dropFirst(tries).map(\.to) == ["B2", "B1"])
        bench.wait(4)
        // B1 has failed by its silence now.
        #expect(send(3).to == "B3")
    }

    @Test(
        "What usually answers in 2 ms is suspected after 100 ms, in 30 ms after ten times that",
        arguments: [(2, 100), (30, 300)]
    )
    func adapts(usual: Int, silence: Int) {
        learn(usual)
        send(100)
        bench.wait(Double(silence - 20) / 1000, step: .milliseconds(1))
        #expect(send(101).to == "B1")
        bench.wait(0.04, step: .milliseconds(1))
        #expect(send(102).to == "B2")
    }

    private func learn(_ usual: Int, _ method: String = "OPTIONS") {
        for number in 1...20 {
            let sent = send(number, method)
            bench.wait(Double(usual) / 1000, step: .milliseconds(1))
            bench.answer(200, to: sent)
        }
    }

    @Test(
        "That OPTIONS are answered fast is no reason to suspect who takes longer for a call or a registration",
        arguments: ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE"]
    )
    func kinds(method: String) {
        learn(2)
        send(100, method)
        bench.wait(0.48, step: .milliseconds(1))
        #expect(bench.core.suspicions == 0)
        bench.wait(0.04, step: .milliseconds(1))
        #expect(bench.core.suspicions == 1)
    }

    @Test("A call that rings is no silence, nor is a slow answer among others: any message clears the backend")
    func noSuspicion() {
        bench.receive(Wire.request("INVITE", branch: "z9hG4bKi"), on: client)
        bench.answer(100, to: bench.sent.to("B1")[0])
        bench.wait(30)
        #expect(answered(1) == "B1")
        send(2)
        for number in 3...12 {
            bench.wait(0.05)
            #expect(answered(number) == "B1")
        }
        // A request of its own is a sign of life too.
        send(20)
        bench.wait(0.08)
        let own = Wire.request("OPTIONS", branch: "z9hG4bKown", maxForwards: 0)
        bench.receive(own, on: bench.backendFlow(.backend(1)))
        bench.wait(0.08)
        #expect(bench.core.suspicions == 0)
    }

    @Test("The last usable backend is used whatever is suspected of it")
    func alone() {
        let bench = Bench(1)
        let client = bench.client()
        send(1, to: bench, on: client)
        bench.wait(1)
        #expect(bench.core.suspicions == 1 && send(2, to: bench, on: client).to == "B1")
    }

    @Test("Where one hangs and the other has failed, the one that hangs is tried first")
    func order() {
        let bench = Bench(2)
        let client = bench.client()
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK1"), on: client)
        bench.wait(1)
        bench.behaviour = [:]
        #expect(send(2, to: bench, on: client).to == "B2")
    }
}
