// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Failover from backend to backend")
struct FailoverTests {
    private let bench = Bench(3)
    private let client: FlowContext

    init() { client = bench.client() }

    @Test(
        "LOC-46, PRX-70, PRX-01: an attempt that fails before anything is heard moves on, whatever failure and method",
        arguments: [AttemptFailure.refused, .connectTimeout, .tls, .queueFull],
        ["INVITE", "OPTIONS", "FROB"]
    )
    func transportFailures(failure: AttemptFailure, method: String) {
        bench.behaviour[.backend(1)] = .fails(failure)
        bench.receive(Wire.request(method), on: client)
        #expect(bench.sent.requests == ["\(method) B1", "\(method) B2"] && bench.elapsed == 0)
        #expect(bench.attempts == ["B1 \(failure.rawValue)"])
        bench.answer(200, to: bench.sent.to("B2")[0])
        #expect(bench.sent.answers.last == 200 && bench.finished == ["200"])
        #expect(bench.attempts.last == "B2 answered")
    }

    @Test("LOC-47, PRX-28, PRX-40: every attempt starts from the request as it came, with a branch of its own")
    func fromTheOriginal() {
        for last in [1, 2] as [UInt32] { bench.behaviour[.backend(last)] = .fails(.refused) }
        bench.receive(Wire.request("INVITE", body: "x"), on: client)
        let attempts = bench.sent.filter { $0.status == 0 }
        #expect(attempts.map(\.to) == ["B1", "B2", "B3"] && Set(attempts.map(\.wire.branch)).count == 3)
        let bare = attempts.map { $0.wire.text.components($0.wire.branch).joined(separator: "BRANCH") }
        #expect(Set(bare).count == 1 && attempts[0].wire.values("Via").count == 2)
    }

