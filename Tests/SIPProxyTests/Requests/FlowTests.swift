// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Path, flow tokens and requests to clients")
struct FlowTests {
    private let bench = Bench(1)
    private let client: FlowContext
    private let backend: FlowContext
    private let token: String

    init() {
        client = bench.client()
        backend = bench.backendFlow(.backend(1))
        token = String(buffer: client.token)
    }

    private func invite(_ method: String = "INVITE", token: String, toTag: String? = nil) -> String {
        Wire.request(
            method,
            "sip:a@192.168.1.20:49152;transport=tcp",
            via: "TCP 192.0.2.1",
            toTag: toTag,
            extra: ["Route: <sip:\(token)@10.0.0.5;transport=tcp;lr;ob>"]
        )
    }

    private let register = [
        "Supported: path, outbound",
        "Contact: <sip:a@192.168.1.20:49152;transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"",
    ]

    @Test("V-FLW-01, FLW-01, FLW-02, FLW-06, FLW-10: REGISTER gets one Path with token, lr and ob; its Contact stays")
    func path() {
        bench.receive(
            Wire.request("REGISTER", "sip:example.com", via: "TLS 192.168.1.20;rport", extra: register),
            on: client
        )
        let sent = bench.sent[0].wire
        #expect(sent.values("Path") == ["<sip:\(token)@10.0.0.5;transport=tcp;lr;ob>"])
        #expect(sent.values("Max-Forwards") == ["69"] && sent.values("Max-Breadth") == ["60"])
        #expect(sent.values("Via").last == "SIP/2.0/TLS 192.168.1.20;rport=51000;branch=z9hG4bKa1;received=203.0.113.7")
        #expect(sent.value("Contact") == register[1].components("Contact: ").last)
        #expect(sent.values("Record-Route").isEmpty)
    }

    @Test("FLW-02: behind another proxy Path has no ob, and stands on top of what is there")
    func secondHop() {
        let extra = ["Via: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKu", "Path: <sip:p1.example.org;lr>"]
        bench.receive(Wire.request("REGISTER", extra: extra), on: client)
        let values = bench.sent[0].wire.values("Path")
        #expect(values == ["<sip:\(token)@10.0.0.5;transport=tcp;lr>", "<sip:p1.example.org;lr>"])
    }

    @Test(
        "FLW-03: Path by mode",
        arguments: [
            (PathMode.always, false, true), (.always, true, true), (.supported, false, false), (.supported, true, true),
            (.off, true, false), (.off, false, false),
        ]
    )
    func modes(mode: PathMode, supports: Bool, expected: Bool) {
        var settings = ProxySettings()
        settings.pathMode = mode
        let bench = Bench(1, settings: settings)
        bench.receive(Wire.request("REGISTER", extra: supports ? ["Supported: path"] : []), on: bench.client())
        // It is forwarded in any case: nobody is told that an extension is required.
        #expect(bench.sent.requests == ["REGISTER B1"] && bench.sent.answers.isEmpty)
        #expect(bench.sent[0].wire.values("Path").isEmpty != expected)
    }

    @Test(
        "FLW-04: in mode supported, Require holds path exactly once",
        arguments: [
            [], ["Require: path"], ["Require: gruu"],
        ]
    )
    func requirePath(given: [String]) {
        var settings = ProxySettings()
        settings.pathMode = .supported
        let bench = Bench(1, settings: settings)
        bench.receive(Wire.request("REGISTER", extra: ["Supported: path"] + given), on: bench.client())
        let tags = bench.sent[0].wire.values("Require").joined(separator: ",").components(",")
            .map { String($0.drop(while: { $0 == " " })) }
        #expect(tags.count { $0 == "path" } == 1)
        #expect(tags.contains("gruu") == (given == ["Require: gruu"]))
    }

