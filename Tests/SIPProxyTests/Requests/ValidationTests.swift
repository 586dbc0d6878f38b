// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Request validation")
struct ValidationTests {
    private let bench = Bench(1)
    private let client: FlowContext

    init() { client = bench.client() }

    private func statuses(_ text: String, on flow: FlowContext? = nil) -> [Int] {
        _ = bench.take()
        bench.receive(text, on: flow ?? client)
        return bench.sent.answers
    }

    @Test("PRX-01, PRX-06: an unknown method with unknown headers goes the whole way, with Record-Route")
    func unknownMethod() {
        bench.receive(Wire.request("FROBNICATE", extra: ["X-Odd: 1;;,,=", "Proxy-Frob: x"]), on: client)
        #expect(bench.sent.requests == ["FROBNICATE B1"] && bench.sent[0].wire.values("Record-Route").count == 2)
        #expect(bench.sent[0].wire.value("X-Odd") == "1;;,,=")
        bench.answer(200, to: bench.sent[0])
        #expect(bench.sent.answers == [200])
    }

    @Test("PRX-05: Max-Forwards is looked at before Proxy-Require")
    func order() {
        #expect(statuses(Wire.request("INVITE", maxForwards: 0, extra: ["Proxy-Require: foo"])) == [483])
        #expect(bench.sent.requests.isEmpty)
    }

    @Test(
        "PRX-07: an unknown scheme is 416; tel and urn go by the route rules",
        arguments: [
            ("http://example.com", 416), ("nobodyKnowsThisScheme:totallyopaquecontent", 416), ("tel:+123", 0),
            ("urn:service:sos", 0),
        ]
    )
    func schemes(uri: String, status: Int) {
        bench.receive(Wire.request("OPTIONS", uri), on: client)
        #expect(bench.sent.answers == (status == 0 ? [] : [status]))
        #expect(bench.sent.requests == (status == 0 ? ["OPTIONS B1"] : []))
        #expect(status > 0 || bench.sent[0].wire.uri == uri)
    }

    @Test("PRX-08, PRX-10: Max-Forwards 0 is 483 without a body", arguments: ["INVITE", "BYE", "FROBNICATE"])
    func tooManyHops(method: String) {
        bench.receive(Wire.request(method, maxForwards: 0, body: "abc"), on: client)
        #expect(bench.sent.map(\.status) == [483] && bench.sent[0].wire.value("Content-Length") == "0")
        #expect(bench.sent[0].wire.body.isEmpty && bench.sent[0].wire.toTag != nil)
    }

    @Test(
        "TXN-42: no ACK is ever answered",
        arguments: [
            Wire.request("ACK", maxForwards: 0), Wire.request("ACK", "http://x"),
            Wire.request("ACK", extra: ["Route: <sip:victim.example;lr>"]), Wire.request("ACK", extra: ["Route: <<<"]),
            Wire.request("ACK").components("CSeq: 1 ACK").joined(separator: "CSeq: nothing"),
        ]
    )
    func ackUnanswered(text: String) {
        bench.receive(text, on: client)
        bench.wait(1)
        #expect(bench.sent.isEmpty && bench.drops.count == 1)
    }

    @Test(
        "PRX-09, PRX-27: Max-Forwards is lowered by one, and 70 where there was none",
        arguments: [
            (70, "69"), (1, "0"), (nil, "70"),
        ] as [(Int?, String)]
    )
    func maxForwards(given: Int?, sent: String) {
        bench.receive(Wire.request("INVITE", maxForwards: given), on: client)
        #expect(bench.sent.to("B1")[0].wire.values("Max-Forwards") == [sent])
    }

    @Test("PRX-46: exactly one Max-Breadth of at most 60 leaves", arguments: [(nil, "60"), ("100", "60"), ("7", "7")])
    func maxBreadth(given: String?, sent: String) {
        bench.receive(Wire.request("INVITE", extra: given.map { ["Max-Breadth: \($0)"] } ?? []), on: client)
        #expect(bench.sent.to("B1")[0].wire.values("Max-Breadth") == [sent])
    }

    /// Two pools of one backend each, up or not; the second is for what comes by the trunk.
    private static func pools(_ first: Bool, _ second: Bool) -> Bench {
        let pools = [first, second].enumerated().map { index, isUp in
            let id = PoolID(index: .init(index))
            let backend = BackendView(
                id: BackendID(pool: id, endpoint: .backend(UInt32(index) + 1)),
                name: "n",
                state: isUp ? .up : .down,
                isUsable: isUp
            )
            return PoolView(id: id, settings: PoolSettings(name: "p\(index)"), backends: [backend])
        }
        let rules = [
            RouteRule(listeners: [Side.peerTLS], action: .pool(PoolID(index: 1))),
            RouteRule(methods: ["PUBLISH"], action: .reject(status: 405, reason: "No")),
            RouteRule(methods: ["OPTIONS"], listeners: [Side.innerTCP], action: .reject(status: 405, reason: "No")),
            RouteRule(action: .pool(PoolID(index: 0))),
        ]
        return Bench(.sample(pools, routes: rules))
    }

