// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Route preprocessing and next hops")
struct RouteTests {
    private let bench = Bench(2)
    private let client: FlowContext
    private let peer: FlowContext
    /// The client's own route to us, as our Record-Route gave it.
    private let own: String

    init() {
        client = bench.client()
        peer = bench.client("P", Side.peerTLS, address: "192.0.2.200")
        own = "<sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        let names = ["p1.example.org", "p2.example.org", "old.example.net"]
        for (place, name) in names.enumerated() { bench.zone[name] = [.backend(UInt32(101 + place))] }
    }

    private func bye(_ uri: String, _ routes: String..., branch: String = "z9hG4bKa1") -> String {
        Wire.request("BYE", uri, branch: branch, toTag: "b", extra: routes.map { "Route: \($0)" })
    }

    private func routes(_ sent: Sent) -> [String] {
        sent.wire.values("Route").flatMap { $0.components(",") }
    }

    @Test("V-RTE-01, PRX-81, PRX-18: our Route is taken off, and the next one decides, whatever way they are written")
    func trapezoid() {
        for (number, rest) in [[own + ",<sip:p2.example.org;lr>"], [own, "<sip:p2.example.org;lr>"]].enumerated() {
            let lines = rest.map { "Route: \($0)" }
            let text = Wire.request(
                "BYE",
                "sip:bob@192.0.2.50:5060",
                branch: "z9hG4bK\(number)",
                toTag: "b",
                extra: lines
            )
            bench.receive(text, on: client)
        }
        for sent in bench.take() {
            #expect(sent.to == "B102" && sent.wire.uri == "sip:bob@192.0.2.50:5060")
            #expect(routes(sent) == ["<sip:p2.example.org;lr>"])
        }
    }

    @Test("V-RTE-01: a trusted side needs no token in its Route")
    func trapezoidFromPeer() {
        bench.receive(bye("sip:bob@192.0.2.50:5060", "<sip:trunk.example.com;lr>,<sip:p2.example.org;lr>"), on: peer)
        #expect(bench.sent.requests == ["BYE B102"] && routes(bench.sent[0]) == ["<sip:p2.example.org;lr>"])
    }

    @Test("V-RTE-02, PRX-38, PRX-82: before a strict router the next Route goes into the request line")
    func strictNext() {
        let text = bye("sip:alice@192.0.2.7", own + ",<sip:old.example.net>,<sip:p1.example.org;lr>")
        bench.receive(text, on: client)
        #expect(bench.sent.requests == ["BYE B103"] && bench.sent[0].wire.uri == "sip:old.example.net")
        #expect(routes(bench.sent[0]) == ["<sip:p1.example.org;lr>", "<sip:alice@192.0.2.7>"])
    }

    @Test("V-RTE-03, PRX-15, PRX-16: after a strict router the last Route is the Request-URI again")
    func strictBefore() {
        let token = String(buffer: client.token)
        let uri = "sip:\(token)@edge1.example.com;lr"
        bench.receive(bye(uri, "<sip:p1.example.org;lr>,<sip:alice@192.0.2.7>"), on: client)
        bench.receive(bye(uri, "<sip:p1.example.org;lr>", "<sip:alice@192.0.2.7>", branch: "z9hG4bK2"), on: client)
        bench.receive(
            bye("sip:rr.k7@trunk.example.com;lr", "<sip:p1.example.org;lr>,<sip:alice@192.0.2.7>"),
            on: peer
        )
        #expect(bench.sent.requests == ["BYE B101", "BYE B101", "BYE B101"])
        for sent in bench.sent {
            #expect(sent.wire.uri == "sip:alice@192.0.2.7" && routes(sent) == ["<sip:p1.example.org;lr>"])
        }
    }

