// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

/// With T1 as it is, and with twice that: what is derived from it scales (TXN-03).
@Suite("Ends of transactions, to the millisecond", .serialized)
struct TimerEndTests {
    private static let via = "UDP 203.0.113.7:51000"

    private func bench(_ t1: Double, _ transport: SIPTransport) -> Bench {
        var settings = ProxySettings()
        settings.t1 = .milliseconds(Int64(t1 * 1000))
        return Bench(1, transport, settings: settings)
    }

    /// Whether what there is one of is still there a millisecond before, and gone a slot of the timer wheel after.
    private func ends(at seconds: Double, _ bench: Bench, _ count: () -> Int) -> Bool {
        bench.wait(until: seconds - 0.001)
        let before = count()
        bench.wait(until: seconds + 0.011)
        return before == 1 && count() == 0
    }

    @Test("TXN-01, TXN-03: B and F end the wait for silence after 64·T1", arguments: [0.5, 1], ["INVITE", "OPTIONS"])
    func bAndF(t1: Double, method: String) {
        let bench = bench(t1, .udp)
        bench.receive(Wire.request(method), on: bench.client())
        #expect(ends(at: 64 * t1, bench) { bench.core.clientTransactionCount })
        #expect(bench.finished == [method == "INVITE" ? "408 local" : "0 local"])
    }

    @Test("TXN-01, TXN-03: D is 64·T1, and 32 s at least", arguments: [(0.25, 32.0), (0.5, 32), (1, 64)])
    func d(t1: Double, seconds: Double) {
        let bench = bench(t1, .udp)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.answer(486, to: bench.sent.to("B1")[0])
        #expect(ends(at: seconds, bench) { bench.core.clientTransactionCount })
    }

    @Test("TXN-01: K is T4", arguments: [0.5, 1])
    func k(t1: Double) {
        let bench = bench(t1, .udp)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.answer(200, to: bench.sent[0])
        #expect(ends(at: 5, bench) { bench.core.clientTransactionCount })
    }

    @Test("TXN-01, TXN-03: H and J are 64·T1 over UDP", arguments: [0.5, 1], ["INVITE", "OPTIONS"])
    func hAndJ(t1: Double, method: String) {
        let bench = bench(t1, .tcp)
        bench.receive(Wire.request(method, via: Self.via), on: bench.client("U", Side.publicUDP))
        bench.answer(486, to: bench.sent.to("B1")[0])
        #expect(ends(at: 64 * t1, bench) { bench.core.transactionCount })
    }

    @Test("TXN-01, TXN-03: on streams H is 64·T1, and J is nothing", arguments: [0.5, 1])
    func onStreams(t1: Double) {
        let bench = bench(t1, .tcp)
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.answer(486, to: bench.sent.to("B1")[0])
        #expect(bench.core.transactionCount == 0)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bK2"), on: client)
        bench.answer(486, to: bench.sent.methods("INVITE")[0])
        #expect(ends(at: 64 * t1, bench) { bench.core.transactionCount })
    }

    @Test("TXN-01: I is T4 from the ACK", arguments: [0.5, 1])
    func i(t1: Double) {
        let bench = bench(t1, .tcp)
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("INVITE", via: Self.via), on: phone)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.wait(until: 1)
        bench.receive(Wire.request("ACK", via: Self.via, toTag: "b"), on: phone)
        #expect(ends(at: 6, bench) { bench.core.transactionCount })
    }

    @Test("TXN-01, TXN-03: L and M are 64·T1, on streams too", arguments: [0.5, 1], [SIPTransport.udp, .tls])
    func lAndM(t1: Double, transport: SIPTransport) {
        let bench = bench(t1, transport)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(until: 64 * t1 - 0.001)
        #expect(bench.core.transactionCount == 1)
        #expect(ends(at: 64 * t1, bench) { bench.core.clientTransactionCount })
        #expect(bench.core.transactionCount == 0)
    }
}
