// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Record-Route")
struct RecordRouteTests {
    /// What the edge writes for an INVITE from `listener`, with the client's token as `T` and the mark as `EP`.
    private func recorded(
        _ bench: Bench,
        _ client: FlowContext,
        uri: String = "sip:bob@example.com",
        via: String = "TLS 192.168.1.20",
        extra: [String] = [],
        body: String = ""
    ) -> [String] {
        bench.receive(Wire.request("INVITE", uri, via: via, extra: extra, body: body), on: client)
        return bench.sent.to("B1").last?.wire.values("Record-Route").map { masked($0, client) } ?? []
    }

    private func masked(_ value: String, _ client: FlowContext) -> String {
        let named = value.components(String(buffer: client.token)).joined(separator: "T")
        guard let mark = named.firstRange(of: ";ep=") else { return named }
        let end = named.index(mark.upperBound, offsetBy: 4)
        return named[..<mark.upperBound] + "EP" + named[end...]
    }

    @Test("V-RR-01, PRX-33, FLW-21, FLW-25: two values, the backend's side on top, the client's with its token below")
    func double() {
        let bench = Bench(1)
        let values = recorded(bench, bench.client())
        #expect(values == ["<sip:10.0.0.5;transport=tcp;lr;ep=EP>", "<sip:T@edge1.example.com;lr;ep=EP>"])
        let marks = bench.sent.to("B1")[0].wire.values("Record-Route").map { $0.components(";ep=").last }
        #expect(marks.count == 2 && marks[0] == marks[1])
    }

    @Test("PRX-30: they stand above those that were there")
    func order() {
        let bench = Bench(1)
        let values = recorded(bench, bench.client(), extra: ["Record-Route: <sip:p1.example.org;lr>"])
        #expect(values.count == 3 && values[2] == "<sip:p1.example.org;lr>")
    }

    @Test("PRX-62, V-RR-01: a 200 carries them back as they are")
    func response() {
        let bench = Bench(1)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        let invite = bench.sent.to("B1")[0]
        let values = invite.wire.values("Record-Route")
        bench.answer(200, to: invite, extra: values.map { "Record-Route: \($0)" })
        #expect(bench.sent.last?.wire.values("Record-Route") == values)
    }

    @Test(
        "PRX-30: which methods record the route",
        arguments: [
            ("INVITE", true), ("SUBSCRIBE", true), ("REFER", true), ("NOTIFY", true), ("UPDATE", true), ("FOO", true),
            ("REGISTER", false), ("MESSAGE", false), ("PUBLISH", false), ("OPTIONS", false), ("BYE", false),
        ]
    )
    func methods(method: String, records: Bool) {
        let bench = Bench(1)
        bench.receive(Wire.request(method), on: bench.client())
        #expect(bench.sent.to("B1")[0].wire.values("Record-Route").isEmpty != records)
    }

    @Test("V-RR-02: both values of ours come off; from the client the Request-URI decides, from the backend the token")
    func inDialog() {
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let values = bench.sent.to("B1")[0].wire.values("Record-Route")
        let up = Wire.request(
            "BYE",
            "sip:bob@192.0.2.50:5060;transport=tcp",
            branch: "z9hG4bK2",
            toTag: "b",
            extra: values.reversed().map { "Route: \($0)" }
        )
        bench.receive(up, on: client)
        #expect(bench.sent.last?.to == "B50" && bench.sent.last?.wire.values("Route") == [])
        let down = Wire.request(
            "BYE",
            "sip:alice@192.168.1.20:49152",
            via: "TCP 192.0.2.1",
            branch: "z9hG4bK3",
            toTag: "a",
            extra: ["Route: \(values.joined(separator: ", "))"]
        )
        bench.receive(down, on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.last?.to == "C" && bench.sent.last?.wire.values("Route") == [])
        #expect(bench.sent.last?.wire.uri == "sip:alice@192.168.1.20:49152")
    }

