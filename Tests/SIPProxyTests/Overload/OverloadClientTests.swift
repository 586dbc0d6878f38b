// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Overload control towards backends")
struct OverloadClientTests {
    private static let calm = ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1700000000.100"

    private static func bench(
        _ count: UInt32 = 1,
        _ transport: SIPTransport = .tls,
        isOn: Bool = true,
        namespaces: [String] = []
    ) -> Bench {
        var policy = ForwardingPolicy()
        policy.controlsOverload = isOn
        var settings = ProxySettings()
        settings.priorityNamespaces = namespaces.map { Array($0.utf8) }
        return Bench(count, transport, policy: policy, settings: settings)
    }

    /// Answers a request with overload parameters in its topmost Via.
    private func answer(_ bench: Bench, _ status: Int = 200, to request: Sent, _ parameters: String) {
        let offer = ";oc;oc-algo=\"loss\""
        let text = request.wire.answer(status).replacing(offer, with: parameters, maxReplacements: 1)
        guard let flow = bench.flow(of: request) else { return }
        bench.receive(text, on: flow)
    }

    /// Lets backend `number` ask for something in the answer to an OPTIONS of its own.
    private func ask(_ bench: Bench, _ percent: Int, number: UInt32 = 1, sequence: String = "1700000060.250") {
        let target = "sip:192.0.2.\(number):5061;transport=tls"
        let name = "z9hG4bKask\(number)\(sequence)"
        let peer = bench.client("P\(name)", Side.innerTLS, address: "10.0.0.9")
        bench.receive(
            Wire.request("OPTIONS", target, branch: name, callID: name, toTag: "x"),
            on: peer
        )
        guard let request = bench.sent.methods("OPTIONS").last else {
            Issue.record("no OPTIONS went to B\(number)")
            return
        }
        answer(bench, to: request, ";oc=\(percent);oc-algo=\"loss\";oc-validity=5000;oc-seq=\(sequence)")
        _ = bench.take()
    }

    private func send(
        _ bench: Bench,
        _ method: String = "MESSAGE",
        _ number: Int = 0,
        on flow: FlowContext? = nil,
        extra: [String] = []
    ) -> [Sent] {
        _ = bench.take()
        let flow = flow ?? bench.client("C\(number)")
        let name = "z9hG4bK\(method)\(number)"
        bench.receive(Wire.request(method, branch: name, callID: name, extra: extra), on: flow)
        return bench.take()
    }

    @Test("OVL-07, V-OVL-02: Via offers loss to pools that have it, over TLS alone, and never oc-validity nor oc-seq")
    func offer() {
        for (isOn, transport) in [(true, SIPTransport.tls), (false, .tls), (true, .tcp), (true, .udp)] {
            let bench = Self.bench(1, transport, isOn: isOn)
            let via = send(bench, "INVITE").to("B1")[0].wire.values("Via")[0]
            #expect(via.hasSuffix(";oc;oc-algo=\"loss\"") == (isOn && transport == .tls))
            #expect(!via.contains("oc-validity") && !via.contains("oc-seq"))
            #expect(via.contains(";oc") == (isOn && transport == .tls))
        }
    }

    @Test("OVL-07: CANCEL and ACK have the very Via of their INVITE")
    func sameVia() {
        let bench = Self.bench()
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        bench.answer(180, to: invite)
        bench.receive(Wire.request("CANCEL"), on: client)
        bench.answer(487, to: invite)
        let sent = bench.sent.to("B1")
        #expect(sent.map(\.method) == ["INVITE", "CANCEL", "ACK"])
        #expect(Set(sent.map { $0.wire.values("Via")[0] }).count == 1)
    }