    @Test("FLW-09: a REGISTER that removes bindings gets its Path too")
    func removal() {
        bench.receive(Wire.request("REGISTER", extra: ["Contact: *", "Expires: 0"]), on: client)
        #expect(bench.sent[0].wire.values("Path") == ["<sip:\(token)@10.0.0.5;transport=tcp;lr;ob>"])
        #expect(bench.sent[0].wire.value("Contact") == "*")
    }

    @Test("FLW-22, FLW-23: Flow-Timer is granted with Require: outbound alone, and replaced rather than doubled")
    func flowTimer() {
        for (number, extra, expected) in [
            (1, ["Require: outbound"], ["120"]), (2, [], []),
            (3, ["Require: gruu, outbound", "Flow-Timer: 30"], ["120"]), (4, ["Flow-Timer: 30"], ["30"]),
        ] as [(Int, [String], [String])] {
            _ = bench.take()
            bench.receive(Wire.request("REGISTER", branch: "z9hG4bK\(number)"), on: client)
            bench.answer(200, to: bench.sent[0], extra: extra)
            #expect(bench.sent.last?.wire.values("Flow-Timer") == expected)
            #expect(bench.sent.last?.wire.values("Require").count == extra.count { $0.hasPrefix("Require") })
        }
    }

    @Test("FLW-22: Flow-Timer is not granted to who is behind another proxy, though the registrar requires outbound")
    func flowTimerBehindProxy() {
        let via = "Via: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bKu"
        bench.receive(Wire.request("REGISTER", extra: [via]), on: client)
        bench.answer(200, to: bench.sent[0], extra: ["Require: outbound"])
        #expect(bench.sent.last?.status == 200 && bench.sent.last?.wire.values("Flow-Timer") == [])
        #expect(bench.sent.last?.wire.values("Require") == ["outbound"] && bench.idleLimits.isEmpty)
    }

    @Test("FLW-23: a registrar's 439 goes to the client as it is but for our Via")
    func lacksOutbound() {
        bench.receive(Wire.request("REGISTER", extra: register), on: client)
        let extra = ["Require: outbound", "Unsupported: outbound", "X-Odd:  a  b"]
        bench.answer(439, to: bench.sent[0], extra: extra)
        let before = bench.sent[0].wire.answer(439, extra: extra).components("\r\n")
        let after = bench.sent.last?.wire.text.components("\r\n") ?? []
        #expect(after == [before[0]] + before[2...] && bench.sent.last?.wire.values("Flow-Timer") == [])
    }

    @Test("FLW-11: a client that comes back from the same address and port is another flow: the old token is 430")
    func sameAddressAndPort() {
        bench.disconnect(client)
        let again = bench.client("C2", port: client.remotePort)
        #expect(again.remoteAddress == client.remoteAddress && again.remotePort == client.remotePort)
        bench.receive(invite(token: token), on: backend)
        #expect(bench.sent.to("B1").answers == [100, 430] && bench.sent.to("C2").isEmpty)
        let fresh = invite(token: String(buffer: again.token)).replacing("z9hG4bKa1", with: "z9hG4bK2")
        bench.receive(fresh, on: backend)
        #expect(bench.sent.to("C2").requests == ["INVITE C2"])
    }

    @Test("PRX-67, FLW-05, FLW-38: a response loses our Via and nothing else changes")
    func responseUntouched() {
        bench.receive(Wire.request("REGISTER"), on: client)
        let extra = [
            "Path: <sip:x;lr>, <sip:y;lr>,\"a, b\"  <sip:w;lr;ob>;x=1", "path :<sip:z;lr;ob> ",
            "Service-Route: <sip:z;lr>",
            "P-Associated-URI: <tel:+1>", "X-Odd:  a  b",
        ]
        bench.answer(200, to: bench.sent[0], extra: extra)
        let before = bench.sent[0].wire.answer(200, extra: extra).components("\r\n")
        let after = bench.sent.last?.wire.text.components("\r\n") ?? []
        #expect(after == [before[0]] + before[2...])
    }