    @Test("PRX-15: with one Route left, that is where it goes; and our own above it is taken off too")
    func strictBeforeShort() {
        let uri = "sip:rr.k7@trunk.example.com;lr"
        bench.receive(bye(uri, "<sip:alice@192.0.2.7>"), on: peer)
        bench.receive(bye(uri, "<sip:10.0.0.5;lr>,<sip:alice@192.0.2.7>", branch: "z9hG4bK2"), on: peer)
        bench.receive(
            bye(uri, "<sip:10.0.0.5;lr>,<sip:p1.example.org;lr>,<sip:alice@192.0.2.7>", branch: "z9hG4bK3"),
            on: peer
        )
        #expect(bench.sent.requests == ["BYE B7", "BYE B7", "BYE B101"])
        #expect(bench.sent.allSatisfy { $0.wire.uri == "sip:alice@192.0.2.7" })
        #expect(bench.sent.map(routes) == [[], [], ["<sip:p1.example.org;lr>"]])
    }

    @Test("PRX-15: with no Route left our own Request-URI is for us: OPTIONS is answered, others take the pool or 404")
    func strictBeforeAlone() {
        let plain = "sip:edge1.example.com;lr"
        bench.receive(Wire.request("OPTIONS", plain), on: client)
        #expect(bench.take().answers == [200])
        let recorded = ["sip:\(String(buffer: client.token))@edge1.example.com;lr;ep=3f9a", plain]
        for (number, uri) in recorded.enumerated() {
            bench.receive(bye(uri, branch: "z9hG4bK\(number)"), on: client)
        }
        #expect(bench.sent.requests == ["BYE B1", "BYE B1"] && bench.sent.map(\.wire.uri) == recorded)
        let rules = [RouteRule(domains: ["example.com"], action: .pool(PoolID(index: 0)))]
        let strict = Bench(.sample([.sample(1)], routes: rules))
        strict.receive(bye(plain), on: strict.client())
        #expect(strict.sent.answers == [404] && strict.sent.requests.isEmpty)
    }

    @Test("PRX-16: after a restart with the same token key a strict router's request is repaired all the same")
    func strictBeforeRestart() {
        bench.receive(Wire.request("INVITE"), on: client)
        let values = bench.sent.to("B1")[0].wire.values("Record-Route")
        #expect(values.count == 2)
        let uris = values.map { $0.components("<")[1].components(">")[0] }
        let restarted = Bench(.sample([.sample(2)]), seed: 77)
        // No flow of before is there any more.
        for _ in 0..<3 { restarted.forget(restarted.client().id) }
        restarted.zone["p1.example.org"] = [.backend(101)]
        let routes = "<sip:p1.example.org;lr>,<sip:alice@192.0.2.7>"
        // The server has the inner value on top; the client names the flow that it had before.
        restarted.receive(bye(uris[0], routes), on: restarted.backendFlow(.backend(1)))
        restarted.receive(bye(uris[1], routes, branch: "z9hG4bK2"), on: restarted.client("D"))
        let sent = restarted.sent.filter { $0.to == "B101" }
        #expect(sent.count == 2 && restarted.sent.answers.isEmpty)
        for request in sent {
            #expect(request.wire.uri == "sip:alice@192.0.2.7" && self.routes(request) == ["<sip:p1.example.org;lr>"])
        }
        // Under another key it is none of ours.
        var snapshot = ProxySnapshot.sample([.sample(2)])
        snapshot.tokens = TokenAuthenticator(currentKeyID: 9) { key, _ in key == 9 ? (1, 1) : nil }
        let other = Bench(snapshot)
        other.receive(bye(uris[1], routes), on: other.client())
        #expect(other.sent.answers == [403])
    }