    @Test("OVL-08: what a server asks for holds for its address and port, whichever of its pools a request goes to")
    func twoPools() {
        var policy = ForwardingPolicy()
        policy.controlsOverload = true
        let rules = [
            RouteRule(methods: ["SUBSCRIBE"], action: .pool(PoolID(index: 1))),
            RouteRule(action: .pool(PoolID(index: 0))),
        ]
        let bench = Bench(.sample([.sample(1, .tls), .sample(1, .tls, index: 1)], routes: rules, policy: policy))
        ask(bench, 100)
        for pool in 0...1 {
            let id = BackendID(pool: PoolID(index: .init(pool)), endpoint: .backend(1, .tls))
            #expect(bench.core.heldBackPercent(of: id, now: bench.now) == 100)
        }
        #expect(send(bench, "SUBSCRIBE").answers == [503] && send(bench, "MESSAGE", 1).answers == [503])
    }

    @Test("OVL-11: at oc=100 the CANCEL and the ACK of what was sent before still pass")
    func cancelAndACK() {
        let bench = Self.bench()
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        bench.answer(180, to: invite)
        ask(bench, 100)
        bench.receive(Wire.request("CANCEL"), on: client)
        bench.answer(487, to: invite)
        #expect(bench.sent.to("B1").map(\.method) == ["CANCEL", "ACK"])
        _ = bench.take()
        bench.receive(Wire.request("ACK", branch: "z9hG4bK2", callID: "other", toTag: "b"), on: client)
        #expect(bench.sent.requests == ["ACK B1"], "the ACK for a 2xx")
        #expect(send(bench, "INVITE", 9).to("B1").isEmpty, "while a new call is held back")
    }

    @Test(
        "OVL-11: at oc=50 emergencies by the word of the believed and what is in dialogs pass while there is other traffic"
    )
    func mixed() {
        let bench = Self.bench()
        let trusted = bench.client("I", Side.innerTLS, address: "10.0.0.9")
        let client = bench.client()
        func share(_ number: Int, _ uri: String, on flow: FlowContext, tag: String?) -> Int {
            _ = bench.take()
            let name = "z9hG4bKn\(number)"
            bench.receive(Wire.request("INFO", uri, branch: name, callID: name, toTag: tag), on: flow)
            return bench.take().to("B1").count
        }
        // The mix is learnt before anything is asked for.
        var number = 0
        var passed = (emergency: 0, dialog: 0, other: 0)
        func round() {
            number += 4
            passed.emergency += share(number, "urn:service:sos", on: trusted, tag: nil)
            passed.dialog += share(number + 1, "sip:bob@example.com", on: client, tag: "b")
            passed.other += share(number + 2, "sip:bob@example.com", on: client, tag: nil)
            passed.other += share(number + 3, "sip:carol@example.com", on: client, tag: nil)
            passed.other += share(number + 100_000, "urn:service:sos", on: client, tag: nil)
        }
        for _ in 0..<20 { round() }
        ask(bench, 50)
        passed = (0, 0, 0)
        for _ in 0..<100 { round() }
        #expect(passed.emergency == 100 && passed.dialog == 100)
        #expect((10...100).contains(passed.other), "five requests a round less half of them: \(passed.other)")
    }