    @Test(
        "V-FLW-04, FLW-08, FLW-12, FLW-20: a request with our Path goes on that flow, and records the token without ob"
    )
    func delivered() {
        bench.receive(invite(token: token), on: backend)
        let sent = bench.sent.to("C")[0]
        #expect(sent.flow == client.id && sent.wire.uri == "sip:a@192.168.1.20:49152;transport=tcp")
        #expect(sent.wire.values("Route").isEmpty && bench.questions.isEmpty)
        let values = sent.wire.values("Record-Route")
        #expect(values.count == 2 && values[0].hasPrefix("<sip:\(token)@edge1.example.com;lr;ep="))
        #expect(values.last?.hasPrefix("<sip:10.0.0.5;transport=tcp;lr;ep=") ?? false)
        bench.answer(180, to: sent)
        bench.answer(200, to: sent)
        #expect(bench.sent.to("B1").statuses == [100, 180, 200])
    }

    @Test("V-FLW-05, FLW-14: a flow that is gone is 430 at once", arguments: ["INVITE", "MESSAGE"])
    func gone(method: String) {
        bench.disconnect(client)
        bench.receive(invite(method, token: token), on: backend)
        #expect(bench.sent.to("B1").answers.filter { $0 > 100 } == [430] && bench.elapsed == 0)
    }

    @Test(
        "FLW-14: so is one that closes while its answer is awaited, before a provisional and after",
        arguments: [
            false, true,
        ]
    )
    func closesMeanwhile(rings: Bool) {
        bench.receive(invite(token: token), on: backend)
        if rings { bench.answer(180, to: bench.sent.to("C")[0]) }
        bench.disconnect(client)
        #expect(bench.sent.to("B1").answers == (rings ? [100, 180, 430] : [100, 430]))
    }

    @Test("V-FLW-05, FLW-11, FLW-15: a token with any character changed is refused")
    func forged() {
        for place in 0..<token.utf8.count {
            var bytes = Array(token.utf8)
            bytes[place] = bytes[place] == 0x41 ? 0x42 : 0x41
            let text = invite(token: String(decoding: bytes, as: UTF8.self))
                .components("z9hG4bKa1").joined(separator: "z9hG4bK\(place)")
            bench.receive(text, on: backend)
        }
        #expect(bench.sent.count == token.utf8.count && bench.sent.allSatisfy { $0.status == 403 && $0.to == "B1" })
    }

    @Test("V-FLW-05, FLW-13: over its own flow the token means outgoing")
    func outgoing() {
        let text = Wire.request("INVITE", extra: ["Route: <sip:\(token)@edge1.example.com;lr>"])
        bench.receive(text, on: client)
        #expect(bench.sent.requests == ["INVITE B1"])
    }

    @Test("FLW-13, FLW-18: on UDP the flow is the remote address and port; the datagram leaves from that socket")
    func datagrams() {
        let phone = bench.client("U", Side.publicUDP, port: 40001)
        let other = bench.client("V", Side.publicUDP, port: 40002)
        #expect(phone.id == other.id)
        let route = "Route: <sip:\(String(buffer: phone.token))@198.51.100.10;lr>"
        bench.receive(Wire.request("MESSAGE", via: "UDP 203.0.113.7:40001", extra: [route]), on: phone)
        #expect(bench.sent.requests == ["MESSAGE B1"])
        bench.receive(Wire.request("MESSAGE", via: "UDP 203.0.113.7:40002", extra: [route]), on: other)
        #expect(bench.sent.last?.to == "203.0.113.7:40001" && bench.sent.last?.flow == phone.id)
        bench.wait(1)
        #expect(bench.sent.to("203.0.113.7:40001").left(at: [0, 0.5]))
    }

    @Test("FLW-18: a UDP token is good ten minutes after the last packet, from the right socket")
    func silentDatagrams() {
        let phone = bench.client("U", Side.publicUDP, port: 40001)
        bench.receive(Wire.request("REGISTER", via: "UDP 203.0.113.7:40001", extra: register), on: phone)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(600, step: .milliseconds(100))
        #expect(bench.isQuiet)
        _ = bench.take()
        bench.receive(invite("MESSAGE", token: String(buffer: phone.token)), on: backend)
        #expect(bench.sent.requests == ["MESSAGE 203.0.113.7:40001"])
        #expect(bench.sent[0].flow == phone.id && bench.sent[0].isDatagram)
    }