    @Test("V-RR-02: it is the same when the backend comes by a connection of its own")
    func inDialogFromInner() {
        let bench = Bench(1)
        let client = bench.client()
        let inner = bench.client("I", Side.innerTCP, address: "192.0.2.1")
        let text = Wire.request(
            "INVITE",
            "sip:alice@192.168.1.20:49152",
            via: "TCP 192.0.2.1",
            extra: ["Route: <sip:\(String(buffer: client.token))@10.0.0.5;transport=tcp;lr;ob>"]
        )
        bench.receive(text, on: inner)
        let values = bench.sent.to("C").last?.wire.values("Record-Route") ?? []
        #expect(values.count == 2)
        for (flow, number) in [(inner, 2), (bench.client("J", Side.innerTCP, address: "192.0.2.1"), 3)] {
            let down = Wire.request(
                "BYE",
                "sip:alice@192.168.1.20:49152",
                via: "TCP 192.0.2.1",
                branch: "z9hG4bK\(number)",
                toTag: "a",
                extra: values.reversed().map { "Route: \($0)" }
            )
            bench.receive(down, on: flow)
            #expect(bench.sent.last?.to == "C" && bench.sent.last?.method == "BYE")
        }
        let up = Wire.request(
            "BYE",
            "sip:bob@192.0.2.1:5060;transport=tcp",
            branch: "z9hG4bK4",
            toTag: "b",
            extra: values.map { "Route: \($0)" }
        )
        bench.receive(up, on: client)
        #expect(bench.sent.last?.to == "B1")
    }

    @Test("V-RR-02, FLW-12: between two clients it goes to the other's flow, from either side")
    func betweenClients() {
        let bench = Bench(1)
        let alice = bench.client("A")
        let bob = bench.client("D")
        let first = "Route: <sip:\(String(buffer: bob.token))@edge1.example.com;lr>"
        bench.receive(Wire.request("INVITE", "sip:bob@192.168.1.30", extra: [first]), on: alice)
        let values = bench.sent.to("D").last?.wire.values("Record-Route") ?? []
        #expect(values.count == 2)
        for (flow, other, list) in [(alice, "D", Array(values.reversed())), (bob, "A", values)] {
            let text = Wire.request(
                "BYE",
                "sip:x@192.168.1.99",
                branch: "z9hG4bK\(other)",
                toTag: "t",
                extra: list.map { "Route: \($0)" }
            )
            bench.receive(text, on: flow)
            #expect(bench.sent.last?.to == other && bench.sent.last?.method == "BYE")
        }
    }

    @Test("V-RR-03, PRX-32: SIPS on both sides")
    func sips() {
        let bench = Bench(1, .tls)
        let values = recorded(bench, bench.client(), uri: "sips:bob@example.com")
        #expect(values == ["<sips:edge1.core.example.com;lr;ep=EP>", "<sips:T@edge1.example.com;lr;ep=EP>"])
    }

    @Test("PRX-32: SIPS from our own side in the clear is recorded as SIPS, whatever the method, but for REGISTER")
    func sipsFromClear() {
        let bench = Bench(1, .tls)
        let inner = bench.client("I", Side.innerTCP, address: "10.0.0.9")
        let methods = ["INVITE", "MESSAGE", "OPTIONS", "PUBLISH", "BYE", "REGISTER"]
        for method in methods {
            bench.receive(Wire.request(method, "sips:bob@example.com", branch: "z9hG4bK\(method)"), on: inner)
            let values = bench.sent.to("B1").methods(method).last?.wire.values("Record-Route") ?? []
            let expected = ["<sips:edge1.core.example.com;lr;ep=EP>", "<sips:10.0.0.5;lr;ep=EP>"]
            #expect(values.map { masked($0, inner) } == (method == "REGISTER" ? [] : expected))
            bench.receive(Wire.request(method, "sips:bob@example.com", branch: "z9hG4bK\(method)"), on: bench.client())
            let isDialog = method == "INVITE"
            #expect(bench.sent.to("B1").methods(method).last?.wire.values("Record-Route").isEmpty == !isDialog)
        }
    }

    @Test("PRX-32: a sip URI by TLS is recorded as sip; with a SIPS Route below ours, strict or not, as SIPS")
    func sipsRoute() {
        let bench = Bench(1, .tls)
        let peer = bench.client("P", Side.peerTLS, address: "192.0.2.200")
        #expect(recorded(bench, peer).map { $0.hasPrefix("<sip:") } == [true, true])
        let own = "<sip:trunk.example.com;lr>"
        for (number, route) in ["<sips:192.0.2.9;lr>", "<sips:192.0.2.9>"].enumerated() {
            let text = Wire.request("INVITE", branch: "z9hG4bK\(number)", extra: ["Route: \(own), \(route)"])
            bench.receive(text, on: peer)
            let values = bench.sent.to("B9").last?.wire.values("Record-Route") ?? []
            #expect(bench.sent.last?.endpoint == .backend(9, .tls))
            #expect(values.map { $0.hasPrefix("<sips:") } == [true, true])
        }
    }