    @Test("OVL-12: at oc=100 the other backend takes everything; when both ask so, 503 without Retry-After")
    func otherTarget() {
        let bench = Self.bench(2)
        ask(bench, 100)
        for number in 0..<20 { #expect(send(bench, "MESSAGE", number).requests == ["MESSAGE B2"]) }
        let pool = PoolID(index: 0)
        #expect(bench.core.counters.throttles[pool] == 20)
        ask(bench, 100, number: 2)
        let before = bench.core.counters.throttles[pool] ?? 0
        let refused = send(bench, "MESSAGE", 30)
        #expect(refused.requests.isEmpty && refused.answers == [503] && refused[0].wire.value("Retry-After") == nil)
        #expect(bench.core.counters.throttles[pool] == before + 1)
        bench.wait(5)
        #expect(send(bench, "MESSAGE", 31).requests == ["MESSAGE B1"])
    }

    @Test("OVL-13: oc-validity=0 ends it: the next request goes through")
    func stop() {
        let bench = Self.bench()
        let first = send(bench, "MESSAGE", 1).to("B1")[0]
        answer(bench, to: first, ";oc=100;oc-algo=\"loss\";oc-validity=60000;oc-seq=1.1")
        #expect(send(bench, "MESSAGE", 2).answers == [503])
        let inDialog = Wire.request(
            "INFO",
            "sip:192.0.2.1:5061;transport=tls",
            branch: "z9hG4bKd",
            callID: "d",
            toTag: "b"
        )
        bench.receive(inDialog, on: bench.client("D", Side.innerTLS, address: "10.0.0.9"))
        #expect(bench.take().answers == [503])
    }

    @Test("OVL-08, OVL-10, OVL-17: what is not for us, above 100, broken or by another algorithm is ignored")
    func ignored() {
        let bad = [
            ";oc=101;oc-algo=\"loss\";oc-seq=2.1", ";oc=100;oc-algo=loss;oc-seq=2.1",
            ";oc=100;oc-algo=\"rate\";oc-seq=2.1",
            ";oc=100;oc-algo=\"loss,rate\";oc-seq=2.1", ";oc=100;oc-algo=\"loss\";oc-seq=2", ";oc=x;oc-algo=\"loss\"",
            ";oc=100;oc=100;oc-algo=\"loss\"", ";oc;oc-algo=\"loss\";oc-seq=2.1", ";oc-validity=500",
        ]
        for parameters in bad {
            let bench = Self.bench()
            answer(bench, to: send(bench, "MESSAGE", 1).to("B1")[0], parameters)
            #expect(send(bench, "MESSAGE", 2).requests == ["MESSAGE B1"], "\(parameters)")
            #expect(bench.core.counters.ignoredFeedback[PoolID(index: 0)] == 1)
        }
        let bench = Self.bench()
        let request = send(bench, "MESSAGE", 1).to("B1")[0]
        bench.receive(
            request.wire.answer(200).replacing("49152", with: "49152;oc=100;oc-algo=\"loss\";oc-seq=2.1"),
            on: bench.backendFlow(.backend(1, .tls))
        )
        #expect(bench.take().answers == [200] && send(bench, "MESSAGE", 2).requests == ["MESSAGE B1"])
    }

    @Test("A server that takes no part gives our offer back, which is no feedback and counts for nothing")
    func offerComesBack() {
        let bench = Self.bench()
        answer(bench, to: send(bench, "MESSAGE", 1).to("B1")[0], ";oc;oc-algo=\"loss\"")
        #expect(send(bench, "MESSAGE", 2).requests == ["MESSAGE B1"])
        #expect(bench.core.counters.ignoredFeedback.values.reduce(0, +) == 0)
    }

    @Test("OVL-09: what a backend writes into Vias below ours does not reach the client")
    func strippedBelow() {
        let bench = Self.bench(1, .tcp, isOn: false)
        let client = bench.client()
        let lower = "Via: SIP/2.0/TLS a.example.org;branch=z9hG4bKa"
        bench.receive(Wire.request("MESSAGE", extra: [lower]), on: client)
        let request = bench.take().to("B1")[0]
        let forged = request.wire.answer(200)
            .replacing("49152", with: "49152;oc=100;oc-algo=\"loss\"")
            .replacing("z9hG4bKa\r\n", with: "z9hG4bKa ; OC-Validity=9;x=\"a;oc=1\";oc-seq=1.1\r\n")
        bench.receive(forged, on: bench.backendFlow(.backend(1)))
        let vias = bench.take().first { $0.status == 200 }?.wire.values("Via") ?? []
        #expect(vias.count == 2 && !vias[0].contains(";oc"))
        #expect(vias.last?.hasSuffix("branch=z9hG4bKa ;x=\"a;oc=1\"") == true)
    }

    @Test("OVL-09: what a client says in its own Via goes no further; its other parameters do")
    func strippedAbove() {
        let bench = Self.bench(1, .tcp, isOn: false)
        let via = "TLS 192.168.1.20:49152;oc=100;keep;oc-algo=\"loss\""
        bench.receive(Wire.request("MESSAGE", via: via), on: bench.client())
        let sent = bench.take().to("B1")[0].wire.values("Via")
        #expect(sent.count == 2 && !sent[1].contains("oc") && sent[1].contains(";keep;branch=z9hG4bKa1"))
    }

    @Test("OVL-11: in-dialog requests pass while there are others to hold back")
    func inDialog() {
        let bench = Self.bench()
        // Half of all is ordinary, which is more than is to be held back.
        ask(bench, 45)
        var held = 0
        for number in 0..<200 {
            if send(bench, "MESSAGE", number).answers == [503] { held += 1 }
            _ = bench.take()
            let request = Wire.request(
                "INFO",
                "sip:192.0.2.1:5061;transport=tls",
                branch: "z9hG4bKi\(number)",
                callID: "i\(number)",
                toTag: "b"
            )
            bench.receive(request, on: bench.client("D\(number)", Side.innerTLS, address: "10.0.0.9"))
            // The first few: only then the mix is known.
            if number > 5 { #expect(bench.take().requests == ["INFO B1"]) }
        }
        #expect(held > 160)
    }

    @Test("OVL-11, OVL-51: Resource-Priority protects by the word of who is trusted, for configured namespaces alone")
    func priority() {
        let bench = Self.bench(namespaces: ["ets"])
        let trusted = bench.client("T", Side.peerTLS, address: "198.51.100.77")
        let marked = ["Resource-Priority: dsn.flash, ETS.0"]
        // Half of all is ordinary, so that oc=50 takes all of that and nothing else.
        for number in 0..<50 {
            _ = send(bench, "MESSAGE", number)
            _ = send(bench, "MESSAGE", 100 + number, on: trusted, extra: marked)
        }
        ask(bench, 45)
        #expect(send(bench, "MESSAGE", 200, on: trusted, extra: marked).requests == ["MESSAGE B1"])
        var held = 0
        for number in 0..<40 {
            if send(bench, "MESSAGE", 300 + number, extra: marked).answers == [503] { held += 1 }
            #expect(
                send(bench, "MESSAGE", 400 + number, on: trusted, extra: marked).requests == ["MESSAGE B1"]
            )
        }
        #expect(held > 25)
        #expect(send(bench, "MESSAGE", 500, on: trusted, extra: ["Resource-Priority: dsn.flash"]).count == 1)
    }

    @Test("OVL-11: an emergency is known by its URN and sub-services, and by nothing that looks like it")
    func emergency() {
        let cases = [("urn:service:sos", true), ("URN:service:SOS.fire", true), ("urn:service:sosx", false)]
        for (uri, isEmergency) in cases + [("sip:sos@example.com", false), ("urn:service:so", false)] {
            let bytes = ByteBuffer(string: Wire.request("INVITE", uri))
            guard case .message(let message) = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits())
            else {
                Issue.record("\(uri) is not read")
                continue
            }
            #expect(message.isEmergency == isEmergency, "\(uri)")
        }
    }