    @Test("FLW-17: an ACK for a dead flow goes nowhere and is not answered")
    func ackToDeadFlow() {
        bench.disconnect(client)
        bench.receive(invite("ACK", token: token, toTag: "a"), on: backend)
        #expect(bench.sent.answers.isEmpty && bench.sent.requests == ["ACK gone"])
    }

    @Test("FLW-17: a CANCEL gets its 200 by its call, though the flow that it went to has died")
    func cancelAfterDeadFlow() {
        bench.receive(invite(token: token), on: backend)
        bench.answer(180, to: bench.sent.to("C")[0])
        bench.disconnect(client)
        let before = bench.sent.to("C").count
        bench.receive(invite("CANCEL", token: token), on: backend)
        #expect(bench.sent.to("B1").answers == [100, 180, 430, 200])
        #expect(bench.sent.to("B1").last?.wire.value("CSeq") == "1 CANCEL")
        #expect(bench.sent.to("C").count == before && bench.sent.to("gone").isEmpty)
    }

    @Test(
        "FLW-17: a call that was called off ends with 487, not 430, when its flow dies, before a provisional and after",
        arguments: [false, true]
    )
    func deadFlowAfterCancel(rings: Bool) {
        bench.receive(invite(token: token), on: backend)
        if rings { bench.answer(180, to: bench.sent.to("C")[0]) }
        bench.receive(invite("CANCEL", token: token), on: backend)
        #expect(bench.sent.to("C").requests == (rings ? ["INVITE C", "CANCEL C"] : ["INVITE C"]))
        bench.disconnect(client)
        #expect(bench.sent.to("B1").answers == (rings ? [100, 180, 200, 487] : [100, 200, 487]))
    }

    @Test("FLW-14: flows that close in one turn are told of together, and nothing of others")
    func closedTogether() {
        let clients = [client, bench.client("D", address: "203.0.113.8"), bench.client("E", address: "203.0.113.9")]
        for (number, flow) in clients.enumerated() {
            let request = invite(token: String(buffer: flow.token))
            bench.receive(request.replacing("z9hG4bKa1", with: "z9hG4bKt\(number)"), on: backend)
        }
        bench.core.flowsClosed([clients[0].id, clients[2].id], now: bench.now)
        bench.wait(0.01)
        #expect(bench.sent.to("B1").answers.filter { $0 > 100 } == [430, 430])
        #expect(bench.core.inputsClosed([clients[1].id]).isEmpty)
    }

    @Test("FLW-26: a client that reconnected in a dialog is known by its old token, and its request goes outwards")
    func movedClient() {
        bench.disconnect(client)
        let again = bench.client("C2", port: 51001)
        let text = Wire.request(
            "BYE",
            "sip:bob@192.0.2.1:5060;transport=tcp",
            toTag: "b",
            extra: ["Route: <sip:\(token)@edge1.example.com;lr>"]
        )
        bench.receive(text, on: again)
        #expect(bench.sent.requests.last == "BYE B1" && bench.sent.answers.isEmpty)
        #expect(bench.sent.last?.wire.values("Route") == [])
        let stranger = bench.client("X", address: "198.51.100.99")
        bench.receive(text, on: stranger)
        #expect(bench.sent.to("X").answers == [430])
    }

    /// A client that a certificate proves, whose token says so.
    private func proven(_ name: String, _ listener: ListenerID, address: String, names: [String]) -> FlowContext {
        var flow = bench.client(name, listener, address: address)
        flow.verifiedNames = names
        let token = FlowToken(
            flow: flow.id,
            transport: flow.transport,
            listener: listener,
            address: flow.remoteAddress,
            port: flow.remotePort,
            identity: FlowToken.Identity(of: names, keyID: 1, by: .sample)
        )
        flow.token = token.sealed(by: .sample)
        return flow
    }