    @Test("PRX-32: what came as SIPS and leaves as sip, after a strict router, is recorded as sip, whatever the method")
    func sipsToSip() {
        let bench = Bench(1, .tls)
        let peer = bench.client("P", Side.peerTLS, address: "192.0.2.200")
        let route = "Route: <sip:alice@192.0.2.7>"
        let text = Wire.request("MESSAGE", "sips:rr@trunk.example.com;lr", toTag: "b", extra: [route])
        bench.receive(text, on: peer)
        let sent = bench.sent.to("B7").first?.wire
        #expect(sent?.uri == "sip:alice@192.0.2.7")
        #expect(sent?.values("Record-Route").map { $0.hasPrefix("<sip:") } == [true, true])
    }

    @Test("V-RR-03: where both sides are one listener there is one value")
    func oneSide() {
        var policy = ForwardingPolicy()
        policy.listeners[.tls] = Side.publicTLS
        let bench = Bench(1, .tls, policy: policy)
        let values = recorded(bench, bench.client(), uri: "sips:bob@example.com")
        #expect(values == ["<sips:T@edge1.example.com;lr;ep=EP>"])
    }

    @Test("V-RR-04, PRX-33: from IPv4 to IPv6 over UDP there are two, each with the address of its side")
    func families() throws {
        let outer = IPAddress.v4(0xC633_640A)
        let inner = try #require(IPAddress(parsing: "2001:db8:1::10"))
        let server = try #require(IPAddress(parsing: "2001:db8:1::20"))
        let id = PoolID(index: 0)
        let endpoint = Endpoint(transport: .udp, address: server, port: 5060)
        let backend = BackendView(id: BackendID(pool: id, endpoint: endpoint), name: "b")
        var snapshot = ProxySnapshot.sample([PoolView(id: id, settings: PoolSettings(name: "p"), backends: [backend])])
        snapshot.listeners = [
            Side.listener(ListenerID(index: 0), .peer, .udp, outer, 5060, "198.51.100.10"),
            Side.listener(ListenerID(index: 1), .inner, .udp, inner, 5060, "[2001:db8:1::10]"),
        ]
        let bench = Bench(snapshot)
        let client = bench.client("P", Side.publicUDP)
        var flow = client
        flow.listener = ListenerID(index: 0)
        bench.receive(Wire.request("INVITE", via: "UDP 203.0.113.7:51000"), on: flow)
        let sent = try #require(bench.sent.methods("INVITE").first)
        let values = sent.wire.values("Record-Route").map { masked($0, client) }
        #expect(values == ["<sip:[2001:db8:1::10];lr;ep=EP>", "<sip:198.51.100.10;lr;ep=EP>"])
        #expect(sent.wire.value("Via")?.hasPrefix("SIP/2.0/UDP [2001:db8:1::10];branch=") ?? false)
        // Both are taken off again, from either side.
        for (place, list) in [(flow, Array(values.reversed())), (bench.backendFlow(endpoint), values)] {
            let text = Wire.request(
                "BYE",
                "sip:x@192.0.2.77",
                via: "UDP 192.0.2.99",
                branch: "z9hG4bK\(list[0].count)",
                toTag: "t",
                extra: list.map { "Route: \($0)" }
            )
            bench.receive(text, on: place)
            #expect(bench.sent.last?.to == "B77" && bench.sent.last?.wire.values("Route") == [])
        }
    }

    @Test("V-RR-05: two UDP listeners are two sides")
    func twoListeners() {
        let bench = Bench(1, .udp)
        let values = recorded(bench, bench.client("U", Side.publicUDP), via: "UDP 203.0.113.7:51000")
        #expect(values == ["<sip:10.0.0.5;lr;ep=EP>", "<sip:T@198.51.100.10;lr;ep=EP>"])
    }

    @Test("V-RR-06, PRX-36: an INVITE that goes by TCP for its size alone names the side that it would have used")
    func movedForSize() {
        let bench = Bench(1, .udp)
        let client = bench.client("U", Side.publicUDP)
        let body = String(repeating: "x", count: 1300)
        let values = recorded(bench, client, via: "UDP 203.0.113.7:51000", body: body)
        #expect(bench.sent.to("B1").last?.endpoint == .backend(1, .tcp))
        #expect(bench.sent.to("B1").last?.wire.value("Via")?.hasPrefix("SIP/2.0/TCP ") ?? false)
        #expect(values == ["<sip:10.0.0.5;lr;ep=EP>", "<sip:T@198.51.100.10;lr;ep=EP>"])
    }
}