    @Test("LOC-47: the transport of each hop is the only difference between them")
    func transports() {
        let id = PoolID(index: 0)
        let backends = [(1, SIPTransport.tls), (2, .tcp), (3, .udp)].map { last, transport in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last, transport)),
                name: "b\(last)",
                priority: UInt16(last)
            )
        }
        let pool = PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)
        let bench = Bench(.sample([pool]))
        bench.behaviour[.backend(1, .tls)] = .fails(.tls)
        bench.behaviour[.backend(2)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        let vias = bench.sent.map { $0.wire.values("Via")[0].prefix(12) }
        #expect(vias == ["SIP/2.0/TLS ", "SIP/2.0/TCP ", "SIP/2.0/UDP "])
    }

    @Test("PRX-58: five dead backends are tried three times, and the client hears 503 with Retry-After or 500")
    func tries() {
        let bench = Bench(5)
        for last in 1...5 as ClosedRange<UInt32> { bench.behaviour[.backend(last)] = .fails(.refused) }
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2", "OPTIONS B3"])
        #expect(bench.sent.answers == [500] && bench.finished == ["500 local"])
    }

    @Test("PRX-57, TXN-44: a whole pool that refuses is 503 with Retry-After", arguments: ["INVITE", "OPTIONS"])
    func wholePool(method: String) {
        for last in 1...3 as ClosedRange<UInt32> { bench.behaviour[.backend(last)] = .fails(.refused) }
        bench.receive(Wire.request(method), on: client)
        #expect(bench.sent.answers.last == 503 && bench.sent.last?.wire.value("Retry-After") != nil)
    }

    @Test("OVL-05, OVL-03: copies of a request that a pool without backends turns away are answered alike")
    func nobody() {
        let empty = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: [])
        let bench = Bench(.sample([empty]))
        let phone = bench.client("U", Side.publicUDP)
        for number in 1...20 {
            let text = Wire.request("OPTIONS", via: "UDP 203.0.113.7:51000", branch: "z9hG4bK\(number)")
            for _ in 1...2 { bench.receive(text, on: phone) }
        }
        let answers = bench.sent.map(\.wire.text)
        #expect(bench.sent.answers == Array(repeating: 503, count: 40) && Set(answers).count == 20)
        #expect(Set(bench.sent.map { $0.wire.value("Retry-After") }).count > 5)
    }

    @Test(
        "LOC-54: when all are down, a priority that is there for failures is reached, though more than `tries` refuse first",
        arguments: [2, 4] as [UInt32]
    )
    func panicReachesNextPriority(refusing: UInt32) {
        let id = PoolID(index: 0)
        let backends = (1...refusing + 1).map { last in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last)),
                name: "b\(last).example.com",
                priority: last > refusing ? 20 : 10,
                state: .down,
                isUsable: false
            )
        }
        let bench = Bench(.sample([PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)]))
        for last in 1...refusing { bench.behaviour[.backend(last)] = .fails(.refused) }
        bench.receive(Wire.request("INVITE"), on: bench.client())
        #expect(bench.sent.requests.count == Int(refusing) + 1)
        #expect(bench.sent.requests.last == "INVITE B\(refusing + 1)" && bench.sent.answers == [100])
    }

    @Test("PRX-26, LOC-54: a lone backend that refuses is tried once")
    func lone() {
        let bench = Bench(1)
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        #expect(bench.sent.requests == ["OPTIONS B1"] && bench.sent.answers == [503])
    }

    @Test(
        "LOC-63, PRX-65: a mute backend is left after 4 s, and never cancelled unless it speaks",
        arguments: [
            "INVITE", "OPTIONS", "FROB",
        ]
    )
    func mute(method: String) {
        bench.receive(Wire.request(method), on: client)
        bench.wait(until: 4.1)
        #expect(bench.sent.requests == ["\(method) B1", "\(method) B2"])
        bench.answer(200, to: bench.sent.to("B2")[0])
        #expect(bench.sent.answers.last == 200)
        bench.wait(until: 120)
        #expect(bench.sent.requests == ["\(method) B1", "\(method) B2"] && bench.isQuiet)
        #expect(bench.attempts == ["B1 timeout", "B2 answered"] && bench.finished == ["200"])
    }

    @Test(
        "LOC-46: a provisional ends the eligibility: after 100 or 180 no other is tried for silence",
        arguments: [
            100, 180,
        ]
    )
    func provisional(status: Int) {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(status, to: bench.sent.to("B1")[0])
        bench.wait(until: 60)
        #expect(bench.sent.requests == ["INVITE B1"])
    }

    @Test("PRX-66: an abandoned backend that rings late is cancelled, and its 180 goes nowhere")
    func lateRinging() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(until: 6)
        bench.answer(180, to: bench.sent.to("B1")[0])
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B2", "CANCEL B1"])
        #expect(bench.sent.answers == [100])
        bench.answer(487, to: bench.sent.to("B1")[0])
        bench.answer(200, to: bench.sent.to("B2")[0])
        #expect(bench.sent.answers == [100, 200])
    }

    @Test("PRX-65: late answers of an abandoned backend: every 200 to the INVITE passes")
    func lateSuccess() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(until: 5)
        bench.answer(200, to: bench.sent.to("B2")[0], tag: "two")
        bench.answer(200, to: bench.sent.to("B1")[0], tag: "one")
        #expect(bench.sent.filter { $0.status == 200 }.map(\.wire.toTag) == ["two", "one"])
        #expect(bench.finished == ["200"])
    }

    @Test("PRX-65: even after a final other than 2xx, whose copies on UDP stay what they were")
    func lateSuccessAfterFailure() {
        let bench = Bench(2, settings: .trusting)
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("INVITE", via: "UDP 203.0.113.7:51000"), on: phone)
        bench.wait(until: 5)
        bench.answer(486, to: bench.sent.to("B2")[0])
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("203.0.113.7:51000").statuses == [100, 486, 200])
        bench.wait(until: 6.6)
        #expect(bench.sent.to("203.0.113.7:51000").statuses == [100, 486, 200, 486, 486])
    }

    @Test("PRX-53: another request gets one final, whoever answers first", arguments: [[1, 2], [2, 1]])
    func oneFinal(order: [Int]) {
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.wait(until: 5)
        for last in order { bench.answer(200, to: bench.sent.to("B\(last)")[0], tag: "b\(last)") }
        #expect(bench.sent.answers.filter { $0 >= 200 } == [200])
        #expect(bench.sent.last { $0.status == 200 }?.wire.toTag == "b\(order[0])")
    }

    @Test("PRX-63, TXN-41: a 200 from an abandoned backend calls off the one that rings")
    func callsOff() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(until: 5)
        bench.answer(180, to: bench.sent.to("B2")[0])
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B2", "CANCEL B2"])
        let reason = "SIP;cause=200;text=\"Call completed elsewhere\""
        #expect(bench.sent.last?.wire.values("Reason") == [reason])
        bench.answer(487, to: bench.sent.to("B2")[0])
        #expect(bench.sent.answers == [100, 180, 200])
        #expect(bench.sent.requests.last == "ACK B2")
    }

    @Test("TRN-44: a reused connection that closes under the request is replaced once, at the same backend")
    func reusedConnection() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.close(bench.backendFlow(.backend(1)))
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B1"] && bench.attempts.isEmpty)
        #expect(Set(bench.sent.to("B1").map(\.wire.branch)).count == 2)
        bench.close(bench.backendFlow(.backend(1)))
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B1", "INVITE B2"] && bench.attempts == ["B1 closed"])
    }

    @Test("TRN-44: after a second it is a failure like others")
    func closedLater() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(1.5)
        bench.close(bench.backendFlow(.backend(1)))
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B2"])
    }

    @Test("TRN-47: ICMP on UDP means refused, and the next one is tried at once")
    func unreachable() {
        let bench = Bench(2, .udp)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.close(bench.backendFlow(.backend(1, .udp)))
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2"] && bench.attempts == ["B1 refused"])
    }

    @Test("TXN-12: a connection lost while it rings is no failure: the answer comes over another one")
    func lostWhileRinging() {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        bench.answer(180, to: invite)
        bench.close(bench.backendFlow(.backend(1)))
        bench.wait(3)
        #expect(bench.sent.answers == [100, 180])
        bench.receive(invite.wire.answer(200), on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.answers == [100, 180, 200] && bench.sent.requests == ["INVITE B1"])
    }

    @Test(
        "TXN-12: unless the backend is known to be down after two seconds, which is 500, or 487 for who cancelled",
        arguments: [
            false, true,
        ]
    )
    func lostForGood(cancels: Bool) {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(180, to: bench.sent.to("B1")[0])
        if cancels { bench.receive(Wire.request("CANCEL"), on: client) }
        bench.close(bench.backendFlow(.backend(1)))
        let down = BackendView(
            id: BackendID(pool: PoolID(index: 0), endpoint: .backend(1)),
            name: "b1.example.com",
            state: .down,
            isUsable: false
        )
        let pool = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: [down])
        bench.core.adopt(.sample([pool]), now: bench.now)
        bench.wait(2.1)
        #expect(bench.sent.answers.last == (cancels ? 487 : 500))
        bench.wait(70)
        #expect(bench.isQuiet && bench.finished.count == 1)
    }

    @Test("TXN-12: a backend that refused connections meanwhile has begun anew, and knows nothing of a ringing call")
    func lostAndBack() {
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.close(bench.backendFlow(.backend(1)))
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2"), on: client)
        bench.behaviour[.backend(1)] = nil
        bench.wait(0.5)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK3"), on: client)
        bench.answer(200, to: bench.sent.to("B1").last ?? bench.sent[0])
        #expect(bench.sent.answers == [100, 180, 503, 200])
        bench.wait(1.6)
        #expect(bench.sent.answers == [100, 180, 503, 200, 500])
        #expect(bench.sent.last?.wire.startLine.hasSuffix("Backend Lost") ?? false)
    }

    @Test("PRX-51: a response that has lost the client's Via is nobody's, and the request goes on without it")
    func lostVia() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        let sent = bench.sent.to("B1")[0]
        var lines = sent.wire.answer(200).components("\r\n")
        let place = lines.lastIndex { $0.hasPrefix("Via") }
        if let place { lines.remove(at: place) }
        bench.receive(lines.joined(separator: "\r\n"), on: bench.backendFlow(.backend(1)))
        #expect(!bench.sent.answers.contains(200) && bench.drops == [.unsendable])
        bench.receive(sent.wire.answer(200), on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.answers.last == 200)
    }

    @Test("LOC-64: a request that began before a reload fails over among the backends of its own snapshot")
    func snapshot() {
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.core.adopt(.sample([.sample(1)]), now: bench.now)
        bench.fail(bench.sent[0], .refused)
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2"])
    }

    @Test("TXN-31, LOC-63: slow backends are waited for as long as the client waits", arguments: [1, 2], [9, 31.5])
    func slow(last: Int, second: Double) {
        let bench = Bench(2)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.wait(until: second)
        bench.answer(200, to: bench.sent.to("B\(last)")[0])
        #expect(bench.sent.answers == [100, 200] && bench.finished == ["200"])
        #expect(bench.attempts == ["B1 timeout", "B2 timeout", "B\(last) answered"])
        bench.wait(until: 80)
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2"] && bench.isQuiet)
    }

    @Test("LOC-63: an INVITE waits until timer B where it may be tried at one backend only, and may ring until then")
    func onlyTry() {
        var policy = ForwardingPolicy()
        policy.tries = 1
        for ringsAt in [nil, 20.0] {
            let bench = Bench(2, policy: policy)
            bench.receive(Wire.request("INVITE"), on: bench.client())
            bench.wait(until: ringsAt ?? 31.9)
            #expect(bench.sent.answers == [100] && bench.attempts == ["B1 timeout"])
            if ringsAt != nil { bench.answer(180, to: bench.sent.to("B1")[0]) }
            bench.wait(until: 40)
            #expect(bench.sent.answers == (ringsAt == nil ? [100, 408] : [100, 180]))
            #expect(bench.sent.requests == ["INVITE B1"] && bench.attempts == ["B1 timeout"])
        }
    }

    @Test("TXN-31: backends that refuse and are mute: no 408 to another request, at any time")
    func silent() {
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.wait(until: 100)
        #expect(bench.sent.answers == [100] && bench.finished == ["0 local"] && bench.isQuiet)
    }

    @Test("TRN-40: what went by TCP for its size alone and finds no TCP there goes by UDP after all")
    func backToUDP() {
        let bench = Bench(1, .udp)
        bench.behaviour[.backend(1, .tcp)] = .fails(.refused)
        bench.receive(Wire.request("MESSAGE", body: String(repeating: "x", count: 1300)), on: bench.client())
        #expect(bench.sent.map { $0.endpoint?.transport } == [.tcp, .udp])
        #expect(bench.sent.last?.wire.value("Via")?.hasPrefix("SIP/2.0/UDP ") ?? false)
        bench.answer(200, to: bench.sent[1])
        #expect(bench.sent.answers == [200])
    }
}
