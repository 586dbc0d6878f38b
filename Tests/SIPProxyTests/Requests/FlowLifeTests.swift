// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("The life of clients' flows")
struct FlowLifeTests {
    private let bench = Bench(1)
    private let backend: FlowContext

    init() { backend = bench.backendFlow(.backend(1)) }

    private func token(_ flow: FlowContext) -> String { String(buffer: flow.token) }

    /// A request of the backend for a client, by the token of a flow.
    private func request(_ method: String, _ flow: FlowContext, _ branch: String, toTag: String? = nil) -> String {
        Wire.request(
            method,
            "sip:a@192.168.1.20:49152",
            via: "TCP 192.0.2.1",
            branch: "z9hG4bK\(branch)",
            toTag: toTag,
            extra: ["Route: <sip:\(token(flow))@10.0.0.5;transport=tcp;lr>"]
        )
    }

    private func register(_ flow: FlowContext, _ number: Int) -> Sent? {
        let contact = "Contact: <sip:a@192.168.1.20>;reg-id=\(number);+sip.instance=\"<urn:uuid:1>\""
        bench.receive(
            Wire.request("REGISTER", branch: "z9hG4bKr\(number)", callID: "reg", extra: ["Supported: path", contact]),
            on: flow
        )
        return bench.sent.to("B1").last
    }

    @Test("FLW-07: the Path names the node that has the flow, not what all nodes share")
    func node() {
        var paths: [String] = []
        for name in ["edge1.core.example.com", "edge2.core.example.com"] {
            var snapshot = ProxySnapshot.sample([.sample(1)])
            snapshot.settings.domains = ["example.com"]
            snapshot.listeners[2] = Side.listener(Side.innerTCP, .inner, .tcp, .v4(0x0A00_0005), 5060, name)
            let bench = Bench(snapshot)
            let client = bench.client()
            bench.receive(Wire.request("REGISTER", "sip:example.com"), on: client)
            let path = bench.sent.to("B1").last?.wire.value("Path") ?? ""
            #expect(path == "<sip:\(token(client))@\(name);transport=tcp;lr;ob>")
            paths.append(path)
        }
        #expect(paths[0].components("@").last != paths[1].components("@").last)
    }

    @Test("FLW-19: of a flow that is lost nobody hears until a request comes for it, which is 430")
    func silentLoss() {
        let client = bench.client()
        if let sent = register(client, 1) { bench.answer(200, to: sent) }
        _ = bench.take()
        bench.disconnect(client)
        bench.wait(60)
        #expect(bench.take().isEmpty)
        bench.receive(request("INVITE", client, "i"), on: backend)
        #expect(bench.take().answers == [100, 430])
    }

    @Test("FLW-24: a 430 of an edge further on is passed up as it is, and nobody else is tried")
    func passedOn() {
        let bench = Bench(2)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.receive(
            bench.sent.to("B1")[0].wire.answer(430).components("430 Reason").joined(separator: "430 Flow Failed"),
            on: bench.backendFlow(.backend(1))
        )
        #expect(bench.sent.to("C").last?.wire.startLine == "SIP/2.0 430 Flow Failed")
        bench.wait(40)
        #expect(bench.sent.to("B2").isEmpty)
    }

    @Test("FLW-27: after a client has moved, the old token is 430 until its re-INVITE has recorded the new one")
    func moved() {
        let old = bench.client()
        bench.disconnect(old)
        let new = bench.client("C2", port: 51001)
        bench.receive(request("BYE", old, "b1", toTag: "a"), on: backend)
        #expect(bench.sent.to("B1").answers == [430])
        let again = Wire.request(
            "INVITE",
            "sip:bob@192.0.2.1;transport=tcp",
            branch: "z9hG4bKre",
            toTag: "b",
            extra: ["Route: <sip:\(token(old))@edge1.example.com;lr>"]
        )
        bench.receive(again, on: new)
        let routes = bench.sent.to("B1").methods("INVITE").last?.wire.values("Record-Route") ?? []
        #expect(routes.contains { $0.contains(token(new)) } && !routes.contains { $0.contains(token(old)) })
        bench.receive(request("BYE", new, "b2", toTag: "a"), on: backend)
        #expect(bench.sent.to("C2").methods("BYE").count == 1)
    }

    @Test("FLW-39: one client registers over two connections: two tokens, and each leads to its own")
    func twoFlows() {
        let flows = [bench.client("F1"), bench.client("F2", port: 51002)]
        let paths = flows.enumerated().compactMap { register($1, $0 + 1)?.wire.value("Path") }
        #expect(paths.count == 2 && paths[0] != paths[1])
        for (flow, name) in zip(flows, ["F1", "F2"]) {
            bench.receive(request("MESSAGE", flow, name), on: backend)
            #expect(bench.sent.last?.to == name)
        }
    }

