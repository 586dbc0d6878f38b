// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Overload control of clients")
struct OverloadServerTests {
    private static let offer = ";oc;oc-algo=\"loss,rate\""
    private static let calm = ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq="
    private static let half = Shedding(share: Shedding.whole / 2, isSilent: false)

    /// A bench whose listener for partners, and the one for own servers over UDP, tell what clients are to hold back.
    private static func bench(isOn: Bool = true, routes: [RouteRule]? = nil) -> Bench {
        var snapshot = ProxySnapshot.sample([.sample(1)], routes: routes)
        for id in [Side.peerTLS, Side.innerUDP] {
            let listener = Side.all[Int(id.index)]
            snapshot.listeners[Int(id.index)] = ListenerIdentity(
                id: id,
                name: listener.name,
                role: listener.role,
                transport: listener.transport,
                address: listener.address,
                port: listener.port,
                advertisedHost: listener.advertisedHost,
                advertisedPort: nil,
                controlsOverload: isOn
            )
        }
        return Bench(snapshot)
    }

    private func partner(_ bench: Bench) -> FlowContext {
        bench.client("P", Side.peerTLS, address: "198.51.100.77")
    }

    private func request(
        _ method: String,
        _ parameters: String = offer,
        number: Int = 1,
        toTag: String? = nil
    ) -> String {
        // The parameters stand behind the branch.
        Wire.request(
            method,
            via: "TLS proxy.example.org",
            branch: "z9hG4bK\(number)\(parameters)",
            callID: "\(number)",
            toTag: toTag
        )
    }

    /// What the topmost Via of a response says behind its branch.
    private func said(_ response: Sent?) -> String {
        let via = response?.wire.value("Via") ?? ""
        return String(via.drop { $0 != ";" })
    }

    private func feedback(_ response: Sent?) -> OverloadParameters {
        guard let response,
            case .message(let message) = MessageParser.parse(response.bytes, framing: .stream, limits: MessageLimits())
        else { return OverloadParameters() }
        return OverloadParameters(message.topmostVia, in: message)
    }

    @Test(
        "OVL-15, V-OVL-02: a client that offers it finds oc=0 and oc-validity=0 in its own Via while the edge is calm"
    )
    func calm() {
        let bench = Self.bench()
        bench.receive(request("MESSAGE"), on: partner(bench))
        let forwarded = bench.take().to("B1")[0]
        #expect(!forwarded.wire.text.contains(";oc"))
        bench.answer(200, to: forwarded)
        let answers = bench.take()
        #expect(answers.answers == [200] && answers[0].wire.values("Via").count == 1)
        let text = said(answers[0])
        #expect(text.hasPrefix(";branch=z9hG4bK1;received=198.51.100.77\(Self.calm)"), "\(text)")
        let parameters = feedback(answers[0])
        #expect(parameters.isSound && parameters.isLossAlone && parameters.value == 0 && parameters.validity == 0)
    }

    @Test("OVL-15: the 100, the provisional and the final of an overloaded edge all say so, with rising sequences")
    func overloaded() {
        let bench = Self.bench()
        let partner = partner(bench)
        bench.core.shedding = Self.half
        bench.receive(request("INVITE"), on: partner)
        let invite = bench.sent.to("B1")[0]
        bench.wait(0.05)
        bench.answer(180, to: invite)
        bench.wait(0.05)
        bench.answer(200, to: invite)
        bench.wait(0.05)
        bench.answer(200, to: invite)
        let answers = bench.take().to("P")
        #expect(answers.answers == [100, 180, 200, 200])
        let told = answers.map(feedback)
        #expect(told.allSatisfy { $0.isSound && $0.isLossAlone && $0.value == 50 && $0.validity == 500 })
        let sequences = told.compactMap(\.sequence)
        #expect(sequences.count == 4 && zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
        bench.core.shedding = .none
        bench.receive(request("INVITE", number: 2), on: partner)
        let over = feedback(bench.take().to("P").first)
        #expect(over.value == 0 && over.validity == 0)
        #expect(over.sequence.map { $0 > sequences.last ?? .max } == true)
    }