    @Test(
        "OVL-33: OPTIONS to the edge is answered for the pool that such a request would go to, where it goes to none for any",
        arguments: [
            (true, true, [200, 200, 200]), (false, true, [503, 200, 200]), (true, false, [200, 503, 200]),
            (false, false, [503, 503, 503]),
        ]
    )
    func readiness(first: Bool, second: Bool, expected: [Int]) {
        let bench = Self.pools(first, second)
        let flows = [bench.client(), bench.client("P", Side.peerTLS), bench.client("I", Side.innerTCP)]
        for (number, flow) in flows.enumerated() {
            let text = Wire.request("OPTIONS", "sip:edge1.example.com", branch: "z9hG4bK\(number)")
            bench.receive(text, on: flow)
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bKm\(number)", maxForwards: 0), on: flow)
        }
        #expect(bench.sent.answers == expected.flatMap { [$0, $0] } && bench.sent.requests.isEmpty)
    }

    @Test("PRX-11: OPTIONS that ends here is answered 200, without Allow and body")
    func options() {
        for text in [
            Wire.request("OPTIONS", maxForwards: 0),
            Wire.request("OPTIONS", "sip:edge1.example.com", branch: "z9hG4bK2"),
        ] {
            #expect(statuses(text) == [200] && bench.sent.requests.isEmpty)
            let answer = bench.sent[0].wire
            for name in ["Accept", "Accept-Encoding", "Accept-Language", "Supported"] {
                #expect(answer.value(name) != nil)
            }
            #expect(answer.value("Allow") == nil && answer.body.isEmpty && answer.toTag != nil)
        }
    }

    @Test("PRX-11, OVL-36: while draining it is 503 with Retry-After; dialogs go on, new ones are refused")
    func draining() {
        bench.core.quiesce(now: bench.now)
        #expect(statuses(Wire.request("OPTIONS", maxForwards: 0)) == [503])
        #expect(bench.sent[0].wire.value("Retry-After") != nil)
        #expect(statuses(Wire.request("INVITE", branch: "z9hG4bK2")) == [503])
        #expect(statuses(Wire.request("BYE", branch: "z9hG4bK3", toTag: "b")) == [])
        #expect(bench.sent.requests == ["BYE B1"])
    }

    @Test("OVL-36: a drain during a thousand ringing INVITEs: all of them end, each as it would have; a new one is 503")
    func drainingCalls() {
        for number in 0..<1000 {
            bench.receive(Wire.request("INVITE", branch: "z9hG4bK\(number)", callID: "\(number)"), on: client)
        }
        let calls = bench.take().to("B1")
        for call in calls { bench.answer(180, to: call) }
        #expect(calls.count == 1000 && bench.take().to("C").statuses == Array(repeating: 180, count: 1000))
        bench.core.quiesce(now: bench.now)
        for method in ["INVITE", "REGISTER", "OPTIONS"] {
            #expect(statuses(Wire.request(method, branch: "z9hG4bK\(method)", callID: method)) == [503], "\(method)")
            #expect(bench.take().allSatisfy { $0.to == "C" && $0.wire.value("Retry-After") != nil })
        }
        for (number, call) in calls.enumerated() {
            let status = [200, 486, 487][number % 3]
            if status == 487 { bench.receive(Wire.request("CANCEL", branch: call.wire.firstBranch), on: client) }
            bench.answer(status, to: call)
            #expect(bench.take().to("C").statuses == (status == 487 ? [200, 487] : [status]))
            bench.receive(Wire.request("ACK", branch: call.wire.firstBranch, toTag: "b"), on: client)
        }
        bench.wait(40)
        #expect(bench.core.transactionCount == 0 && bench.isQuiet)
    }