    @Test(
        "OVL-19: oc=95 from a pool's only backend raises the alarm, once, and is honoured; with another one it does not"
    )
    func alarm() {
        let bench = Self.bench()
        var alarms: Int {
            bench.takeEvents().count { if case .overloadAlarm(_, percent: 95) = $0 { true } else { false } }
        }
        ask(bench, 95)
        #expect(alarms == 1)
        let backend = BackendID(pool: PoolID(index: 0), endpoint: .backend(1, .tls))
        #expect(bench.core.heldBackPercent(of: backend, now: bench.now) == 95)
        #expect(bench.core.counters.overloadAlarms[PoolID(index: 0)] == 1)
        let other = Self.bench(2)
        ask(other, 95)
        #expect(other.core.counters.overloadAlarms.isEmpty)
    }

    @Test("OVL-12: explain says which backend the request was held back from")
    func explained() {
        let bench = Self.bench(2)
        ask(bench, 100)
        _ = send(bench, "MESSAGE", 1)
        let found = bench.core.explain(callID: ByteBuffer(string: "z9hG4bKMESSAGE1"))
        let notes = found.first.flatMap { found in
            found.view?.explain(throttled: found.record.throttled.contains).map(\.standing)
        }
        #expect(notes == [.throttled, .eligible])
    }
}
