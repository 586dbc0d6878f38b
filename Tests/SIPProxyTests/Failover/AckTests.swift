// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("ACK")
struct AckTests {
    private let bench = Bench(2)
    private let client: FlowContext

    init() { client = bench.client() }

    @Test(
        "TXN-07: the ACK of a failure is the INVITE's: URI, Via and Routes, with the To of the response",
        arguments: [
            302, 404, 486, 503, 603,
        ]
    )
    func shape(status: Int) {
        let route = "<sip:192.0.2.1:5060;transport=tcp;lr>,<sip:next.example.org;lr>"
        let peer = bench.client("P", Side.peerTLS)
        bench.receive(Wire.request("INVITE", extra: ["Route: \(route)"]), on: peer)
        let invite = bench.sent.to("B1")[0]
        bench.answer(status, to: invite, tag: "final")
        let ack = bench.sent.to("B1")[1]
        #expect(ack.method == "ACK" && ack.wire.uri == invite.wire.uri && ack.flow == bench.backendFlow(.backend(1)).id)
        #expect(ack.wire.values("Via") == [invite.wire.values("Via")[0]] && ack.wire.values("Route") == [route])
        for name in ["From", "Call-ID"] { #expect(ack.wire.values(name) == invite.wire.values(name)) }
        #expect(ack.wire.toTag == "final" && ack.wire.value("CSeq") == "1 ACK")
        #expect(ack.wire.value("Max-Forwards") != nil)
    }

    @Test(
        "TXN-07, MSG-32: an INVITE as large as may come is larger when it leaves, and its failure is acknowledged all the same",
        arguments: [
            String(repeating: "Via: SIP/2.0/TCP x.example.org\r\n", count: MessageLimits().vias - 1),
            String(repeating: "X: y\r\n", count: MessageLimits().fields - 7),
        ]
    )
    func largest(extra: String) {
        let text = Wire.request("INVITE").replacing("Max-Forwards", with: extra + "Max-Forwards", maxReplacements: 1)
        bench.receive(text, on: client)
        bench.answer(486, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("B1").map(\.method) == ["INVITE", "ACK"] && bench.sent.answers == [100, 486])
    }

    @Test("TXN-43, PRX-75, PRX-77, PRX-78: the ACK of a 200 is forwarded once a copy, alike, without any state")
    func forwarded() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(40)
        #expect(bench.core.transactionCount == 0)
        _ = bench.take()
        let own = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        let ack = Wire.request(
            "ACK",
            "sip:bob@192.0.2.2:5060;transport=tcp",
            branch: "z9hG4bKack",
            toTag: "b",
            extra: [own]
        )
        bench.receive(ack, on: client)
        bench.receive(ack, on: client)
        #expect(bench.sent.requests == ["ACK B2", "ACK B2"] && Set(bench.sent.map(\.wire.text)).count == 1)
        let sent = bench.sent[0].wire
        #expect(sent.values("Via").count == 2 && sent.values("Max-Forwards") == ["69"])
        #expect(sent.values("Record-Route").isEmpty && sent.values("Route").isEmpty)
        #expect(bench.core.transactionCount == 0 && sent.branch.hasPrefix("z9hG4bK"))
        bench.receive(ack.components("z9hG4bKack").joined(separator: "z9hG4bKother"), on: client)
        #expect(bench.sent[2].wire.branch != sent.branch)
        bench.wait(40)
        #expect(bench.sent.count == 3 && bench.isQuiet)
    }

    @Test("PRX-78: after a restart with the same key, by another worker and without a cookie its branch is the same")
    func branch() {
        var settings = ProxySettings()
        settings.loopKey = 0x1234_5678
        func branch(_ text: String, worker: WorkerIndex = 1, seed: UInt64 = 1) -> String {
            let bench = Bench(.sample([.sample(1)], settings: settings), seed: seed, worker: worker)
            bench.receive(text, on: bench.client())
            return bench.sent.first?.wire.branch ?? ""
        }
        for old in ["z9hG4bKack", "", "old"] {
            let text = Wire.request("ACK", branch: old, toTag: "b")
            let first = branch(text)
            #expect(!first.isEmpty && branch(text, seed: 2) == first && branch(text, worker: 3, seed: 3) == first)
        }
        // Without the cookie a branch may come again in another call.
        let others = [
            Wire.request("ACK", branch: "old", callID: "call-2", toTag: "b"),
            Wire.request("ACK", branch: "old", toTag: "c"), Wire.request("ACK", branch: "old", number: 2, toTag: "b"),
            Wire.request("ACK", "sip:eve@example.com", branch: "old", toTag: "b"),
            Wire.request("ACK", branch: "old", toTag: "b"),
        ]
        #expect(Set(others.map { branch($0) }).count == others.count)
    }