    @Test("PRX-11: OPTIONS that ends here is 503 with Retry-After while its pool has no usable backend")
    func allDown() {
        func pool(_ index: UInt16, isUsable: Bool) -> PoolView {
            let id = PoolID(index: index)
            let backend = BackendView(
                id: BackendID(pool: id, endpoint: .backend(1)),
                name: "b",
                state: isUsable ? .up : .down,
                isUsable: isUsable
            )
            return PoolView(id: id, settings: PoolSettings(name: "p\(index)"), backends: [backend])
        }
        let texts = [
            Wire.request("OPTIONS", maxForwards: 0),
            Wire.request("OPTIONS", "sip:edge1.example.com", branch: "z9hG4bK2"),
        ]
        for isUsable in [false, true] {
            let bench = Bench(.sample([pool(0, isUsable: isUsable), pool(1, isUsable: false)]))
            let client = bench.client()
            for text in texts { bench.receive(text, on: client) }
            #expect(bench.sent.statuses == (isUsable ? [200, 200] : [503, 503]))
            for answer in bench.sent {
                let seconds = answer.wire.value("Retry-After").flatMap { Int($0) }
                #expect(seconds.map { (5...60).contains($0) } == (isUsable ? nil : true))
            }
        }
    }

    @Test("PRX-13: unknown tags of Proxy-Require are 420 with exactly those tags; Require is not for a proxy")
    func proxyRequire() {
        #expect(statuses(Wire.request("INVITE", extra: ["Proxy-Require: nothingSupportsThis, orThis"])) == [420])
        #expect(bench.sent[0].wire.values("Unsupported") == ["nothingSupportsThis, orThis"])
        _ = statuses(Wire.request("INVITE", branch: "z9hG4bK2", extra: ["Require: nothingSupportsThis"]))
        #expect(bench.sent.requests == ["INVITE B1"])
    }

    @Test("PRX-14, PRX-48: credentials, odd fields and the body leave as they came, in their order")
    func untouched() {
        let extra = [
            "Proxy-Authorization: Digest realm=\"other\", nonce=\"n\"", "Contact:   <sip:alice@10.9.8.7>  ;q=0.5",
            "Identity: abc;info=<https://x>;alg=ES256", "X-a:", "s: Hello", "Session-Expires:\t90",
        ]
        bench.receive(Wire.request("INVITE", extra: extra, body: "v=0\r\n\r\n"), on: client)
        let sent = bench.sent.to("B1")[0].wire
        let cseq = sent.lines.firstIndex { $0.hasPrefix("CSeq") } ?? 0
        #expect(Array(sent.lines[(cseq + 1)...]) == extra + ["Content-Length: 7"])
        #expect(sent.body == "v=0\r\n\r\n" && sent.uri == "sip:bob@example.com")
    }

    @Test("V-RTE-04, PRX-12, PRX-42: what comes back unchanged is a loop, and with another Request-URI a spiral")
    func loops() {
        bench.receive(Wire.request("INVITE"), on: client)
        let round = bench.sent.to("B1")[0].wire
        let vias = round.values("Via").map { "Via: \($0)" }.joined(separator: "\r\n")
        func returned(_ uri: String, _ branch: String) -> String {
            Wire.request("INVITE", uri, via: "TCP 192.0.2.1", branch: branch, maxForwards: 68)
                .components("Max-Forwards").joined(separator: vias + "\r\nMax-Forwards")
        }
        let flow = bench.backendFlow(.backend(1))
        #expect(statuses(returned("sip:bob@example.com", "z9hG4bKx1"), on: flow) == [482])
        #expect(statuses(returned("sip:bob@sales.example.com", "z9hG4bKx2"), on: flow) == [100])
    }

    @Test("PRX-42, PRX-12: what comes back by a listener that leads to another pool is a spiral; a second time, a loop")
    func spiralByListener() {
        let rules = [
            RouteRule(listeners: [Side.innerTCP], action: .pool(PoolID(index: 1))),
            RouteRule(action: .pool(PoolID(index: 0))),
        ]
        let bench = Bench(.sample([.sample(1), .sample(1, .tls, index: 1)], routes: rules))
        func returned(_ sent: Sent, _ branch: String) -> String {
            let vias = sent.wire.values("Via").map { "Via: \($0)" }.joined(separator: "\r\n")
            return Wire.request("INVITE", via: "TCP 10.0.0.9", branch: branch, maxForwards: 68)
                .components("Max-Forwards").joined(separator: vias + "\r\nMax-Forwards")
        }
        let proxy = bench.client("I", Side.innerTCP, address: "10.0.0.9")
        bench.receive(Wire.request("INVITE"), on: bench.client())
        #expect(bench.sent.last?.endpoint == .backend(1))
        bench.receive(returned(bench.sent[1], "z9hG4bKx1"), on: proxy)
        #expect(bench.sent.answers == [100, 100] && bench.sent.last?.endpoint == .backend(1, .tls))
        bench.receive(returned(bench.sent[3], "z9hG4bKx2"), on: proxy)
        #expect(bench.sent.answers == [100, 100, 482] && bench.sent.requests.count == 2)
        // By the listener that it came by first it is the loop that it always was.
        bench.receive(returned(bench.sent[1], "z9hG4bKx3"), on: bench.client("D"))
        #expect(bench.sent.answers == [100, 100, 482, 482])
    }

