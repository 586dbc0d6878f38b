// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

/// Clients over UDP and TLS, with a backend on TCP.
@Suite("Timers of server transactions")
struct ServerTimerTests {
    private let bench = Bench(1, settings: .trusting)
    private let datagrams: FlowContext
    private let stream: FlowContext
    private static let via = "UDP 203.0.113.7:51000"
    private static let place = "203.0.113.7:51000"

    init() {
        datagrams = bench.client("U", Side.publicUDP)
        stream = bench.client("C")
    }

    private func request(_ method: String, toTag: String? = nil) -> String {
        Wire.request(method, via: Self.via, toTag: toTag)
    }

    @Test("V-TMR-04, TXN-21: a 486 without ACK is sent eleven times on UDP, and H ends it at 32 s")
    func timerG() {
        bench.receive(request("INVITE"), on: datagrams)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.wait(until: 31.9)
        let copies = bench.sent.to(Self.place).filter { $0.status == 486 }
        #expect(copies.left(at: [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]))
        #expect(Set(copies.map(\.wire.text)).count == 1 && bench.core.transactionCount == 1)
        bench.wait(until: 32.1)
        #expect(bench.core.transactionCount == 0)
    }

    @Test("V-TMR-05: on TLS it is sent once, and H ends it at 32 s")
    func timerHOnStreams() {
        bench.receive(Wire.request("INVITE"), on: stream)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.wait(until: 31.9)
        #expect(bench.sent.to("C").statuses == [100, 486] && bench.core.transactionCount == 1)
        bench.wait(until: 32.1)
        #expect(bench.isQuiet)
    }

    @Test("V-TMR-06, TXN-22: the ACK stops the copies; further ones are absorbed for 5 s and none reaches the backend")
    func timerI() {
        bench.receive(request("INVITE"), on: datagrams)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.wait(until: 1)
        for second in [1.0, 2, 5.9] {
            bench.wait(until: second)
            bench.receive(request("ACK", toTag: "b"), on: datagrams)
        }
        #expect(bench.core.transactionCount == 1)
        bench.wait(until: 6.1)
        #expect(bench.core.transactionCount == 0)
        #expect(bench.sent.to(Self.place).filter { $0.status == 486 }.left(at: [0, 0.5]))
        // The only ACK at the backend is the hop-by-hop one.
        #expect(bench.sent.to("B1").map(\.method) == ["INVITE", "ACK"])
    }

    @Test("V-TMR-08, TXN-09, TXN-10: every 200 passes for 32 s, with whatever tag, and none after that")
    func accepted() {
        bench.receive(request("INVITE"), on: datagrams)
        let invite = bench.sent.to("B1")[0]
        for (second, tag) in [(0.0, "b"), (0.5, "b"), (1.5, "b"), (2, "other"), (31.9, "b")] {
            bench.wait(until: second)
            bench.answer(200, to: invite, tag: tag)
        }
        let passed = bench.sent.to(Self.place).filter { $0.status == 200 }
        #expect(passed.map(\.wire.toTag) == ["b", "b", "b", "other", "b"])
        // One response, however often it is sent.
        #expect(bench.core.counters.relayedResponses[1] == 1)
        bench.wait(until: 33)
        bench.answer(200, to: invite)
        #expect(bench.sent.to(Self.place).count { $0.status == 200 } == 5)
        #expect(bench.drops == [.strayResponse] && bench.isQuiet)
        #expect(bench.sent.to("B1").map(\.method) == ["INVITE"] && bench.finished == ["200"])
    }

    @Test("TXN-11: neither a 180 nor a 486 after the 200 changes anything")
    func afterSuccess() {
        bench.receive(request("INVITE"), on: datagrams)
        let invite = bench.sent.to("B1")[0]
        for status in [200, 180, 486] { bench.answer(status, to: invite) }
        #expect(bench.sent.to(Self.place).statuses == [100, 200])
        #expect(bench.sent.to("B1").map(\.method) == ["INVITE"])
    }

    @Test("V-TMR-09, TXN-29, TXN-30: a slow backend's client hears a 100 at 3.5 s and not before, on every transport")
    func lateTrying() {
        for (flow, place, text) in [
            (datagrams, Self.place, request("OPTIONS")), (stream, "C", Wire.request("OPTIONS")),
        ] {
            let beginning = Double(bench.elapsed) / 1000
            bench.receive(text, on: flow)
            bench.wait(3.4)
            #expect(bench.sent.to(place).isEmpty)
            bench.wait(2.6)
            bench.answer(200, to: bench.sent.to("B1").last ?? bench.sent[0])
            #expect(bench.sent.to(place).statuses == [100, 200])
            #expect(bench.sent.to(place).left(at: [beginning + 3.5, beginning + 6]))
        }
    }

    @Test("TXN-02, TXN-19, TXN-23: the 100 to an INVITE leaves at once, without a To tag")
    func trying() {
        for listener in [Side.publicTLS, Side.publicTCP] {
            let bench = Bench(1)
            bench.behaviour[.backend(1)] = .holds
            bench.receive(Wire.request("INVITE"), on: bench.client("C", listener))
            #expect(bench.sent.to("C").statuses == [100] && bench.elapsed == 0)
            #expect(bench.sent.to("C")[0].wire.toTag == nil)
        }
    }

    @Test(
        "TXN-27: a UDP request repeated before, during and after the final gets nothing, the 100, the final; then it is new"
    )
    func timerJ() {
        func repeated() -> [Int] {
            _ = bench.take()
            bench.receive(request("OPTIONS"), on: datagrams)
            return bench.take().to(Self.place).statuses
        }
        bench.receive(request("OPTIONS"), on: datagrams)
        let options = bench.sent[0]
        #expect(repeated() == [])
        bench.wait(until: 4)
        #expect(repeated() == [100])
        bench.answer(200, to: options)
        #expect(repeated() == [200])
        bench.wait(until: 35.9)
        #expect(repeated() == [200])
        bench.wait(until: 37)
        bench.receive(request("OPTIONS"), on: datagrams)
        #expect(bench.take().requests == ["OPTIONS B1"])
    }

    @Test("TXN-04: on a stream the transaction of another request is gone with its final")
    func noTimerJ() {
        bench.receive(Wire.request("OPTIONS"), on: stream)
        bench.answer(200, to: bench.sent[0])
        #expect(bench.core.transactionCount == 0)
        bench.wait(40)
        #expect(bench.isQuiet && bench.sent.to("C").statuses == [200])
    }
}