    @Test("OVL-15: what the edge answers by itself says so too: refusals without state, 487, the 200 to CANCEL")
    func ownAnswers() {
        let bench = Self.bench(
            routes: [
                RouteRule(methods: ["SUBSCRIBE"], action: .reject(status: 403, reason: "Forbidden")),
                RouteRule(action: .pool(PoolID(index: 0))),
            ]
        )
        let partner = partner(bench)
        bench.core.shedding = Self.half
        bench.receive(request("SUBSCRIBE"), on: partner)
        bench.receive(request("INVITE", number: 2), on: partner)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.receive(request("CANCEL", number: 2), on: partner)
        bench.receive(request("CANCEL", number: 3), on: partner)
        let answers = bench.take().filter { $0.to == "P" }
        #expect(answers.answers == [403, 100, 180, 200, 481])
        for answer in answers { #expect(feedback(answer).value == 50, "\(answer.wire.text)") }
    }

    @Test("OVL-16: clients of other listeners find in the edge's answers what they wrote, and never a value")
    func publicSide() {
        for (isOn, listener) in [(true, Side.publicTLS), (true, Side.innerTLS), (false, Side.peerTLS)] {
            let bench = Self.bench(isOn: isOn)
            let client = bench.client("C", listener)
            bench.core.shedding = Self.half
            for number in 0..<20 { bench.receive(request("INVITE", number: number), on: client) }
            for invite in bench.sent.to("B1") { bench.answer(200, to: invite) }
            let answers = bench.take().to("C")
            #expect(Set(answers.statuses) == [100, 200, 503])
            for answer in answers {
                #expect(answer.status == 200 || said(answer).contains(Self.offer))
                #expect(!said(answer).contains("oc=") && !said(answer).contains("oc-seq"))
            }
        }
    }

    @Test("OVL-15: who does not offer the loss algorithm, or breaks the grammar, is told nothing")
    func notOffered() {
        let bench = Self.bench()
        let partner = partner(bench)
        bench.core.shedding = Shedding(share: 1, isSilent: false)
        let others = [
            "", ";oc", ";oc-algo=\"loss\"", ";oc;oc-algo=\"rate\"", ";oc;oc-algo=loss", ";oc;oc;oc-algo=\"loss\"",
            ";oc;oc-algo=\"\"", ";keep",
        ]
        for (number, parameters) in others.enumerated() {
            bench.receive(request("INVITE", parameters, number: number), on: partner)
            bench.answer(200, to: bench.sent.to("B1").last ?? bench.sent[0])
            let answers = bench.take().filter { $0.to == "P" }
            #expect(answers.answers == [100, 200])
            for answer in answers { #expect(!said(answer).contains("oc-seq"), "\(parameters)") }
        }
    }

    @Test("OVL-09, OVL-15: values of the client's own, or forged by a backend, give way to the edge's")
    func overwritten() {
        let bench = Self.bench()
        let written =
            ";OC=77;rport;oc-validity=9;x=\"oc=1\";oc-seq=1.1 ; received=192.0.2.9;oc-algo=\"rate, loss\";keep"
        let via = "Via: SIP/2.0/TLS proxy.example.org;branch=z9hG4bK1\(written)"
        let text = request("INVITE", "").replacing("Via: SIP/2.0/TLS proxy.example.org;branch=z9hG4bK1", with: via)
        bench.receive(text, on: partner(bench))
        let invite = bench.sent.to("B1")[0]
        let forged = invite.wire.answer(200).replacing(";keep", with: ";oc=100;oc-seq=9.9;keep;oc-algo=\"loss\"")
        bench.receive(forged, on: bench.backendFlow(.backend(1)))
        let answers = bench.take().to("P")
        #expect(answers.answers == [100, 200])
        for answer in answers {
            let said = said(answer)
            let expected = ";branch=z9hG4bK1;rport=51000;x=\"oc=1\" ;received=198.51.100.77;keep\(Self.calm)"
            #expect(said.hasPrefix(expected), "\(answer.status) \(said)")
            #expect(feedback(answer).isSound)
        }
    }

    @Test("OVL-15: over UDP too, with several Vias in one line, and a repeated request has its answer again")
    func datagrams() {
        let bench = Self.bench()
        let client = bench.client("U", Side.innerUDP, address: "10.0.0.9", port: 5060)
        let lower = "SIP/2.0/UDP a.example.org;branch=z9hG4bKlower;oc;oc-algo=\"loss\""
        let via = "UDP 10.0.0.9;branch=z9hG4bK1\(Self.offer) , \(lower)"
        bench.receive(Wire.request("MESSAGE", via: via, branch: ""), on: client)
        let forwarded = bench.take().to("B1")[0]
        bench.answer(200, to: forwarded)
        bench.receive(Wire.request("MESSAGE", via: via, branch: ""), on: client)
        let answers = bench.take()
        #expect(answers.answers == [200, 200] && answers[0].wire.text == answers[1].wire.text)
        #expect(feedback(answers[0]).isSound && feedback(answers[0]).value == 0)
        #expect(answers[0].wire.text.contains("branch=z9hG4bKlower"))
    }

    @Test("OVL-15: clients that hold back are not turned away as well, until the load stays or rises far")
    func spared() {
        func refused(_ shedding: Shedding, _ parameters: String) -> Int {
            let bench = Self.bench()
            let partner = partner(bench)
            bench.core.shedding = shedding
            for number in 0..<200 { bench.receive(request("INVITE", parameters, number: number), on: partner) }
            return bench.take().answers.count { $0 == 503 }
        }
        let most = Shedding(share: Shedding.whole / 8 * 7, isSilent: false)
        #expect(refused(Self.half, Self.offer) == 0 && refused(most, Self.offer) == 0)
        #expect((60...140).contains(refused(Self.half, "")))
        #expect(refused(Shedding(share: Shedding.whole, isSilent: false), Self.offer) == 200)
        #expect((60...140).contains(refused(Shedding(share: Shedding.whole / 2, isSilent: true), Self.offer)))
    }

    @Test("OVL-07, OVL-08, OVL-15: one edge before another holds back what that asks for, and stops when it is over")
    func chain() {
        var policy = ForwardingPolicy()
        policy.controlsOverload = true
        var settings = ProxySettings()
        settings.loopKey = 7
        let first = Bench(1, .tls, policy: policy, settings: settings)
        let second = Self.bench()
        let (client, between) = (first.client(), partner(second))
        let backend = BackendID(pool: PoolID(index: 0), endpoint: .backend(1, .tls))
        func call(_ number: Int) -> UInt32 {
            first.receive(Wire.request("INVITE", branch: "z9hG4bKc\(number)", callID: "c\(number)"), on: client)
            for request in first.take().to("B1").methods("INVITE") { second.receive(request.bytes, on: between) }
            for invite in second.sent.to("B1").methods("INVITE") { second.answer(486, to: invite) }
            let flow = first.backendFlow(.backend(1, .tls))
            for answer in second.take().to("P") { first.receive(answer.bytes, on: flow) }
            #expect(first.take().answers.last == 486)
            first.wait(0.1)
            second.wait(0.1)
            return first.core.heldBackPercent(of: backend, now: first.now)
        }
        #expect(call(1) == 0)
        second.core.shedding = Shedding(share: Shedding.whole / 8, isSilent: false)
        #expect(call(2) == 13)
        second.core.shedding = .none
        first.wait(0.5)
        #expect(call(3) == 0)
        #expect(first.core.counters.ignoredFeedback.isEmpty)
    }

    @Test("OVL-15: with requests within dialogs among them clients are asked for less, which they take of the others")
    func mix() {
        let bench = Self.bench()
        let partner = partner(bench)
        for number in 0..<3_000 {
            bench.receive(request("MESSAGE", number: number), on: partner)
            bench.receive(request("INFO", number: 10_000 + number, toTag: "b"), on: partner)
        }
        _ = bench.take()
        bench.core.shedding = Self.half
        #expect((25...26).contains(bench.core.reportedPercent))
        bench.core.reportOthers(80)
        bench.receive(request("INVITE", number: 5_000), on: partner)
        #expect(feedback(bench.take().to("P").first).value == 80)
    }
}
