// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What ends with a transaction, and what does not")
struct IsolationTests {
    @Test("TXN-32: an answer that comes when nobody waits for it any more goes nowhere")
    func lateAnswer() {
        let bench = Bench(2)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        // Both are silent until the client has given up, which ends the request without an answer (RFC 4320 section 4.2).
        bench.wait(until: 32.1)
        #expect(bench.finished == ["0 local"])
        let first = bench.take().filter { $0.status == 0 }
        for request in first { bench.answer(200, to: request) }
        #expect(first.count == 2 && bench.take().isEmpty && bench.drops == [.strayResponse, .strayResponse])
        let client = bench.client("D")
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2", callID: "other"), on: client)
        bench.wait(8.5)
        let second = bench.take().filter { $0.status == 0 }
        for request in second { bench.answer(200, to: request) }
        #expect(second.count == 2 && bench.take().answers == [200] && bench.drops.last == .lateResponse)
    }

    @Test("TXN-47: a handler that finds something impossible ends its own request; all others go on")
    func fault() {
        // A rule for a pool that is not there stands for whatever a snapshot should never hold.
        let routes = [
            RouteRule(methods: ["MESSAGE"], action: .pool(PoolID(index: 9))),
            RouteRule(action: .pool(PoolID(index: 0))),
        ]
        let bench = Bench(.sample([.sample(1)], routes: routes))
        let client = bench.client()
        bench.receive(Wire.request("INVITE", branch: "z9hG4bK1"), on: client)
        bench.receive(Wire.request("MESSAGE", branch: "z9hG4bK2"), on: client)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK3"), on: client)
        #expect(bench.sent.to("C").answers == [100, 503])
        for sent in bench.sent.to("B1") { bench.answer(200, to: sent) }
        #expect(bench.sent.to("C").answers == [100, 503, 200, 200])
    }

    @Test("TXN-48: after a restart the copy of an INVITE is a new call, and the old one's answer is nobody's")
    func restart() {
        let before = Bench(1, .udp)
        let text = Wire.request("INVITE", via: "UDP 203.0.113.7:51000")
        before.receive(text, on: before.client("U", Side.publicUDP))
        let old = before.sent.to("B1")[0]
        let after = Bench(.sample([.sample(1, .udp)]), seed: 2)
        after.receive(text, on: after.client("U", Side.publicUDP))
        let new = after.sent.to("B1")
        #expect(new.count == 1 && new[0].wire.branch != old.wire.branch)
        after.receive(old.wire.answer(200), on: after.backendFlow(.backend(1, .udp)))
        #expect(after.drops == [.strayResponse] && after.sent.answers == [100])
        after.answer(200, to: new[0])
        #expect(after.sent.answers == [100, 200])
    }

    @Test("PRX-47: Max-Breadth 1 is enough for two servers, because the second is tried when the first has answered")
    func breadth() {
        let bench = Bench(2)
        bench.receive(Wire.request("INVITE", extra: ["Max-Breadth: 1"]), on: bench.client())
        #expect(bench.sent.requests == ["INVITE B1"])
        bench.answer(503, to: bench.sent.to("B1")[0])
        let invites = bench.sent.methods("INVITE")
        #expect(invites.map(\.to) == ["B1", "B2"] && invites.allSatisfy { $0.wire.values("Max-Breadth") == ["1"] })
    }

    @Test(
        "PRX-47, LOC-63: a backend that is left for being mute has ended for Max-Breadth; two never ring beside each other"
    )
    func abandonedBreadth() {
        let bench = Bench(2)
        bench.receive(Wire.request("INVITE", extra: ["Max-Breadth: 1"]), on: bench.client())
        bench.wait(4.1)
        let invites = bench.sent.methods("INVITE")
        #expect(invites.map(\.to) == ["B1", "B2"] && invites.allSatisfy { $0.wire.values("Max-Breadth") == ["1"] })
        bench.answer(180, to: invites[0])
        #expect(bench.sent.to("B1").requests == ["INVITE B1", "CANCEL B1"])
    }

    @Test("PRX-64: a context lives as long as its transactions: a 200 of a branch that was cancelled passes 20 s later")
    func context() {
        let bench = Bench(2)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.wait(4.1)
        bench.answer(200, to: bench.sent.to("B2")[0])
        let abandoned = bench.sent.to("B1")[0]
        bench.answer(180, to: abandoned)
        #expect(bench.sent.to("B1").requests == ["INVITE B1", "CANCEL B1"])
        bench.wait(20)
        bench.answer(200, to: abandoned, tag: "late")
        #expect(bench.sent.to("C").answers == [100, 200, 200] && bench.sent.to("C").last?.wire.toTag == "late")
        bench.wait(70)
        #expect(bench.isQuiet)
    }

    @Test("PRX-91: a pool that demands TLS and has none answers a sip request with 480 and Warning 381")
    func requiresTLS() {
        var policy = ForwardingPolicy()
        policy.requiresTLS = true
        let bench = Bench(2, .tcp, policy: policy)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        let answer = bench.sent.to("C").last?.wire
        #expect(answer?.status == 480 && bench.sent.requests.isEmpty)
        #expect(answer?.values("Warning") == ["381 edge1.example.com \"SIPS Required\""])
        let secure = Bench(1, .tls, policy: policy)
        secure.receive(Wire.request("INVITE"), on: secure.client())
        #expect(secure.sent.requests == ["INVITE B1"])
    }

    @Test("PRX-91: of a mixed pool only what speaks TLS is tried, and without it the pool is down, not without TLS")
    func mixed() {
        var policy = ForwardingPolicy()
        policy.requiresTLS = true
        let id = PoolID(index: 0)
        let backends = [Endpoint.backend(1), .backend(2, .tls)].enumerated().map { place, endpoint in
            let backend = BackendID(pool: id, endpoint: endpoint)
            return BackendView(id: backend, name: "b\(place)", priority: UInt16(place), weight: 1)
        }
        let pool = PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)
        let bench = Bench(.sample([pool], policy: policy))
        bench.behaviour[.backend(2, .tls)] = .fails(.refused)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        #expect(bench.sent.requests == ["INVITE B2"])
        #expect(bench.sent.to("C").answers.last.map { $0 == 500 || $0 == 503 } ?? false)
    }

    @Test("FLW-40: a REGISTER for which there is no room comes back later, each after a time of its own")
    func fullOfRegisters() {
        var settings = ProxySettings()
        settings.transactions = 8
        let bench = Bench(1, settings: settings)
        let client = bench.client()
        for number in 0..<40 {
            bench.receive(Wire.request("REGISTER", branch: "z9hG4bK\(number)", callID: "r\(number)"), on: client)
        }
        let refused = bench.sent.to("C").filter { $0.status == 503 }
        let times = refused.compactMap { $0.wire.value("Retry-After").flatMap { Int($0) } }
        #expect(refused.count == 33 && times.count == 33 && times.allSatisfy { (5...60).contains($0) })
        #expect(Set(times).count > 5)
    }
}