    @Test("PRX-42: the loop part is the worked one; CANCEL shares it, and another Route gives another")
    func loopPart() {
        let uri = "sip:bob@example.com"
        func part(_ route: String, _ branch: String) -> String {
            _ = bench.take()
            let text = Wire.request(
                "INVITE",
                uri,
                branch: branch,
                callID: "a84b4c76e66710",
                number: 314_159,
                extra: ["Route: \(route)"]
            )
            bench.receive(text, on: client)
            return String(bench.sent.to("B1").last?.wire.branch.suffix(8) ?? "")
        }
        var settings = ProxySettings()
        settings.domains = ["edge.example.net", "example.com"]
        let bench = Bench(1, settings: settings)
        let client = bench.client()
        let text = Wire.request(
            "INVITE",
            uri,
            callID: "a84b4c76e66710",
            number: 314_159,
            extra: ["Route: <sip:edge.example.net;lr>"]
        )
        bench.receive(text, on: client)
        #expect(bench.sent.to("B1")[0].wire.branch.suffix(8) == "603394aa")
        #expect(part("<sip:edge1.example.com;lr>", "z9hG4bK1") != part("<sip:edge1.example.com:5061;lr>", "z9hG4bK2"))
    }

    @Test("TRN-30, V-VIA-12, OVL-38: a client's Via with the maddr of somebody else on UDP is 400")
    func maddrInVia() {
        let flow = bench.client("U", Side.publicUDP, port: 5060)
        for maddr in ["192.0.2.99", "224.0.1.75", "host.example"] {
            let text = Wire.request("OPTIONS", via: "UDP 10.0.0.9;maddr=\(maddr)", branch: "z9hG4bK\(maddr)")
            #expect(statuses(text, on: flow) == [400], "\(maddr)")
            #expect(bench.sent[0].to == "203.0.113.7:5060")
        }
        // On a connection it leads nowhere (RFC 3261 section 18.2.2).
        #expect(statuses(Wire.request("OPTIONS", via: "TLS 10.0.0.9;maddr=192.0.2.99")) == [])
        #expect(bench.sent.requests == ["OPTIONS B1"])
    }

    @Test(
        "TRN-30: maddr that names the source is honoured, to the port of sent-by; a server's other one is not followed",
        arguments: [
            (Side.publicUDP, "203.0.113.7", "203.0.113.7:5070"), (Side.innerUDP, "203.0.113.7", "203.0.113.7:5070"),
            (Side.innerUDP, "192.0.2.99", "203.0.113.7:51000"), (Side.innerUDP, "host.example", "203.0.113.7:51000"),
        ]
    )
    func maddrOfSource(listener: ListenerID, maddr: String, answer: String) {
        let flow = bench.client("U", listener)
        bench.receive(Wire.request("OPTIONS", via: "UDP 10.0.0.9:5070;rport;maddr=\(maddr)"), on: flow)
        #expect(bench.sent.requests == ["OPTIONS B1"])
        bench.answer(200, to: bench.sent[0])
        #expect(bench.sent.filter { $0.status == 200 }.map(\.to) == [answer])
    }

    @Test(
        "MSG-47: a transport that nobody knows is 400 to the source on UDP; on a connection the answer goes back by that"
    )
    func unknownTransport() {
        for listener in [Side.publicUDP, Side.innerUDP] {
            let flow = bench.client("U", listener)
            #expect(statuses(Wire.request("OPTIONS", via: "FOO 10.0.0.9:5070;rport"), on: flow) == [400])
            #expect(bench.sent.map(\.to) == ["203.0.113.7:51000"])
        }
        for (number, listener) in [Side.publicTCP, Side.publicTLS].enumerated() {
            _ = bench.take()
            bench.receive(
                Wire.request("OPTIONS", via: "FOO 10.0.0.9", branch: "z9hG4bK\(number)"),
                on: bench.client("T", listener)
            )
            bench.answer(200, to: bench.sent[0])
            #expect(bench.sent.map(\.to) == ["B1", "T"] && bench.sent.answers == [200])
        }
    }