    @Test("PRX-31: who stands in for a node and shares its key knows its tokens: a client that comes there goes on")
    func standIn() {
        // The dialog began at another node; this one has the key, and no such flow.
        let node = Bench(.sample([.sample(1)]), seed: 7)
        for _ in 0..<50 { _ = node.client() }
        let elsewhere = node.client("X", port: 50999)
        let client = bench.client("C", port: 51003)
        let bye = Wire.request(
            "BYE",
            "sip:bob@192.0.2.1;transport=tcp",
            toTag: "b",
            extra: ["Route: <sip:\(token(elsewhere))@edge1.example.com;lr>"]
        )
        bench.receive(bye, on: client)
        #expect(bench.sent.requests.last == "BYE B1" && bench.sent.to("C").isEmpty)
        // From inside it cannot be reached from here: that is no forgery, but a flow that is not there.
        bench.receive(request("INVITE", elsewhere, "i"), on: backend)
        #expect(bench.sent.last?.status == 430)
    }

    @Test("FLW-36: with a Flow-Timer of 120 s the connection is kept for 150 s of silence; without one nothing is said")
    func idleLimit() {
        let client = bench.client()
        if let sent = register(client, 1) { bench.answer(200, to: sent) }
        #expect(bench.idleLimits.isEmpty)
        if let sent = register(client, 2) { bench.answer(200, to: sent, extra: ["Require: outbound"]) }
        #expect(bench.sent.last?.wire.value("Flow-Timer") == "120" && bench.idleLimits == [client.id: .seconds(150)])
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("REGISTER", via: "UDP 203.0.113.7:51000", branch: "z9hG4bKu"), on: phone)
        if let sent = bench.sent.to("B1").last { bench.answer(200, to: sent, extra: ["Require: outbound"]) }
        #expect(bench.idleLimits.count == 1)
    }

    // Bounded: ten minutes of the core's virtual time with a mute and an answering server stand for the 24 hours of the
    // item. The only other writers to a UDP backend are probes, which are SIP requests.
    @Test("FLW-34: nothing that leaves for a server over UDP is STUN")
    func noSTUN() {
        let bench = Bench(2, .udp)
        let client = bench.client()
        for number in 0..<60 {
            bench.receive(Wire.request("INVITE", branch: "z9hG4bK\(number)"), on: client)
            if number % 2 == 0, let sent = bench.sent.to("B1").last { bench.answer(486, to: sent) }
            bench.wait(10, step: .milliseconds(100))
        }
        let datagrams = bench.sent.filter(\.isDatagram)
        #expect(datagrams.count > 100)
        #expect(datagrams.allSatisfy { ($0.bytes.readableBytesView.first ?? 0) >= 0x40 })
    }

    @Test("PRX-84: whoever asks for a next hop is told whether a dialog does, where one server is meant")
    func nextHopOfDialog() {
        let client = bench.client()
        let route = "Route: <sip:\(token(client))@edge1.example.com;lr>"
        bench.receive(Wire.request("BYE", "sip:core.example.net", toTag: "b", extra: [route]), on: client)
        let peer = bench.client("P", Side.peerTLS)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bK2", extra: ["Route: <sip:core.example.net;lr>"]), on: peer)
        #expect(bench.questions.map(\.name.isInDialog) == [true, false])
    }

    // MARK: A client that sends nothing more

    @Test("TRN-08: who waits for an answer on a half-closed connection still gets it there")
    func halfClosed() {
        let client = bench.client()
        #expect(bench.core.inputsClosed([client.id]).isEmpty)
        bench.receive(Wire.request("OPTIONS"), on: client)
        #expect(bench.core.inputsClosed([client.id]) == [client.id] && bench.core.busyFlows.contains(client.id))
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("C").answers == [200])
        #expect(bench.core.inputsClosed([client.id]).isEmpty && bench.core.busyFlows.isEmpty)
    }

    @Test("TRN-08, TXN-25: or over another one, where it repeats its INVITE")
    func halfClosedAndBack() {
        let client = bench.client()
        let invite = Wire.request("INVITE")
        bench.receive(invite, on: client)
        #expect(bench.core.inputsClosed([client.id]) == [client.id])
        let again = bench.client("C2", port: 51001)
        bench.receive(invite, on: again)
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("B1").count == 1 && bench.sent.to("C2").answers.last == 200)
        #expect(!bench.sent.to("C").answers.contains(200))
    }

    @Test("TRN-45: a flow is busy while a request from it or to it rings, and no longer")
    func busy() {
        let caller = bench.client()
        let callee = bench.client("D", port: 51004)
        bench.receive(Wire.request("INVITE"), on: caller)
        bench.receive(request("INVITE", callee, "d"), on: backend)
        bench.answer(180, to: bench.sent.to("D")[0])
        #expect(bench.core.busyFlows.isSuperset(of: [caller.id, callee.id]))
        bench.answer(486, to: bench.sent.to("D")[0])
        bench.answer(200, to: bench.sent.to("B1").methods("INVITE")[0])
        #expect(bench.core.busyFlows.isDisjoint(with: [caller.id, callee.id]))
    }
}
