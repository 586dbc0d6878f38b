// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Where next hops may lead, and how many messages may wait for them")
struct NextHopPolicyTests {
    private let bench = Bench(1)
    private let peer: FlowContext

    init() { peer = bench.client("P", Side.peerTLS, address: "192.0.2.200") }

    private func request(_ method: String, _ route: String, _ number: Int = 1, callID: String = "call-1") -> String {
        let branch = "z9hG4bKn\(number)"
        return Wire.request(method, branch: branch, callID: callID, toTag: "b", extra: ["Route: <\(route)>"])
    }

    @Test("LOC-72: DNS leads no request from outside to loopback, link-local or our own listeners")
    func forbidden() {
        let places = [
            "tcp:127.0.0.1:5060", "tcp:[::1]:5060", "tcp:169.254.169.254:80", "udp:224.0.0.1:5060", "tcp:0.0.0.0:5060",
            "tcp:10.0.0.5:5060",
        ]
        bench.receive(request("OPTIONS", "sip:rebound.example;lr"), on: peer)
        bench.resolve(bench.questions[0].id, .servers(places.map(Endpoint.written)))
        #expect(bench.sent.requests.isEmpty && bench.sent.answers == [503] && bench.failures(.forbidden) == 1)
        bench.receive(request("OPTIONS", "sip:rebound.example;lr", 2), on: peer)
        bench.resolve(bench.questions[0].id, .servers(places.map(Endpoint.written) + [.backend(11)]))
        #expect(bench.sent.requests == ["OPTIONS B11"])
    }

    @Test(
        "LOC-72: a loopback answer is for our own servers, for who is on loopback too, and for a pool's own backend",
        arguments: [
            (Side.innerTCP, "10.0.0.9", 5070), (Side.peerTLS, "127.0.0.1", 5070), (Side.peerTLS, "192.0.2.200", 5099),
        ]
    )
    func allowed(listener: ListenerID, source: String, port: Int) {
        let id = PoolID(index: 0)
        let own = BackendID(pool: id, endpoint: .written("tcp:127.0.0.1:5099"))
        let pool = PoolView(id: id, settings: PoolSettings(name: "p"), backends: [BackendView(id: own, name: "own")])
        let bench = Bench(.sample([pool]))
        let client = bench.client("P", listener, address: source)
        bench.receive(request("OPTIONS", "sip:core.example.net;lr"), on: client)
        bench.resolve(bench.questions[0].id, .servers([.written("tcp:127.0.0.1:\(port)")]))
        #expect(bench.sent.requests == ["OPTIONS tcp:127.0.0.1:\(port)"])
        // The same where it is written.
        bench.receive(request("OPTIONS", "sip:127.0.0.1:\(port);transport=tcp;lr", 2), on: client)
        #expect(bench.sent.requests.count == 2 && bench.sent.last?.to == "tcp:127.0.0.1:\(port)")
    }

    @Test(
        "LOC-72: an address in a URI leads no further than one from DNS, in no disguise",
        arguments: [
            "sip:127.0.0.1", "sip:127.9.9.9:22;transport=tcp", "sip:[::1]", "sip:[::ffff:127.0.0.1]",
            "sip:169.254.169.254:80;transport=tcp", "sip:[fe80::1]", "sip:224.0.0.1", "sip:0.0.0.0",
            "sip:a.example;maddr=127.0.0.1", "sips:a.example;maddr=[::1]", "sip:a.example;maddr=10.0.0.5;transport=tcp",
            "sip:a.example:5060;maddr=198.51.100.10",
        ]
    )
    func forbiddenLiteral(uri: String) {
        bench.receive(request("OPTIONS", "\(uri);lr"), on: peer)
        #expect(bench.sent.requests.isEmpty && bench.questions.isEmpty)
        #expect(bench.sent.answers.count == 1 && bench.sent.answers[0] >= 400)
        // A client invited by its token, by the Request-URI; and an ACK, which has no answer.
        _ = bench.take()
        let client = bench.client()
        let own = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        for method in ["BYE", "ACK"] {
            bench.receive(Wire.request(method, uri, branch: "z9hG4bKl\(method)", toTag: "b", extra: [own]), on: client)
        }
        #expect(bench.sent.requests.isEmpty && bench.questions.isEmpty)
    }

