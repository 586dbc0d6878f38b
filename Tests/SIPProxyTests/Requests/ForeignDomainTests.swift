// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Requests for domains that are not served here")
struct ForeignDomainTests {
    /// A bench that serves example.com alone; or, as by default, whatever its routes take.
    private static func bench(
        servesAll: Bool = false,
        policy: ForwardingPolicy = ForwardingPolicy()
    ) -> Bench {
        var settings = ProxySettings()
        settings.domains = servesAll ? [] : ["example.com"]
        return Bench(1, policy: policy, settings: settings)
    }

    private static func request(_ uri: String, _ branch: String = "z9hG4bK1") -> String {
        Wire.request("INVITE", uri, via: "TCP 192.0.2.1", branch: branch)
    }

    private static func hints(_ bench: Bench) -> Int {
        bench.events.count { if case .pathUnused = $0 { true } else { false } }
    }

    @Test(
        "PRX-23, FLW-37: what our own servers ask of a foreign name goes to its servers, by an inner listener or a backend"
    )
    func forwarded() {
        for isBackend in [true, false] {
            let bench = Self.bench()
            bench.zone["partner.example"] = [.written("tls:198.51.100.77:5061")]
            let flow = isBackend ? bench.backendFlow(.backend(1)) : bench.client("I", Side.innerTCP)
            bench.receive(Self.request("sip:bob@Partner.example."), on: flow)
            let sent = bench.sent.last
            #expect(sent?.endpoint == .written("tls:198.51.100.77:5061"))
            #expect(sent?.wire.uri == "sip:bob@Partner.example." && sent?.wire.value("Record-Route") != nil)
            #expect(Self.hints(bench) == 0)
        }
    }

    @Test("LOC-72, FLW-37: such a name leads no further than any other: not to this edge, nor to nowhere")
    func rules() {
        let bench = Self.bench()
        bench.zone["loop.example"] = [.written("tcp:10.0.0.5:5060")]
        bench.receive(Self.request("sip:bob@loop.example"), on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.answers == [100, 503] && bench.sent.requests.isEmpty && bench.failures(.forbidden) == 1)
    }

    @Test("PRX-22, PRX-25: no third party is relayed to: 404 for a partner and the backends of one, 403 for others")
    func thirdParties() {
        var policy = ForwardingPolicy()
        policy.isTrusted = false
        let bench = Self.bench(policy: policy)
        bench.zone["victim.example"] = [.written("tls:198.51.100.77:5061")]
        let flows = [
            bench.client("P", Side.peerTLS), bench.client("C"), bench.backendFlow(.backend(1)),
            bench.backendFlow(.written("tls:198.51.100.5:5061"), pool: nil),
        ]
        for (number, flow) in flows.enumerated() {
            bench.receive(Self.request("sip:bob@victim.example", "z9hG4bK\(number)"), on: flow)
        }
        #expect(bench.sent.answers.filter { $0 >= 300 } == [404, 403, 403, 403])
        #expect(bench.sent.requests.isEmpty && bench.questions.isEmpty)
        // The backends of a pool that is told of a peer listener are a partner's too.
        var partners = ForwardingPolicy()
        partners.listeners = [.tcp: Side.peerTLS]
        let other = Self.bench(policy: partners)
        other.receive(Self.request("sip:bob@victim.example"), on: other.backendFlow(.backend(1)))
        #expect(other.sent.answers == [404] && other.questions.isEmpty)
    }

    @Test(
        "FLW-37: a client's address or a name that leads nowhere is 480 for a backend that does not use the Path, and told of",
        arguments: [
            "sip:a@203.0.113.7:51000", "sip:a@192.168.1.20", "sip:a@[2001:db8::7]:51000;transport=tls",
            "sip:x7@f81d4fae.invalid;transport=ws", "sip:x7@INVALID.",
        ],
        [false, true]
    )
    func addresses(uri: String, servesAll: Bool) {
        let bench = Self.bench(servesAll: servesAll)
        let client = bench.client()
        bench.receive(Self.request(uri), on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.answers.last == 480 && bench.sent.requests.isEmpty && bench.sent.to("C").isEmpty)
        #expect(bench.sent.last?.wire.value("Warning")?.hasPrefix("399 ") == true)
        #expect(Self.hints(bench) == 1 && bench.failures(.pathless) == 1 && bench.questions.isEmpty)
        #expect(client.remotePort == 51000)
        bench.receive(Self.request(uri, "z9hG4bK2"), on: bench.client("I", Side.innerTCP))
        #expect(bench.sent.answers.last == 480 && bench.sent.requests.isEmpty)
    }

    @Test(
        "FLW-37: where all domains are served and routes ask for the origin, they decide of addresses that are not private",
        arguments: [
            ("sip:+441234@198.51.100.9", true), ("sip:a@[2001:db8::7]:5061;transport=tls", true),
            ("sip:a@10.9.9.9", false), ("sip:a@172.20.0.1", false), ("sip:a@192.168.1.20", false),
            ("sip:a@100.64.0.1", false), ("sip:a@127.0.0.1", false), ("sip:a@169.254.1.1", false),
            ("sip:a@[fd00::1]", false), ("sip:a@[fe80::1]", false), ("sip:a@[::ffff:10.9.9.9]", false),
            ("sip:x7@f81d4fae.invalid", false),
        ]
    )
    func byOrigin(uri: String, isRouted: Bool) {
        let pools = [PoolView.sample(1), PoolView.sample(2, index: 1)]
        let anywhere = RouteRule.Network(address: .v4(0xC000_0201), prefixLength: 32)
        for rule in [
            RouteRule(sources: [anywhere], action: .pool(PoolID(index: 1))),
            RouteRule(listeners: [Side.innerTCP], action: .pool(PoolID(index: 1))),
        ] {
            let bench = Bench(.sample(pools, routes: [rule, RouteRule(action: .pool(PoolID(index: 0)))]))
            bench.receive(Self.request(uri), on: bench.backendFlow(.backend(1)))
            #expect(bench.sent.requests == (isRouted ? ["INVITE B1"] : []))
            #expect(bench.sent.answers == (isRouted ? [100] : [480]) && Self.hints(bench) == (isRouted ? 0 : 1))
        }
        // Rules that ask only for what the request says would take it back.
        let rule = RouteRule(methods: ["INVITE"], action: .pool(PoolID(index: 1)))
        let bench = Bench(.sample(pools, routes: [rule]))
        bench.receive(Self.request(uri), on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.answers == [480])
    }

    @Test(
        "FLW-37: where all domains are served, names of backends' requests and the servers' own addresses go by the routes"
    )
    func served() {
        let bench = Self.bench(servesAll: true)
        let backend = bench.backendFlow(.backend(1))
        for (number, uri) in ["sip:bob@partner.example", "sip:bob@10.0.0.5", "sip:bob@192.0.2.1:5080"].enumerated() {
            bench.receive(Self.request(uri, "z9hG4bK\(number)"), on: backend)
        }
        bench.receive(Wire.request("INVITE", "sip:bob@203.0.113.9"), on: bench.client())
        #expect(bench.sent.requests == Array(repeating: "INVITE B1", count: 4) && bench.questions.isEmpty)
        // A backend's address is none of the served domains.
        let strict = Self.bench()
        strict.receive(Self.request("sip:bob@192.0.2.1:5080"), on: strict.backendFlow(.backend(1)))
        #expect(strict.sent.answers.last == 404 && Self.hints(strict) == 0)
    }
}