    @Test("PRX-76, PRX-79: without a Route of ours it goes where affinity leads, always the same")
    func unrouted() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(200, to: bench.sent.to("B1")[0])
        _ = bench.take()
        for number in 0..<20 {
            bench.receive(Wire.request("ACK", branch: "z9hG4bKack\(number)", toTag: "b"), on: client)
        }
        #expect(bench.sent.count == 20 && Set(bench.sent.map(\.to)) == ["B1"])
    }

    /// A bench whose pool has two servers of one priority.
    private static func equals(_ endpoints: [Endpoint] = [.backend(1), .backend(2)]) -> Bench {
        let id = PoolID(index: 0)
        let backends = endpoints.map { BackendView(id: BackendID(pool: id, endpoint: $0), name: "\($0)") }
        let settings = PoolSettings(name: "p", firstResponse: FirstResponseLimits())
        return Bench(.sample([PoolView(id: id, settings: settings, backends: backends)]))
    }

    @Test("TXN-26, PRX-79: without a Route of ours it goes to the one of two equal servers whose 200 it is for")
    func unroutedToEquals() {
        let bench = Self.equals()
        let client = bench.client()
        var servers: Set<String> = []
        for number in 1...40 {
            let id = "call-\(number)"
            bench.receive(Wire.request("INVITE", branch: "z9hG4bK\(number)", callID: id), on: client)
            let invite = bench.sent.methods("INVITE")[0]
            bench.answer(200, to: invite)
            for copy in ["ack\(number)", "again\(number)"] {
                bench.receive(Wire.request("ACK", branch: "z9hG4bK\(copy)", callID: id, toTag: "b"), on: client)
            }
            #expect(bench.take().methods("ACK").map(\.to) == [invite.to, invite.to])
            servers.insert(invite.to)
        }
        #expect(servers.count == 2 && bench.core.indexedKeys == 80)
        bench.wait(40)
        #expect(bench.core.indexedKeys == 0 && bench.isQuiet)
    }

    @Test("TXN-26, PRX-79: and after failover to the server that has answered, each of two answers to its own")
    func unroutedAfterFailover() {
        bench.receive(Wire.request("INVITE"), on: client)
        let first = bench.sent.to("B1")[0]
        bench.wait(until: 4.5)
        bench.answer(200, to: bench.sent.to("B2")[0], tag: "second")
        bench.answer(200, to: first, tag: "first")
        _ = bench.take()
        for (number, tag) in ["second", "first", "other", "second"].enumerated() {
            bench.receive(Wire.request("ACK", branch: "z9hG4bKack\(number)", toTag: tag), on: client)
        }
        // Nobody has that third tag: rendezvous among the servers that are first in line.
        #expect(bench.sent.requests == ["ACK B2", "ACK B1", "ACK B1", "ACK B2"])
        bench.wait(80)
        #expect(bench.core.indexedKeys == 0 && bench.isQuiet)
    }

    @Test("TXN-26: an ACK without the cookie finds the one of two equal servers too")
    func oldStyleToEquals() {
        for number in 1...20 {
            let bench = Self.equals()
            let client = bench.client()
            let id = "call-\(number)"
            bench.receive(Wire.request("INVITE", branch: "", callID: id), on: client)
            let invite = bench.sent.methods("INVITE")[0]
            bench.answer(200, to: invite)
            bench.receive(Wire.request("ACK", branch: "", callID: id, toTag: "b"), on: client)
            #expect(bench.sent.requests.last == "ACK \(invite.to)")
        }
    }

    @Test("TXN-26, OVL-37: tags without end in the answers to one INVITE are not all remembered")
    func manyTags() {
        bench.receive(Wire.request("INVITE"), on: client)
        for tag in 0..<100 { bench.answer(200, to: bench.sent.to("B1")[0], tag: "t\(tag)") }
        #expect(bench.core.indexedKeys == 9 && bench.sent.to("C").answers.count == 101)
        bench.wait(40)
        #expect(bench.core.indexedKeys == 0 && bench.isQuiet)
    }

    @Test("PRX-79: of a call to a client it goes on the client's flow, with our Route or without")
    func unroutedToClient() {
        let backend = bench.backendFlow(.backend(1))
        let route = "Route: <sip:\(String(buffer: client.token))@10.0.0.5;transport=tcp;lr>"
        bench.receive(Wire.request("INVITE", via: "TCP 192.0.2.1", extra: [route]), on: backend)
        bench.answer(200, to: bench.sent.to("C")[0])
        bench.receive(Wire.request("ACK", via: "TCP 192.0.2.1", branch: "z9hG4bKack", toTag: "b"), on: backend)
        #expect(bench.sent.requests == ["INVITE C", "ACK C"])
    }

    @Test("PRX-79: where nothing is known of its INVITE, the pool's affinity and rules for INVITE choose the server")
    func unroutedByAffinity() {
        let id = PoolID(index: 1)
        let backends = [1, 2, 3].map { BackendView(id: BackendID(pool: id, endpoint: .backend($0)), name: "\($0)") }
        let settings = PoolSettings(name: "p", affinity: .from)
        let pool = PoolView(id: id, settings: settings, backends: backends)
        let rules = [
            RouteRule(methods: ["INVITE"], action: .pool(id)), RouteRule(action: .pool(PoolID(index: 0))),
        ]
        let bench = Bench(.sample([.sample(1, .tls), pool], routes: rules))
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.methods("INVITE")[0]
        bench.answer(200, to: invite)
        bench.wait(40)
        for number in 0..<10 {
            let text = Wire.request("ACK", branch: "z9hG4bK\(number)", callID: "call-\(number)", toTag: "b")
            bench.receive(text, on: client)
        }
        #expect(bench.sent.methods("ACK").count == 10)
        #expect(bench.sent.methods("ACK").allSatisfy { $0.endpoint == invite.endpoint })
    }

    @Test("PRX-85: with a SIPS Request-URI it goes over TLS or not at all, with our Route or without")
    func sips() {
        let own = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        let uri = "sips:bob@example.com"
        bench.receive(Wire.request("ACK", uri, toTag: "b"), on: client)
        #expect(bench.sent.isEmpty && bench.drops == [.strayAck])
        // Its INVITE had gone in the clear.
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(200, to: bench.take().to("B1")[0])
        bench.receive(Wire.request("ACK", uri, branch: "z9hG4bKack", toTag: "b"), on: client)
        #expect(bench.sent.requests.isEmpty && bench.drops == [.strayAck, .unsendable])
        let named = Wire.request("ACK", "sips:bob@192.0.2.2", branch: "z9hG4bK2", toTag: "b", extra: [own])
        bench.receive(named, on: client)
        #expect(bench.sent.methods("ACK").map(\.endpoint) == [.backend(2, .tls)])
        let clear = bench.client("D", Side.publicTCP)
        let route = "Route: <sip:\(String(buffer: clear.token))@10.0.0.5;transport=tcp;lr>"
        let inner = bench.backendFlow(.backend(1))
        bench.receive(Wire.request("ACK", uri, via: "TCP 192.0.2.1", toTag: "b", extra: [route]), on: inner)
        #expect(bench.sent.methods("ACK").count == 1 && bench.drops == [.strayAck, .unsendable, .unsendable])
    }

    @Test("PRX-85, PRX-91: of a pool with both it takes the servers with TLS, always the same one")
    func sipsAmongOthers() {
        let id = PoolID(index: 0)
        let endpoints = [Endpoint.backend(1), .backend(2, .tls), .backend(3, .tls), .backend(4, .udp)]
        let backends = endpoints.map { BackendView(id: BackendID(pool: id, endpoint: $0), name: "\($0)") }
        let pool = PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)
        var strict = ForwardingPolicy()
        strict.requiresTLS = true
        for (policy, uri) in [(ForwardingPolicy(), "sips:bob@example.com"), (strict, "sip:bob@example.com")] {
            let bench = Bench(.sample([pool], policy: policy))
            let client = bench.client()
            for number in 0..<20 {
                for copy in ["a", "b"] {
                    let branch = "z9hG4bK\(number)\(copy)"
                    bench.receive(Wire.request("ACK", uri, branch: branch, callID: "\(number)", toTag: "b"), on: client)
                }
                let places = bench.take().map(\.endpoint)
                #expect(places.count == 2 && places[0] == places[1] && places[0]?.transport == .tls)
            }
        }
    }

    /// An ACK that is `size` bytes long as it leaves by UDP.
    private static func ack(_ size: Int, _ branch: String = "z9hG4bKack") -> String {
        func text(_ count: Int) -> String {
            let body = String(repeating: "x", count: count)
            return Wire.request("ACK", via: "UDP 203.0.113.7:51000", branch: branch, toTag: "b", body: body)
        }
        let bench = Bench(1, .udp)
        bench.receive(text(600), on: bench.client("U", Side.publicUDP))
        return text(600 + size - bench.sent[0].bytes.readableBytes)
    }

    @Test("TRN-40: one that is larger than 1300 bytes for a server by UDP goes by TCP", arguments: [1299, 1300, 1301])
    func large(size: Int) {
        let bench = Bench(1, .udp)
        let phone = bench.client("U", Side.publicUDP)
        for _ in 0..<2 { bench.receive(Self.ack(size), on: phone) }
        let isMoved = size > 1300
        #expect(bench.sent.map(\.endpoint) == Array(repeating: .backend(1, isMoved ? .tcp : .udp), count: 2))
        #expect(isMoved || bench.sent[0].bytes.readableBytes == size)
        #expect(bench.sent[0].wire.value("Via")?.hasPrefix("SIP/2.0/\(isMoved ? "TCP" : "UDP") ") ?? false)
        #expect(Set(bench.sent.map(\.wire.text)).count == 1 && bench.core.pendingReturns == 0 && bench.isQuiet)
    }

    @Test("TRN-41: and by UDP when TCP is refused there, but not for silence", arguments: [true, false])
    func largeRefused(isRefused: Bool) {
        let bench = Bench(1, .udp)
        bench.behaviour[.backend(1)] = .fails(isRefused ? .refused : .connectTimeout)
        bench.receive(Self.ack(1400), on: bench.client("U", Side.publicUDP))
        let places = [Endpoint.backend(1), .backend(1, .udp)]
        #expect(bench.sent.map(\.endpoint) == (isRefused ? places : [places[0]]))
        #expect(bench.drops == (isRefused ? [] : [.deadFlow]) && bench.core.pendingReturns == 0)
    }

    @Test("PRX-12: one that comes back unchanged is dropped, and with another Request-URI it spirals")
    func loop() {
        bench.receive(Wire.request("ACK", toTag: "b"), on: client)
        let vias = bench.take()[0].wire.values("Via").map { "Via: \($0)" }.joined(separator: "\r\n")
        let flow = bench.backendFlow(.backend(1))
        for (number, uri) in ["sip:bob@example.com", "sip:bob@sales.example.com"].enumerated() {
            let branch = "z9hG4bKx\(number)"
            let text = Wire.request("ACK", uri, via: "TCP 192.0.2.1", branch: branch, toTag: "b", maxForwards: 68)
            bench.receive(text.components("Max-Forwards").joined(separator: vias + "\r\nMax-Forwards"), on: flow)
        }
        #expect(bench.drops == [.loop] && bench.sent.map(\.wire.uri) == ["sip:bob@sales.example.com"])
    }

    @Test("TXN-22: the ACK for an answer of the edge's own is absorbed")
    func ownAnswer() {
        for last in [1, 2] as [UInt32] { bench.behaviour[.backend(last)] = .fails(.refused) }
        bench.receive(Wire.request("INVITE"), on: client)
        let tag = bench.sent.last?.wire.toTag
        _ = bench.take()
        bench.receive(Wire.request("ACK", toTag: tag), on: client)
        #expect(bench.sent.isEmpty && bench.core.transactionCount == 0)
    }

    @Test("TXN-23: copies of an answer of the edge's own have one tag")
    func oneTag() {
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("INVITE", via: "UDP 203.0.113.7", maxForwards: 0), on: phone)
        bench.receive(Wire.request("INVITE", via: "UDP 203.0.113.7", maxForwards: 0), on: phone)
        bench.wait(2)
        #expect(bench.sent.statuses == [483, 483] && Set(bench.sent.map(\.wire.toTag)).count == 1)
        #expect(bench.sent[0].wire.toTag != nil)
        _ = bench.take()
        // A server's is repeated by timer G.
        let server = bench.client("I", Side.innerUDP)
        for _ in 0..<2 { bench.receive(Wire.request("INVITE", via: "UDP 10.0.0.9", maxForwards: 0), on: server) }
        bench.wait(2)
        #expect(bench.sent.statuses == [483, 483, 483, 483] && Set(bench.sent.map(\.wire.toTag)).count == 1)
    }

    @Test("LOC-75: an ACK whose next hop is a name waits for its addresses, and goes to the first")
    func named() {
        let own = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        bench.receive(Wire.request("ACK", "sip:bob@core.example.net", toTag: "b", extra: [own]), on: client)
        #expect(bench.questions.count == 1 && bench.sent.isEmpty)
        bench.resolve(bench.questions[0].id, .servers([.backend(2), .backend(1)]))
        #expect(bench.sent.requests == ["ACK B2"])
        bench.receive(Wire.request("ACK", "sip:bob@core.example.net", toTag: "b", extra: [own]), on: client)
        bench.resolve(bench.questions[0].id, .failed)
        #expect(bench.sent.requests == ["ACK B2"] && bench.drops == [.deadFlow])
    }

    @Test("V-RR-02: the ACK of a call to a client goes on its flow")
    func toClient() {
        let backend = bench.backendFlow(.backend(1))
        let route = "Route: <sip:\(String(buffer: client.token))@10.0.0.5;transport=tcp;lr>"
        bench.receive(Wire.request("ACK", via: "TCP 192.0.2.1", toTag: "a", extra: [route]), on: backend)
        #expect(bench.sent.requests == ["ACK C"] && bench.sent[0].flow == client.id)
    }
}