    @Test("PRX-88, PRX-89: SIPS over UDP or in the clear is refused; transport=tcp means TLS")
    func sips() {
        let tls = Bench(1, .tls)
        tls.receive(Wire.request("INVITE", "sips:bob@example.com;transport=udp"), on: tls.client())
        #expect(tls.sent.answers == [400])
        tls.receive(Wire.request("INVITE", "sips:bob@example.com;transport=tcp", branch: "z9hG4bK2"), on: tls.client())
        #expect(tls.sent.requests == ["INVITE B1"])
        for listener in [Side.publicTCP, Side.publicUDP] {
            let flow = bench.client("U", listener)
            #expect(statuses(Wire.request("INVITE", "sips:bob@example.com", via: "UDP 203.0.113.7"), on: flow) == [403])
        }
        // Our own side may have taken TLS off before us.
        tls.receive(
            Wire.request("INVITE", "sips:bob@example.com", branch: "z9hG4bK3"),
            on: tls.client("I", Side.innerTCP)
        )
        #expect(tls.sent.requests == ["INVITE B1", "INVITE B1"])
    }

    @Test("PRX-85: a SIPS request for a pool without TLS is 480 with Warning 380, and nothing leaves")
    func sipsWithoutTLS() {
        bench.receive(Wire.request("INVITE", "sips:bob@example.com"), on: client)
        #expect(bench.sent.answers == [100, 480] && bench.sent.requests.isEmpty)
        #expect(bench.sent.last?.wire.value("Warning") == "380 edge1.example.com \"SIPS Not Allowed\"")
    }

    @Test("LOC-54, PRX-85: when no TLS backend is usable, a SIPS request tries those, and no other, all the same")
    func sipsInPanic() {
        let id = PoolID(index: 0)
        let backends = [Endpoint.backend(1), .backend(2, .tls), .backend(3, .udp)].map { endpoint in
            let isTLS = endpoint.transport == .tls
            return BackendView(
                id: BackendID(pool: id, endpoint: endpoint),
                name: "n",
                state: isTLS ? .ejected : .up,
                isUsable: !isTLS
            )
        }
        let pool = PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)
        let bench = Bench(.sample([pool]))
        for number in 1...20 {
            let text = Wire.request("INVITE", "sips:bob@example.com", branch: "z9hG4bK\(number)", number: number)
            bench.receive(text, on: bench.client("C\(number)"))
        }
        #expect(bench.sent.requests == Array(repeating: "INVITE B2", count: 20))
    }

    @Test("PRX-85: nor is it sent on a client's flow in the clear")
    func sipsToClearFlow() {
        let clear = bench.client("D", Side.publicTCP)
        let route = "Route: <sip:\(String(buffer: clear.token))@10.0.0.5;transport=tcp;lr>"
        let text = Wire.request("INVITE", "sips:bob@example.com", via: "TCP 192.0.2.1", extra: [route])
        bench.receive(text, on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.answers == [100, 480] && bench.sent.requests.isEmpty)
        #expect(bench.sent.last?.wire.value("Warning")?.hasPrefix("380 ") ?? false)
    }

    @Test("PRX-86: a sip URI stays one towards a TLS pool")
    func sipOverTLS() {
        let tls = Bench(1, .tls)
        tls.receive(Wire.request("INVITE"), on: tls.client())
        #expect(tls.sent.to("B1")[0].wire.uri == "sip:bob@example.com")
        #expect(tls.sent.to("B1")[0].wire.value("Via")?.hasPrefix("SIP/2.0/TLS ") ?? false)
    }

    @Test("PRX-25: a domain that no rule takes is 404, a foreign one from a client 403, and an empty pool 503")
    func unserved() {
        let rules = [RouteRule(domains: ["example.com"], action: .pool(PoolID(index: 0)))]
        let bench = Bench(.sample([.sample(1)], routes: rules))
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS", "sip:bob@example.org"), on: client)
        #expect(bench.sent.answers == [404])
        var settings = ProxySettings()
        settings.domains = ["example.com"]
        let strict = Bench(1, settings: settings)
        strict.receive(Wire.request("OPTIONS", "sip:bob@victim.example"), on: strict.client())
        strict.receive(Wire.request("OPTIONS", "sip:bob@EXAMPLE.com.", branch: "z9hG4bK2"), on: strict.client())
        #expect(strict.sent.answers == [403] && strict.sent.requests == ["OPTIONS B1"])
        let empty = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: [])
        let lone = Bench(.sample([empty]))
        lone.receive(Wire.request("OPTIONS"), on: lone.client())
        #expect(lone.sent.answers == [503])
        let seconds = lone.sent[0].wire.value("Retry-After").flatMap { Int($0) } ?? 0
        #expect((5...60).contains(seconds))
    }
}