    @Test(
        "PRX-22: a client without a token of ours has nothing relayed",
        arguments: [
            ("INVITE", nil, ["Route: <sip:victim.example;lr>"]),
            ("INVITE", nil, ["Route: <sip:edge1.example.com;lr>, <sip:victim.example;lr>"]),
            ("BYE", "b", ["Route: <sip:victim.example;lr>"]),
            ("BYE", "b", ["Route: <sip:edge1.example.com;lr>, <sip:victim.example;lr>"]),
        ] as [(String, String?, [String])]
    )
    func openRelay(method: String, toTag: String?, extra: [String]) {
        bench.receive(Wire.request(method, "sip:x@victim.example", toTag: toTag, extra: extra), on: client)
        #expect(bench.sent.answers == [403] && bench.sent.requests.isEmpty && bench.questions.isEmpty)
    }

    @Test("PRX-21, PRX-22: a To tag and our plain Route do not make its Request-URI a next hop")
    func openRelayByTag() {
        let text = Wire.request(
            "BYE",
            "sip:x@victim.example",
            toTag: "b",
            extra: ["Route: <sip:edge1.example.com;lr>"]
        )
        bench.receive(text, on: client)
        #expect(bench.questions.isEmpty && bench.sent.requests == ["BYE B1"] && routes(bench.sent[0]).isEmpty)
    }

    @Test(
        "PRX-21: our plain Route in front of an initial request is taken off",
        arguments: [
            "<sip:edge1.example.com;lr>", "<sip:edge1.example.com:5061;transport=tls;lr>",
            "<sips:edge1.example.com;lr>",
            "<sip:EDGE1.example.com.;lr>", "<sip:198.51.100.10;lr>", "\"us\" <sip:198.51.100.10:5060;lr>;x=y",
        ]
    )
    func preloaded(route: String) {
        bench.receive(Wire.request("INVITE", extra: ["Route: \(route)"]), on: client)
        #expect(bench.sent.requests == ["INVITE B1"] && routes(bench.sent.to("B1")[0]).isEmpty)
    }

    @Test("PRX-18: another port or host is not ours", arguments: ["edge1.example.com:5999", "edge2.example.com"])
    func notOurs(host: String) {
        bench.receive(Wire.request("OPTIONS", extra: ["Route: <sip:\(host);lr>"]), on: client)
        #expect(bench.sent.answers == [403])
    }

    @Test("PRX-18: our own have the host of any listener, and the port and transport of one, where they have any")
    func matrix() {
        let known = Set(Side.all.map { "\($0.port) \($0.transport.name)" })
        let transports = Set(Side.all.map(\.transport.name))
        var number = 0
        for host in Set(Side.all.flatMap { [$0.advertisedHost, $0.address.hostText] }) {
            for port in [nil, 5060, 5061, 5081, 5999] as [UInt16?] {
                for transport in [nil, "udp", "TCP", "tls", "ws"] as [String?] {
                    _ = bench.take()
                    number += 1
                    let name = transport?.lowercased()
                    let place = host + (port.map { ":\($0)" } ?? "") + (transport.map { ";transport=\($0)" } ?? "")
                    let text = Wire.request("OPTIONS", branch: "z9hG4bK\(number)", extra: ["Route: <sip:\(place);lr>"])
                    bench.receive(text, on: client)
                    let isOurs: Bool
                    switch (port, name) {
                    case (nil, nil): isOurs = true
                    case (nil, let name?): isOurs = transports.contains(name)
                    case (let port?, nil): isOurs = Side.all.contains { $0.port == port }
                    case (let port?, let name?): isOurs = known.contains("\(port) \(name)")
                    }
                    #expect(bench.sent.requests == (isOurs ? ["OPTIONS B1"] : []), "\(place)")
                    #expect(bench.sent.answers == (isOurs ? [] : [403]), "\(place)")
                }
            }
        }
        #expect(number == 125)
    }