    @Test(
        "FLW-26: on access listeners the same certificate at another address is the same client; elsewhere, or another, is not",
        arguments: [
            (Side.publicTLS, ["phone.example"], 0), (Side.publicTLS, ["phone.example", "b.example"], 430),
            (Side.publicTLS, [], 430), (Side.innerTLS, ["phone.example"], 430), (Side.peerTLS, ["phone.example"], 430),
        ]
    )
    func movedIdentity(listener: ListenerID, names: [String], status: Int) {
        let old = proven("O", listener, address: "203.0.113.7", names: ["phone.example"])
        bench.disconnect(old)
        let new = proven("N", listener, address: "198.51.100.99", names: names)
        let host = Side.all[Int(listener.index)].advertisedHost
        let text = Wire.request(
            "BYE",
            "sip:bob@192.0.2.1:5060;transport=tcp",
            toTag: "b",
            extra: ["Route: <sip:\(String(buffer: old.token))@\(host);lr>"]
        )
        bench.receive(text, on: new)
        #expect(bench.sent.to("N").answers == (status == 0 ? [] : [status]))
        #expect(bench.sent.requests.last == (status == 0 ? "BYE B1" : "BYE gone"))
    }

    @Test("FLW-26: servers are reached by name: the same address of an inner or peer listener is no claim to a flow")
    func movedServer() {
        for (number, listener) in [Side.innerTLS, Side.peerTLS].enumerated() {
            let old = bench.client("O\(number)", listener)
            bench.disconnect(old)
            let new = bench.client("N\(number)", listener, port: 52000)
            let host = Side.all[Int(listener.index)].advertisedHost
            let route = "Route: <sip:\(String(buffer: old.token))@\(host);lr>"
            bench.receive(Wire.request("BYE", branch: "z9hG4bK\(number)", toTag: "b", extra: [route]), on: new)
            #expect(bench.sent.to("N\(number)").answers == [430])
        }
    }

    @Test("FLW-26: the ACK of a client that reconnected in a dialog goes outwards, as its INVITE does")
    func acknowledgementOfMovedClient() {
        bench.disconnect(client)
        let again = bench.client("C2", port: 51001)
        let text = Wire.request(
            "ACK",
            "sip:bob@192.0.2.1:5060;transport=tcp",
            toTag: "b",
            extra: ["Route: <sip:\(token)@edge1.example.com;lr>"]
        )
        bench.receive(text, on: again)
        #expect(bench.sent.requests.last == "ACK B1" && bench.core.pendingReturns == 0)
        #expect(bench.sent.last?.wire.values("Route") == [])
        let sent = bench.sent.count
        bench.receive(text, on: bench.client("X", address: "198.51.100.99"))
        #expect(Array(bench.sent.dropFirst(sent)).requests == ["ACK gone"] && bench.core.pendingReturns == 0)
    }

    @Test("FLW-26: an ACK over a flow that stands waits for nothing")
    func acknowledgementOnFlow() {
        let other = bench.client("C2", port: 51001)
        let text = Wire.request("ACK", toTag: "b", extra: ["Route: <sip:\(token)@edge1.example.com;lr>"])
        bench.receive(text, on: other)
        #expect(bench.sent.requests == ["ACK C"] && bench.core.pendingReturns == 0)
    }

    @Test("FLW-37: a request for a client's address without our Path does not find its flow")
    func byAddress() {
        var settings = ProxySettings()
        settings.domains = ["example.com"]
        let bench = Bench(1, settings: settings)
        let client = bench.client()
        let text = Wire.request("INVITE", "sip:a@203.0.113.7:51000", via: "TCP 192.0.2.1")
        bench.receive(text, on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.to("C").isEmpty && bench.sent.answers == [480])
        #expect(client.remotePort == 51000)
    }
}