    @Test("LOC-72, PRX-12: a listener at every address is our own at each address of the host, and nowhere else")
    func wildcard() {
        var snapshot = ProxySnapshot.sample([.sample(1)])
        snapshot.hostAddresses = [.v4(0xC000_0263), .v4(0x7F00_0001)]
        snapshot.listeners.append(
            ListenerIdentity(
                id: ListenerID(index: 9),
                name: "all",
                role: .access,
                transport: .tls,
                address: .v4(0),
                port: 5099,
                advertisedHost: "all.example.com",
                advertisedPort: nil
            )
        )
        let bench = Bench(snapshot)
        let peer = bench.client("P", Side.peerTLS, address: "192.0.2.200")
        bench.receive(request("OPTIONS", "sip:192.0.2.99:5099;transport=tls;lr"), on: peer)
        #expect(bench.sent.answers == [403] && bench.failures(.forbidden) == 1)
        bench.receive(request("OPTIONS", "sip:core.example.net;lr", 2), on: peer)
        bench.resolve(bench.questions[0].id, .servers([.written("tcp:192.0.2.99:5099")]))
        #expect(bench.sent.answers == [403, 503] && bench.failures(.forbidden) == 2)
        for (number, free) in ["192.0.2.99:5098", "192.0.2.98:5099"].enumerated() {
            bench.receive(request("OPTIONS", "sip:\(free);transport=tls;lr", 3 + number), on: peer)
        }
        #expect(bench.sent.requests == ["OPTIONS B99", "OPTIONS B98"])
    }

    @Test(
        "LOC-72: our own listener is known in every spelling of its address, and at every address of the host",
        arguments: [
            ("192.0.2.50", "192.0.2.50", true), ("192.0.2.50", "::ffff:192.0.2.50", true),
            ("::ffff:192.0.2.50", "192.0.2.50", true), ("192.0.2.50", "192.0.2.51", false),
            ("0.0.0.0", "192.0.2.50", true), ("0.0.0.0", "::ffff:192.0.2.50", true), ("::", "192.0.2.50", true),
            ("::", "::ffff:192.0.2.50", true), ("::", "2001:db8::50", true), ("::ffff:0.0.0.0", "192.0.2.50", true),
            ("0.0.0.0", "2001:db8::50", false), ("0.0.0.0", "192.0.2.51", false), ("::", "2001:db8::51", false),
            ("0.0.0.0", "127.0.0.1", true), ("::", "::1", true),
        ]
    )
    func ownAddress(bound: String, named: String, isOwn: Bool) throws {
        var snapshot = ProxySnapshot.sample([.sample(1)])
        let address = try #require(IPAddress(parsing: bound))
        snapshot.listeners.append(Side.listener(ListenerID(index: 9), .inner, .tcp, address, 5070, "edge.example.com"))
        snapshot.hostAddresses = [.v4(0xC000_0232), .v6(high: 0x2001_0DB8_0000_0000, low: 0x50)]
        let bench = Bench(snapshot)
        let inner = bench.client("P", Side.innerTCP, address: "10.0.0.9")
        let hop = Endpoint(transport: .tcp, address: try #require(IPAddress(parsing: named)), port: 5070)
        bench.receive(request("OPTIONS", "sip:core.example.net;lr"), on: inner)
        bench.resolve(bench.questions[0].id, .servers([hop]))
        #expect(bench.sent.requests.isEmpty == isOwn)
        // Other ports, and datagrams where connections are taken, are not ours.
        let others = [
            Endpoint(transport: .tcp, address: hop.address, port: 5071),
            Endpoint(transport: .udp, address: hop.address, port: 5070),
        ]
        for (number, other) in others.enumerated() {
            bench.receive(request("OPTIONS", "sip:core.example.net;lr", number + 2), on: inner)
            bench.resolve(bench.questions[0].id, .servers([other]))
            #expect(bench.sent.last?.endpoint == other)
        }
    }

    // MARK: Limits

    @Test("ACKs and responses that wait for names are bounded, though no transaction counts them")
    func bounded() {
        var settings = ProxySettings()
        settings.statelessResolutions = 2
        let bench = Bench(.sample([.sample(1)], settings: settings))
        let peer = bench.client("P", Side.peerTLS, address: "192.0.2.200")
        for number in 1...3 {
            bench.receive(request("ACK", "sip:core.example.net;lr", number, callID: "c\(number)"), on: peer)
        }
        #expect(bench.questions.count == 2 && bench.drops == [.overLimit])
        #expect(bench.limits == [.statelessResolutions])
        // A response too; a request has its transaction.
        bench.behaviour[.written("tls:203.0.113.7:5071")] = .fails(.refused)
        let gone = bench.client("Q", Side.peerTLS, address: "203.0.113.7")
        bench.receive(Wire.request("INVITE", via: "TLS q.example.org:5071"), on: gone)
        bench.disconnect(gone)
        bench.answer(200, to: bench.sent.methods("INVITE")[0])
        #expect(bench.questions.count == 2 && bench.drops == [.overLimit, .overLimit])
        bench.receive(request("OPTIONS", "sip:core.example.net;lr", 4), on: peer)
        #expect(bench.questions.count == 3)
        // An answer makes room.
        bench.resolve(bench.questions[0].id, .failed)
        bench.receive(request("ACK", "sip:core.example.net;lr", 5, callID: "c5"), on: peer)
        #expect(bench.questions.count == 3)
    }
}