    @Test("PRX-19: only the two values of one insertion are taken off together")
    func pairs() {
        let inner = bench.client("I", Side.innerTCP, address: "10.0.0.9")
        let first = "<sip:10.0.0.5;transport=tcp;lr;ep=3f9a>"
        for (number, second, left) in [
            (1, "<sip:10.0.0.5;transport=tcp;lr;ep=3f9a>", [String]()),
            (2, "<sip:10.0.0.5;transport=tcp;lr;ep=77c1>", ["<sip:10.0.0.5;transport=tcp;lr;ep=77c1>"]),
            (3, "<sip:10.0.0.5;transport=tcp;lr>", ["<sip:10.0.0.5;transport=tcp;lr>"]),
        ] {
            _ = bench.take()
            bench.receive(bye("sip:bob@192.0.2.2:5060", first, second, branch: "z9hG4bK\(number)"), on: inner)
            #expect(bench.sent.count == 1 && routes(bench.sent[0]) == left)
        }
    }

    @Test("PRX-19, LOC-72: a spiral is for our own servers; who comes from outside may not reach our inner side by one")
    func noSpiral() {
        let first = own.components(";lr>").joined(separator: ";lr;ep=3f9a>")
        bench.receive(bye("sip:bob@192.0.2.2:5060", first, "<sip:10.0.0.5;transport=tcp;lr;ep=3f9a>"), on: client)
        #expect(bench.take().requests == ["BYE B2"])
        let second = "<sip:10.0.0.5;transport=tcp;lr;ep=77c1>"
        bench.receive(bye("sip:bob@192.0.2.2:5060", first, second, branch: "z9hG4bK2"), on: client)
        bench.receive(bye("sip:bob@192.0.2.2:5060", "<sip:trunk.example.com;lr>", second, branch: "z9hG4bK3"), on: peer)
        #expect(bench.sent.requests.isEmpty && bench.sent.answers == [403, 403])
    }

    @Test(
        "LOC-72: a Route with our name leads nowhere else by its maddr, though one of our own servers sends it",
        arguments: ["239.1.1.1", "0.0.0.0", "255.255.255.255"]
    )
    func spiralByMulticastAddress(address: String) {
        let inner = bench.client("I", Side.innerTCP, address: "10.0.0.9")
        let first = "<sip:10.0.0.5;transport=tcp;lr;ep=3f9a>"
        bench.receive(bye("sip:bob@192.0.2.2:5060", first, "<sip:10.0.0.5;maddr=\(address);lr>"), on: inner)
        #expect(bench.sent.requests.isEmpty && bench.sent.answers == [403])
    }

    @Test("PRX-20: more than twenty Route values, or ten of our own, are 400; as many end in ten passes")
    func manyRoutes() {
        let many = Array(repeating: "<sip:edge1.example.com;lr>", count: 21).joined(separator: ",")
        bench.receive(Wire.request("OPTIONS", extra: ["Route: \(many)"]), on: client)
        #expect(bench.sent.answers == [400])
        let inner = bench.client("I", Side.innerTCP, address: "10.0.0.9")
        for count in [11, 19, 20] {
            let own = Array(repeating: "<sip:10.0.0.5;lr>", count: count).joined(separator: ",")
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(count)", extra: ["Route: \(own)"]), on: inner)
        }
        #expect(bench.sent.answers == [400, 400, 400, 400] && bench.limits.count == 4)
        // Each pass sends it to ourselves, as one of our own servers would.
        var text = Wire.request(
            "OPTIONS",
            branch: "z9hG4bKten",
            extra: ["Route: \(Array(repeating: "<sip:10.0.0.5;lr>", count: 10).joined(separator: ","))"]
        )
        for pass in 1...10 {
            _ = bench.take()
            bench.receive(text, on: inner)
            #expect(bench.sent.count == 1 && bench.sent[0].wire.values("Route").count == (pass < 10 ? 1 : 0))
            text = bench.sent[0].wire.text
        }
        #expect(bench.sent[0].to == "B1")
    }

