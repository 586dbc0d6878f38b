// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("CANCEL")
struct CancelTests {
    private let bench = Bench(2)
    private let client: FlowContext

    init() { client = bench.client() }

    private func invite(_ extra: [String] = []) -> Sent {
        bench.receive(Wire.request("INVITE", extra: extra), on: client)
        return bench.sent.to("B1")[0]
    }

    private func cancel(_ extra: [String] = []) { bench.receive(Wire.request("CANCEL", extra: extra), on: client) }

    @Test("TXN-38: the CANCEL is the INVITE's: URI, Via, To, From, Call-ID, number and Routes, on its connection")
    func shape() {
        let route = "<sip:192.0.2.1:5060;transport=tcp;lr>,<sip:next.example.org;lr>"
        let peer = bench.client("P", Side.peerTLS)
        bench.receive(Wire.request("INVITE", extra: ["Route: \(route)", "Require: x", "Supported: y"]), on: peer)
        let sent = bench.sent.to("B1")[0]
        bench.answer(180, to: sent)
        bench.receive(Wire.request("CANCEL"), on: peer)
        let cancel = bench.sent.to("B1")[1]
        #expect(cancel.wire.uri == sent.wire.uri && cancel.wire.values("Via") == [sent.wire.values("Via")[0]])
        for name in ["To", "From", "Call-ID", "Route"] {
            #expect(cancel.wire.values(name) == sent.wire.values(name))
        }
        #expect(cancel.wire.values("Route") == [route] && cancel.wire.value("CSeq") == "1 CANCEL")
        #expect(cancel.wire.value("Max-Forwards") != nil && cancel.wire.values("Require").isEmpty)
        #expect(cancel.wire.value("Content-Length") == "0" && cancel.flow == bench.backendFlow(.backend(1)).id)
    }

