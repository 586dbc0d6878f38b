// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What servers may ask for over our own connections to them")
struct StandingTests {
    /// Over what a request comes.
    enum Way: CaseIterable {
        case trusted, partner, untrusted, outside

        var isRelayed: Bool { self == .trusted || self == .partner }
    }

    private static func bench(_ way: Way) -> (Bench, FlowContext) {
        var policy = ForwardingPolicy()
        policy.isTrusted = way != .untrusted
        if way == .partner { policy.listeners = [.tcp: Side.peerTLS] }
        let bench = Bench(1, policy: policy)
        bench.zone["victim.example"] = [.written("tls:198.51.100.77:5061")]
        if way == .outside { return (bench, bench.backendFlow(.written("tls:198.51.100.5:5061"), pool: nil)) }
        return (bench, bench.backendFlow(.backend(1)))
    }

    private static func invite(_ uri: String, tag: String? = nil, route: String? = nil) -> String {
        let extra = route.map { ["Route: <\($0)>"] } ?? []
        return Wire.request("INVITE", uri, via: "TCP 192.0.2.1", toTag: tag, extra: extra)
    }

    @Test(
        "PRX-22: own servers and partners have requests relayed by Route and maddr, untrusted servers nothing",
        arguments: Way.allCases
    )
    func relays(way: Way) {
        for text in [
            Self.invite("sip:bob@example.com", route: "sip:victim.example;lr"),
            Self.invite("sip:bob@example.com", tag: "b", route: "sip:victim.example;lr"),
            Self.invite("sip:bob@example.com;maddr=198.51.100.77;transport=tls"),
        ] {
            let (bench, flow) = Self.bench(way)
            bench.receive(text, on: flow)
            #expect(bench.sent.requests == (way.isRelayed ? ["INVITE tls:198.51.100.77:5061"] : []))
            #expect(way.isRelayed || bench.sent.answers.last == 403)
        }
    }

    @Test(
        "PRX-22: a plain own Route with an invented To tag leads untrusted servers nowhere but by the routes",
        arguments: Way.allCases
    )
    func invented(way: Way) {
        let (bench, flow) = Self.bench(way)
        bench.receive(Self.invite("sip:bob@victim.example", tag: "x", route: "sip:10.0.0.5;transport=tcp;lr"), on: flow)
        #expect(bench.sent.requests == (way.isRelayed ? ["INVITE tls:198.51.100.77:5061"] : ["INVITE B1"]))
    }

    @Test("LOC-72: none but own servers reach loopback and link-local addresses", arguments: Way.allCases)
    func loopback(way: Way) {
        for route in ["sip:127.0.0.1:5099;transport=tcp;lr", "sip:169.254.169.254:80;transport=tcp;lr"] {
            let (bench, flow) = Self.bench(way)
            bench.receive(Self.invite("sip:bob@example.com", route: route), on: flow)
            #expect(bench.sent.requests.count == (way == .trusted ? 1 : 0))
        }
    }

    @Test(
        "PRX-22, PRX-30: within a dialog an untrusted server's requests follow it, by what its Record-Route says",
        arguments: [false, true]
    )
    func dialog(isCalled: Bool) throws {
        let (bench, trunk) = Self.bench(.untrusted)
        let pbx = bench.client("I", Side.innerTCP, address: "10.0.0.9")
        bench.zone["pbx.example"] = [.written("tcp:10.0.0.9:5070")]
        let invite = Self.invite("sip:bob@example.com")
        bench.receive(invite, on: isCalled ? pbx : trunk)
        let recorded = try #require(bench.sent.methods("INVITE").last).wire.values("Record-Route")
        let marked = recorded.filter { $0.contains("@") }
        #expect(marked.count == 1)
        let routes = (isCalled ? recorded : recorded.reversed()).map { "Route: \($0)" }
        let bye = Wire.request(
            "BYE",
            "sip:alice@pbx.example",
            via: "TCP 192.0.2.1",
            branch: "z9hG4bKb",
            toTag: "b",
            extra: routes
        )
        _ = bench.take()
        bench.receive(bye, on: trunk)
        #expect(bench.sent.requests == ["BYE tcp:10.0.0.9:5070"] && bench.sent[0].wire.values("Route").isEmpty)
        // To a client, and outside dialogs, it says nothing.
        _ = bench.take()
        bench.receive(bye.replacing("z9hG4bKb", with: "z9hG4bKc"), on: bench.client())
        #expect(!bench.sent.requests.contains("BYE tcp:10.0.0.9:5070"))
        let begins = routes + ["Route: <sip:victim.example;lr>"]
        bench.receive(Wire.request("INVITE", via: "TCP 192.0.2.1", branch: "z9hG4bKd", extra: begins), on: trunk)
        #expect(bench.sent.answers.last == 403)
    }

    @Test("FLW-21: own servers, partners and dialogs with a client's token get no mark")
    func unmarked() {
        for way in [Way.trusted, .partner] {
            let (bench, _) = Self.bench(way)
            bench.receive(Wire.request("INVITE"), on: bench.client("I", Side.innerTCP))
            #expect(bench.sent.methods("INVITE")[0].wire.values("Record-Route").allSatisfy { !$0.contains("@") })
        }
        let (bench, _) = Self.bench(.untrusted)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        #expect(bench.sent.methods("INVITE")[0].wire.values("Record-Route").count { $0.contains("@") } == 1)
    }
}