    @Test("PRX-39: with a SIPS Request-URI the next Route is reached over TLS, and a name is asked for as SIPS")
    func sipsRoute() {
        let extra = ["Route: \(own),<sip:192.0.2.9;lr>"]
        bench.receive(Wire.request("BYE", "sips:bob@example.com", toTag: "b", extra: extra), on: client)
        #expect(bench.sent.last?.endpoint == .backend(9, .tls))
        let named = ["Route: \(own),<sip:p9.example.org;lr>"]
        let text = Wire.request("BYE", "sips:bob@example.com", branch: "z9hG4bK2", toTag: "b", extra: named)
        bench.receive(text, on: client)
        #expect(bench.questions.map(\.name.isSecure) == [true])
        #expect(bench.questions.first?.name.host == "p9.example.org")
    }

    @Test("LOC-01: what DNS says of a Route changes neither the Route nor the Request-URI, byte for byte")
    func unchangedByDNS() {
        let (uri, route) = ("sip:Bob%40x@Core.Example.NET;a=%41;b", "<sip:P2.Example.ORG;lr;X=y>")
        bench.zone["P2.Example.ORG"] = [.backend(102)]
        bench.receive(bye(uri, "\(own),\(route)"), on: client)
        #expect(bench.sent.requests == ["BYE B102"])
        #expect(bench.sent[0].wire.uri == uri && routes(bench.sent[0]) == [route])
    }

    @Test("PRX-83: inside a dialog the Request-URI decides, though it names a backend that is down or in no pool")
    func inDialog() {
        bench.receive(bye("sip:bob@192.0.2.2:5060;transport=tcp", own), on: client)
        #expect(bench.sent.requests == ["BYE B2"])
        // Without a transport parameter it is the backend of that address and port.
        bench.receive(bye("sip:bob@192.0.2.2", own, branch: "z9hG4bK2"), on: client)
        #expect(bench.sent.last?.endpoint == .backend(2))
        bench.receive(bye("sip:bob@192.0.2.77:5070;transport=tcp", own, branch: "z9hG4bK3"), on: client)
        #expect(bench.sent.last?.endpoint?.port == 5070)
        bench.behaviour[.backend(2)] = .fails(.refused)
        bench.receive(bye("sip:bob@192.0.2.2", own, branch: "z9hG4bK4"), on: client)
        #expect(bench.sent.answers == [500])
    }

    @Test("PRX-40: the addresses of a name are tried in order, and none at all is 503")
    func names() {
        bench.receive(bye("sip:bob@core.example.net", own), on: client)
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.resolve(bench.questions[0].id, .servers([.backend(1), .backend(2)]))
        #expect(bench.sent.requests == ["BYE B1", "BYE B2"])
        bench.receive(bye("sip:bob@core.example.net", own, branch: "z9hG4bK2"), on: client)
        bench.resolve(bench.questions[0].id, .failed)
        #expect(bench.sent.answers == [503])
    }

    @Test("PRX-23: rules decide in order by listener, method, source, peer and domain")
    func rules() {
        let first = PoolID(index: 0)
        let second = PoolID(index: 1)
        let rules = [
            RouteRule(methods: ["MESSAGE"], action: .reject(status: 405, reason: "Not Here")),
            RouteRule(listeners: [Side.peerTLS], peers: ["partner.example"], action: .pool(second)),
            RouteRule(
                sources: [RouteRule.Network(address: .v4(0xCB00_7100), prefixLength: 24)],
                action: .pool(first)
            ),
        ]
        let bench = Bench(.sample([.sample(1), .sample(1, .tls, index: 1)], routes: rules))
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS"), on: client)
        #expect(bench.sent.last?.endpoint == .backend(1))
        bench.receive(Wire.request("MESSAGE", branch: "z9hG4bK2"), on: client)
        #expect(bench.sent.last?.status == 405)
        var peer = bench.client("P", Side.peerTLS, address: "192.0.2.200")
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK3"), on: peer)
        #expect(bench.sent.last?.status == 404)
        peer.verifiedNames = ["partner.example"]
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK4"), on: peer)
        #expect(bench.sent.last?.endpoint == .backend(1, .tls))
    }
}
