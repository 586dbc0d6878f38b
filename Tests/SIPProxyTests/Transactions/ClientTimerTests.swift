// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

/// Requests to backends over UDP and streams, from a client on TLS.
@Suite("Timers of client transactions")
struct ClientTimerTests {
    private let bench = Bench(1, .udp)
    private let client: FlowContext

    init() { client = bench.client() }

    @Test("V-TMR-01, TXN-05: an INVITE to a silent peer leaves seven times, and times out at 32 s without an ACK")
    func inviteRetransmission() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(until: 40)
        let sent = bench.take()
        #expect(sent.to("B1").left(at: [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]))
        #expect(Set(sent.to("B1").map(\.wire.text)).count == 1)
        #expect(sent.to("C").statuses == [100, 408] && sent.to("C").left(at: [0, 32]))
        #expect(bench.attempts == ["B1 timeout"])
    }

    @Test("TXN-02: instants follow from the time that is passed in alone, whatever hour it is")
    func passedTime() {
        func instants(_ hours: Int64) -> [String] {
            let bench = Bench(.sample([.sample(1, .udp)]), beginning: .uptimeNanoseconds(0) + .hours(hours))
            let client = bench.client()
            bench.receive(Wire.request("INVITE"), on: client)
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2", callID: "call-2"), on: client)
            bench.wait(80)
            #expect(bench.isQuiet)
            return bench.sent.map { "\($0.at) \($0.to) \($0.wire.text)" }
        }
        let now = instants(2)
        #expect(now.count > 18)
        for hours in [1, 3, 24 * 365] as [Int64] { #expect(instants(hours) == now) }
    }

    @Test("V-TMR-02, TXN-13, TXN-31: another request leaves eleven times, and its end at 32 s is silent")
    func otherRetransmission() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.wait(until: 40)
        let sent = bench.take()
        #expect(sent.to("B1").left(at: [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]))
        #expect(sent.to("C").statuses == [100] && bench.finished == ["0 local"])
        #expect(bench.isQuiet)
    }

    @Test("V-TMR-03, TXN-14: after a 100 the running timer fires once, then every T2, and F still ends it")
    func otherAfterProvisional() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.wait(until: 0.2)
        bench.answer(100, to: bench.sent[0])
        bench.wait(until: 40)
        #expect(bench.sent.to("B1").left(at: [0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]))
        #expect(bench.finished == ["0 local"] && bench.isQuiet)
    }

    @Test("TXN-06: the first provisional stops the copies of an INVITE")
    func provisionalStops() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(until: 0.7)
        bench.answer(100, to: bench.sent.to("B1")[0])
        bench.wait(until: 40)
        #expect(bench.sent.to("B1").left(at: [0, 0.5]))
    }

    @Test("TXN-03: T1 of one second doubles what is derived from it")
    func longT1() {
        var settings = ProxySettings()
        settings.t1 = .seconds(1)
        let bench = Bench(1, .udp, settings: settings)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 70)
        #expect(bench.sent.to("B1").left(at: [0, 1, 3, 7, 15, 31, 63]))
        #expect(bench.sent.to("C").left(at: [0, 64]))
    }

    @Test("TXN-04: on a stream one copy leaves, and B still ends the wait", arguments: [SIPTransport.tcp, .tls])
    func streams(transport: SIPTransport) {
        let bench = Bench(1, transport)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 31)
        #expect(bench.sent.to("B1").count == 1)
        bench.wait(until: 33)
        #expect(bench.sent.to("C").statuses == [100, 408] && bench.sent.to("C").left(at: [0, 32]))
    }

    @Test("V-TMR-07, TXN-08: on UDP a repeated final is acknowledged anew for 32 s and passed up once")
    func timerD() {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        for second in [0.0, 10, 20, 31.5] {
            bench.wait(until: second)
            bench.answer(486, to: invite)
        }
        bench.receive(Wire.request("ACK", toTag: "b"), on: client)
        bench.wait(until: 32.5)
        bench.answer(486, to: invite)
        #expect(bench.sent.to("B1").methods("ACK").count == 4)
        #expect(bench.sent.to("C").statuses == [100, 486])
        #expect(bench.drops == [.strayResponse] && bench.isQuiet)
    }

    @Test("V-TMR-07: on TLS nothing is absorbed after the final: the transaction is gone at once")
    func noTimerD() {
        let bench = Bench(1, .tls)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("ACK", toTag: "b"), on: client)
        #expect(bench.core.transactionCount == 0)
        bench.answer(486, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("C").statuses == [100, 486] && bench.drops == [.strayResponse])
    }

    @Test("TXN-15: a repeated final to another request is absorbed for 5 s on UDP")
    func timerK() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        let options = bench.sent[0]
        bench.answer(200, to: options)
        bench.wait(until: 4.9)
        bench.answer(200, to: options)
        #expect(bench.drops.isEmpty)
        bench.wait(until: 5.1)
        bench.answer(200, to: options)
        #expect(bench.sent.to("C").statuses == [200] && bench.drops == [.strayResponse] && bench.isQuiet)
    }

    @Test("TXN-16: a response after F is not forwarded")
    func late() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.wait(until: 33)
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(!bench.sent.to("C").statuses.contains(200) && bench.drops == [.strayResponse])
    }

    @Test("V-TMR-10, LOC-63: three mute backends get four copies each, and the client its 408 at 12 s")
    func firstResponse() {
        let bench = Bench(3, .udp)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 60)
        #expect(bench.sent.to("B1").left(at: [0, 0.5, 1.5, 3.5]))
        #expect(bench.sent.to("B2").left(at: [4, 4.5, 5.5, 7.5], turns: 2))
        #expect(bench.sent.to("B3").left(at: [8, 8.5, 9.5, 11.5], turns: 3))
        #expect(bench.sent.to("C").statuses == [100, 408] && bench.sent.to("C").left(at: [0, 12], turns: 3))
    }

    @Test("V-TMR-11, PRX-45, PRX-69: timer C calls a ringing INVITE off 185 s after its 180, and answers 32 s later")
    func timerC() {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        bench.wait(until: 0.1)
        bench.answer(100, to: invite)
        bench.wait(until: 10)
        bench.answer(180, to: invite)
        bench.wait(until: 196)
        let cancel = bench.sent.to("B1").methods("CANCEL")
        #expect(cancel.first.map { $0.at >= 195_000 && $0.at <= 195_010 } ?? false)
        if let first = cancel.first { bench.answer(200, to: first) }
        bench.wait(until: 240)
        #expect(bench.sent.to("C").statuses == [100, 180, 408] && bench.sent.to("C").left(at: [0, 10, 227], turns: 2))
    }

    @Test("PRX-69: what a backend says to timer C's CANCEL is what the client hears", arguments: [487, 486, 200])
    func timerCAnswered(status: Int) {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        bench.answer(180, to: invite)
        bench.wait(until: 184.999)
        #expect(bench.sent.methods("CANCEL").isEmpty)
        bench.wait(until: 185.1)
        let cancel = bench.sent.methods("CANCEL")
        #expect(cancel.count == 1 && cancel.to("B1").count == 1)
        if let first = cancel.first { bench.answer(200, to: first) }
        bench.answer(status, to: invite)
        #expect(bench.sent.to("C").statuses == [100, 180, status] && bench.finished == ["\(status)"])
        bench.wait(until: 300)
        #expect(bench.isQuiet)
    }

    @Test("PRX-50: a 180 winds timer C up again, a 100 does not", arguments: [(180, 170.0, true), (100, 60, false)])
    func timerCAnew(status: Int, pause: Double, isPending: Bool) {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        for second in stride(from: 1.0, through: 1200, by: pause) {
            bench.wait(until: second)
            bench.answer(status, to: invite)
        }
        let cancels = bench.sent.to("B1").methods("CANCEL")
        #expect(cancels.isEmpty == isPending)
        #expect(isPending || cancels.first.map { $0.at >= 185_000 && $0.at <= 185_010 } ?? false)
    }

    @Test("V-TMR-13, TRN-40, LOC-09: a forwarded request of 1300 bytes stays on UDP, one of 1301 goes by TCP")
    func sizeThreshold() {
        let probe = Bench(1, .udp)
        probe.receive(Wire.request("MESSAGE"), on: probe.client())
        let room = 1300 - probe.sent[0].wire.text.utf8.count
        // Content-Length is two digits longer than for the empty body.
        for (count, expected) in [(room - 2, "UDP"), (room - 1, "TCP")] {
            let bench = Bench(1, .udp)
            bench.receive(Wire.request("MESSAGE", body: String(repeating: "x", count: count)), on: bench.client())
            #expect(bench.sent[0].wire.value("Via")?.hasPrefix("SIP/2.0/\(expected) ") ?? false)
            #expect(bench.sent[0].endpoint?.transport.name.uppercased() == expected)
            #expect(expected == "TCP" || bench.sent[0].wire.text.utf8.count == 1300)
        }
    }
}