    @Test("LOC-03: copies, CANCEL and the ACK of its 487 follow the INVITE, though DNS has moved the pool since")
    func oneTuple() {
        let bench = Bench(1, .udp)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let id = PoolID(index: 0)
        let other = BackendView(id: BackendID(pool: id, endpoint: .backend(2, .udp)), name: "b2")
        let moved = PoolView(id: id, settings: PoolSettings(name: "p0"), backends: [other])
        bench.core.adopt(.sample([moved]), now: bench.now)
        bench.wait(until: 0.6)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("CANCEL"), on: client)
        bench.answer(487, to: bench.sent.to("B1")[0])
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B1", "CANCEL B1", "ACK B1"])
        bench.receive(Wire.request("INVITE", branch: "z9hG4bKnew"), on: client)
        #expect(bench.sent.requests.last == "INVITE B2")
    }

    @Test("PRX-71, TXN-37: 200 at once with the INVITE's tag, and again for a repeat; one CANCEL leaves")
    func answered() {
        let sent = invite()
        bench.answer(180, to: sent)
        cancel()
        cancel()
        bench.answer(487, to: sent)
        cancel()
        let answers = bench.sent.filter { $0.wire.value("CSeq") == "1 CANCEL" && $0.status == 200 }
        #expect(answers.count == 3 && Set(answers.map(\.wire.toTag)).count == 1 && answers[0].wire.toTag != nil)
        #expect(bench.sent.requests == ["INVITE B1", "CANCEL B1", "ACK B1"])
        #expect(bench.sent.answers.count { $0 == 487 } == 1)
    }

    @Test("TXN-37: over UDP a copy gets its 200 again when the call has long ended with its ACK, for 32 s")
    func answeredLate() {
        let via = "UDP 203.0.113.7:51000"
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("INVITE", via: via), on: phone)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("CANCEL", via: via), on: phone)
        bench.answer(487, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("ACK", via: via, toTag: "b"), on: phone)
        let first = bench.sent.filter { $0.wire.cseqMethod == "CANCEL" && $0.status == 200 }
        bench.wait(until: 31)
        // What is left is the CANCEL's own transaction.
        #expect(bench.core.transactionCount == 1)
        _ = bench.take()
        bench.receive(Wire.request("CANCEL", via: via), on: phone)
        bench.receive(Wire.request("CANCEL", via: via), on: bench.client("U", Side.publicUDP, address: "203.0.113.66"))
        #expect(first.count == 1 && bench.sent.map(\.wire.text) == [first[0].wire.text])
        #expect(bench.drops == [.cancelFromElsewhere])
        bench.wait(until: 33)
        #expect(bench.isQuiet && bench.core.indexedKeys == 0)
        bench.receive(Wire.request("CANCEL", via: via), on: phone)
        #expect(bench.sent.answers == [200, 481])
    }

    @Test("V-TMR-12, TXN-39: before a provisional the CANCEL waits for the first one")
    func beforeProvisional() {
        let sent = invite()
        bench.wait(until: 1)
        cancel()
        #expect(bench.sent.answers == [100, 200] && bench.sent.requests == ["INVITE B1"])
        bench.wait(until: 2)
        bench.answer(100, to: sent)
        #expect(bench.sent.methods("CANCEL").left(at: [2]))
        bench.answer(487, to: sent)
        #expect(bench.sent.answers == [100, 200, 487])
    }

    @Test("TXN-39: when the first answer is a final, there is no CANCEL at all", arguments: [200, 486, 503])
    func finalFirst(status: Int) {
        let sent = invite()
        cancel()
        bench.answer(status, to: sent)
        #expect(bench.sent.methods("CANCEL").isEmpty && bench.sent.to("B2").isEmpty)
        #expect(bench.sent.answers == [100, 200, status == 503 ? 487 : status])
    }

    @Test(
        "PRX-71: who was cancelled is tried nowhere else, whatever happens to the attempt",
        arguments: [
            "refused", "limit", "closed",
        ]
    )
    func midFailover(what: String) {
        bench.behaviour[.backend(1)] = what == "refused" ? .holds : .takes
        let sent = invite()
        cancel()
        switch what {
        case "refused": bench.fail(sent, .refused)
        case "closed": bench.close(bench.backendFlow(.backend(1)))
        default: break
        }
        bench.wait(until: 33)
        #expect(bench.sent.requests == ["INVITE B1"] && bench.sent.answers == [100, 200, 487])
        bench.wait(until: 140)
        #expect(bench.isQuiet && bench.finished == ["487 local"])
    }

    @Test("PRX-71: after a move the current attempt is cancelled, and the abandoned one when it speaks")
    func afterMove() {
        let first = invite()
        bench.wait(until: 4.5)
        let second = bench.sent.to("B2")[0]
        bench.answer(180, to: second)
        cancel()
        #expect(bench.sent.requests == ["INVITE B1", "INVITE B2", "CANCEL B2"])
        bench.answer(180, to: first)
        #expect(bench.sent.requests.last == "CANCEL B1")
        bench.answer(487, to: second)
        bench.answer(487, to: first)
        #expect(bench.sent.answers == [100, 180, 200, 487])
    }

    @Test("PRX-71: while a name is looked up: 200, 487 and no packet, and the late answer changes nothing")
    func whileResolving() {
        let own = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        bench.receive(Wire.request("INVITE", "sip:bob@core.example.net", toTag: "b", extra: [own]), on: client)
        #expect(bench.questions.count == 1)
        cancel()
        #expect(bench.sent.answers == [100, 200, 487])
        bench.resolve(bench.questions[0].id, .servers([.backend(1)]))
        #expect(bench.sent.requests.isEmpty)
        bench.receive(Wire.request("ACK", "sip:bob@core.example.net", toTag: "b", extra: [own]), on: client)
        #expect(bench.core.transactionCount == 0 && bench.sent.requests.isEmpty)
    }

    @Test("PRX-65: a 200 that crosses the CANCEL passes, and the call stands")
    func crossing() {
        let sent = invite()
        bench.answer(180, to: sent)
        cancel()
        bench.answer(200, to: sent)
        bench.wait(until: 70)
        #expect(bench.sent.answers == [100, 180, 200, 200] && bench.finished == ["200"] && bench.isQuiet)
        #expect(bench.sent.requests == ["INVITE B1", "CANCEL B1"])
    }

    @Test("TXN-40: 32 s after the CANCEL the branch is dropped: 487, and all is freed")
    func unanswered() {
        let sent = invite()
        bench.answer(180, to: sent)
        bench.wait(until: 1)
        cancel()
        bench.answer(200, to: bench.sent.methods("CANCEL")[0])
        bench.wait(until: 34)
        #expect(bench.sent.answers == [100, 180, 200, 487])
        #expect(bench.sent.filter { $0.status == 487 }.left(at: [33]))
        bench.wait(until: 110)
        #expect(bench.isQuiet)
    }

    @Test("TXN-01: over UDP the CANCEL is sent again until it is answered")
    func repeatedOverUDP() {
        let bench = Bench(1, .udp)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("CANCEL"), on: client)
        bench.wait(until: 4)
        #expect(bench.sent.methods("CANCEL").left(at: [0, 0.5, 1.5, 3.5]))
        bench.answer(200, to: bench.sent.methods("CANCEL")[0])
        bench.wait(until: 20)
        #expect(bench.sent.methods("CANCEL").count == 4)
    }

    @Test("TXN-41: its Reason is carried on")
    func reason() {
        let sent = invite()
        bench.answer(180, to: sent)
        cancel(["Reason: SIP;cause=600;text=\"Busy\""])
        #expect(bench.sent.methods("CANCEL")[0].wire.values("Reason") == ["SIP;cause=600;text=\"Busy\""])
    }

    @Test("PRX-72: a CANCEL out of the blue is 481 and goes nowhere")
    func outOfTheBlue() {
        cancel()
        #expect(bench.sent.answers == [481] && bench.sent.requests.isEmpty)
    }

    @Test("PRX-73: the CANCEL of another request is answered 200, and nothing is sent")
    func ofAnother() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        cancel()
        #expect(bench.sent.answers == [200] && bench.sent.requests == ["OPTIONS B1"])
        bench.answer(200, to: bench.sent[0])
        #expect(bench.sent.answers == [200, 200])
    }

    @Test("PRX-74: a CANCEL from another source is dropped, and the call goes on")
    func fromElsewhere() {
        let via = "UDP 203.0.113.7:51000"
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("INVITE", via: via), on: phone)
        bench.answer(180, to: bench.sent.to("B1")[0])
        let thief = bench.client("U", Side.publicUDP, address: "198.51.100.99")
        bench.receive(Wire.request("CANCEL", via: via), on: thief)
        #expect(bench.sent.answers == [100, 180] && bench.drops == [.cancelFromElsewhere])
        // From another port of the same address it is the client behind its NAT.
        bench.receive(Wire.request("CANCEL", via: via), on: bench.client("U", Side.publicUDP, port: 40000))
        #expect(bench.sent.methods("CANCEL").count == 1)
    }

    @Test("PRX-74: who proves the same name may cancel from another address; others find nothing over TLS")
    func fromElsewhereByName() {
        func flow(_ name: String, _ address: String, _ names: [String]) -> FlowContext {
            var flow = bench.client(name, Side.peerTLS, address: address)
            flow.verifiedNames = names
            return flow
        }
        let partner = ["a.partner.example", "partner.example"]
        bench.receive(Wire.request("INVITE"), on: flow("P", "192.0.2.200", partner))
        bench.answer(180, to: bench.sent.to("B1")[0])
        for names in [[], ["partner.example"], ["other.example"]] {
            bench.receive(Wire.request("CANCEL"), on: flow("X", "192.0.2.201", names))
        }
        #expect(bench.sent.to("X").answers == [481, 481, 481] && bench.sent.methods("CANCEL").isEmpty)
        bench.receive(Wire.request("CANCEL"), on: flow("Q", "192.0.2.202", partner.reversed()))
        #expect(bench.sent.to("Q").answers == [200] && bench.sent.methods("CANCEL").map(\.to) == ["B1"])
        // The INVITE itself came over the first connection, which stands.
        bench.answer(487, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("P").answers == [100, 180, 487])
    }

    @Test("PRX-63, PRX-71: a request to a client's flow is cancelled on that flow")
    func onFlow() {
        let backend = bench.backendFlow(.backend(1))
        let route = "Route: <sip:\(String(buffer: client.token))@10.0.0.5;transport=tcp;lr>"
        bench.receive(Wire.request("INVITE", via: "TCP 192.0.2.1", extra: [route]), on: backend)
        bench.answer(180, to: bench.sent.to("C")[0])
        bench.receive(Wire.request("CANCEL", via: "TCP 192.0.2.1", extra: [route]), on: backend)
        #expect(bench.sent.requests == ["INVITE C", "CANCEL C"])
        bench.answer(487, to: bench.sent.to("C")[0])
        #expect(bench.sent.to("B1").answers == [100, 180, 200, 487])
    }
}
