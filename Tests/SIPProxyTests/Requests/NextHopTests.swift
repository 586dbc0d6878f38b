// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Next hops that a Route or a Request-URI names")
struct NextHopTests {
    private let bench = Bench(1)
    private let peer: FlowContext

    init() { peer = bench.client("P", Side.peerTLS, address: "192.0.2.200") }

    private func request(_ method: String, _ route: String, _ number: Int = 1, callID: String = "call-1") -> String {
        let branch = "z9hG4bKn\(number)"
        return Wire.request(method, branch: branch, callID: callID, toTag: "b", extra: ["Route: <\(route)>"])
    }

    /// Where the requests went, first tries alone.
    private func firstHops(_ count: Int, _ servers: [Published]) -> [String: Int] {
        var hops: [String: Int] = [:]
        for number in 1...count {
            bench.receive(request("OPTIONS", "sip:core.example.net;lr", number, callID: "c\(number)"), on: peer)
            bench.resolve(bench.questions[0].id, .resolved(NextHops(servers)))
            for sent in bench.take().filter({ $0.status == 0 }) {
                hops[sent.to, default: 0] += 1
                bench.answer(200, to: sent)
            }
            _ = bench.take()
        }
        return hops
    }

    // MARK: The URI

    @Test("LOC-01: what DNS says changes neither Request-URI nor Route")
    func untouched() {
        bench.receive(request("OPTIONS", "sip:Core.Example.net;lr;x=1"), on: peer)
        #expect(bench.questions.map(\.name.host) == ["core.example.net"])
        bench.resolve(bench.questions[0].id, .servers([.backend(7)]))
        #expect(bench.sent.requests == ["OPTIONS B7"] && bench.sent[0].wire.uri == "sip:bob@example.com")
        #expect(bench.sent[0].wire.values("Route") == ["<sip:Core.Example.net;lr;x=1>"])
    }

    @Test(
        "LOC-04: maddr is the target for addresses, and a literal one needs no DNS",
        arguments: [
            ("maddr=192.0.2.9", "tcp:192.0.2.9:5060"), ("maddr=[2001:db8::9]", "tcp:[2001:db8::9]:5060"),
            ("maddr=2001:db8::9", "tcp:[2001:db8::9]:5060"),
        ]
    )
    func maddr(parameter: String, endpoint: String) {
        bench.receive(request("OPTIONS", "sip:a.example;transport=tcp;\(parameter);lr"), on: peer)
        #expect(bench.questions.isEmpty && bench.sent.map(\.endpoint?.description) == [endpoint])
    }

    @Test("LOC-04, LOC-22: a name in maddr is asked for, and the certificate must prove the host that was written")
    func maddrName() {
        for server in [7, 8] as [UInt32] { bench.behaviour[.backend(server, .tls)] = .fails(.tls) }
        bench.receive(request("OPTIONS", "sips:a.example;maddr=b.example;lr"), on: peer)
        #expect(bench.questions.map(\.name.host) == ["b.example"] && bench.questions[0].name.domain == "a.example")
        bench.resolve(bench.questions[0].id, .servers([.backend(7, .tls)]))
        bench.receive(request("OPTIONS", "sips:a.example;maddr=192.0.2.8;lr", 2), on: peer)
        #expect(bench.targets.map(\.domain) == ["a.example", "a.example"])
    }

    @Test("LOC-09: a request of 2,000 bytes for a literal address goes by TCP")
    func large() {
        let text = Wire.request(
            "INVITE",
            toTag: "b",
            extra: ["Route: <sip:192.0.2.9;lr>"],
            body: String(repeating: "x", count: 2000)
        )
        bench.receive(text, on: peer)
        #expect(bench.sent.last?.endpoint == .backend(9, .tcp) && bench.questions.isEmpty)
    }

    @Test("LOC-10: transport=tls on a sip URI means TLS over TCP, and its port is 5061")
    func tlsParameter() {
        bench.receive(request("OPTIONS", "sip:core.example.net;transport=tls;lr"), on: peer)
        #expect(bench.questions.map(\.name.transport) == [.tls] && bench.questions[0].name.port == nil)
        bench.receive(request("OPTIONS", "sip:192.0.2.9;transport=TLS;lr", 2), on: peer)
        #expect(bench.sent.last?.endpoint == .backend(9, .tls))
    }

    @Test("LOC-11: sips over udp cannot be routed: 400, and nobody is asked")
    func sipsOverUDP() {
        bench.receive(request("OPTIONS", "sips:core.example.net;transport=udp;lr"), on: peer)
        #expect(bench.sent.answers == [400] && bench.questions.isEmpty)
    }

    @Test("LOC-12: an unknown transport is counted, answered with a 500-class code, and not guessed at")
    func unknownTransport() {
        bench.receive(request("OPTIONS", "sip:core.example.net;transport=quic;lr"), on: peer)
        #expect(bench.sent.answers == [503] && bench.sent.requests.isEmpty && bench.questions.isEmpty)
        bench.receive(request("ACK", "sip:core.example.net;transport=quic;lr", 2), on: peer)
        #expect(bench.sent.count == 1 && bench.failures(.transport) == 2)
    }

    @Test("LOC-22: over TLS the name that was asked for must be proved, in clear text and inside pools none")
    func referenceDomain() {
        bench.receive(request("OPTIONS", "sip:Core.example.net.;lr"), on: peer)
        let servers: [Endpoint] = [.backend(7, .tls), .backend(7, .tcp), .backend(1, .tcp)]
        for server in servers { bench.behaviour[server] = .fails(.refused) }
        bench.resolve(bench.questions[0].id, .servers(servers))
        #expect(bench.targets.map(\.domain) == ["core.example.net", nil, nil])
        #expect(bench.targets.map(\.pool) == [nil, nil, PoolID(index: 0)])
    }

    // MARK: Order

    @Test("LOC-30: targets of one priority are drawn by weight, as those of pools")
    func weights() {
        let servers = [
            Published(weight: 60, name: "a.example", endpoint: .backend(11)),
            Published(weight: 20, name: "b.example", endpoint: .backend(12)),
            Published(priority: 20, name: "c.example", endpoint: .backend(13)),
        ]
        let hops = firstHops(2000, servers)
        // Three quarters, and four standard deviations to either side.
        #expect((1423...1577).contains(hops["B11"] ?? 0), "\(hops)")
        #expect(hops["B13"] == nil)
    }

    @Test("LOC-45: three addresses of one name share 300 requests, 100 ± 35 each")
    func rotation() {
        let hops = firstHops(300, (11...13).map { Published(endpoint: .backend($0)) })
        #expect(hops.count == 3 && hops.values.allSatisfy { (65...135).contains($0) }, "\(hops)")
    }

    @Test("LOC-48, LOC-41: addresses of a target, then the next target, then the next priority; never interleaved")
    func exhaustion() {
        var servers: [Published] = []
        for (place, name) in ["a", "b", "c", "d"].enumerated() {
            let priority: UInt16 = place < 2 ? 10 : 20
            let number = UInt32(10 + place)
            servers.append(Published(priority: priority, name: name, endpoint: .backend(number), addressOrder: 1))
            let preferred = Endpoint.written("tcp:[2001:db8::\(number)]:5060")
            servers.append(Published(priority: priority, name: name, endpoint: preferred))
        }
        for server in servers { bench.behaviour[server.endpoint] = .fails(.refused) }
        var orders: Set<[String]> = []
        for number in 1...40 {
            bench.receive(request("OPTIONS", "sip:core.example.net;lr", number), on: peer)
            bench.resolve(bench.questions[0].id, .resolved(NextHops(servers)))
            let tried = bench.take().filter { $0.status == 0 }.map(\.to)
            #expect(tried.count == 8)
            for start in stride(from: 0, to: tried.count - 1, by: 2) {
                #expect(tried[start] == "tcp:[2001:db8::\(tried[start + 1].dropFirst())]:5060")
            }
            let targets = stride(from: 1, to: tried.count, by: 2).map { tried[$0] }
            #expect(Set(targets.prefix(2)) == ["B10", "B11"] && Set(targets.suffix(2)) == ["B12", "B13"])
            orders.insert(targets)
        }
        #expect(orders.count == 4)
    }

    @Test("PRX-26: a server that two records name is tried once")
    func once() {
        bench.behaviour[.backend(11)] = .fails(.refused)
        bench.receive(request("OPTIONS", "sip:core.example.net;lr"), on: peer)
        bench.resolve(bench.questions[0].id, .servers([.backend(11), .backend(11)]))
        #expect(bench.sent.requests == ["OPTIONS B11"] && bench.sent.answers == [500])
    }

    @Test("LOC-75: a hundred copies of an ACK go to the same of two equal servers, in whatever order DNS names them")
    func sameACK() {
        var servers = [
            Published(name: "a.example", endpoint: .backend(11)), Published(name: "b.example", endpoint: .backend(12)),
        ]
        var chosen: [Set<String>] = []
        for call in 1...20 {
            var hops: Set<String> = []
            for number in 1...100 {
                bench.receive(request("ACK", "sip:core.example.net;lr", number, callID: "c\(call)"), on: peer)
                servers.reverse()
                bench.resolve(bench.questions[0].id, .resolved(NextHops(servers)))
                hops.insert(bench.take()[0].to)
            }
            chosen.append(hops)
        }
        #expect(chosen.allSatisfy { $0.count == 1 } && Set(chosen).count == 2)
    }

    // MARK: Time

    @Test("LOC-03: CANCEL and repeats follow the INVITE whatever DNS says by then; the ACK of a 200 is resolved anew")
    func oncePerTransaction() {
        bench.zone["core.example.net"] = [.backend(11, .udp)]
        let route = "sip:core.example.net;transport=udp;lr"
        bench.receive(request("INVITE", route), on: peer)
        bench.zone["core.example.net"] = [.backend(12, .udp)]
        bench.wait(0.6)
        #expect(bench.sent.requests == ["INVITE B11", "INVITE B11"])
        bench.answer(180, to: bench.sent.to("B11")[0])
        bench.receive(request("CANCEL", route), on: peer)
        #expect(bench.sent.requests.last == "CANCEL B11")
        bench.answer(487, to: bench.sent.to("B11")[0])
        #expect(bench.sent.requests.last == "ACK B11")
        bench.receive(request("ACK", route, 2, callID: "call-2"), on: peer)
        #expect(bench.sent.requests.last == "ACK B12")
    }

    @Test("LOC-26: a failover past the records' time asks again, and goes nowhere twice")
    func expired() {
        bench.receive(request("INVITE", "sip:core.example.net;lr"), on: peer)
        for server in [11, 12] as [UInt32] { bench.behaviour[.backend(server)] = .holds }
        let first = [11, 12].enumerated().map {
            Published(priority: UInt16($0), name: "n\($0)", endpoint: .backend($1))
        }
        bench.resolve(bench.questions[0].id, .resolved(NextHops(first, expiresAt: bench.now + .seconds(2))))
        bench.wait(2.5)
        bench.fail(bench.sent.to("B11")[0], .connectTimeout)
        #expect(bench.sent.requests == ["INVITE B11"] && bench.questions.count == 1)
        bench.resolve(bench.questions[0].id, .servers([.backend(11), .backend(13)]))
        #expect(bench.sent.requests == ["INVITE B11", "INVITE B13"] && bench.questions.isEmpty)
    }

    @Test("LOC-26, LOC-57: inside their time no question is asked, and a failing DNS takes away nothing that was known")
    func notExpired() {
        for number in [1, 2] {
            bench.receive(request("OPTIONS", "sip:core.example.net;lr", number), on: peer)
            for server in [11, 12] as [UInt32] { bench.behaviour[.backend(server)] = .holds }
            let servers = [11, 12].enumerated().map {
                Published(priority: UInt16($0), name: "n\($0)", endpoint: .backend($1))
            }
            bench.resolve(bench.questions[0].id, .resolved(NextHops(servers, expiresAt: bench.now + .seconds(2))))
            bench.wait(number == 1 ? 1 : 2.5)
            bench.fail(bench.take().filter { $0.to == "B11" }[0], .refused)
            #expect(bench.questions.count == number - 1)
            if number == 2 { bench.resolve(bench.questions[0].id, .failed) }
            #expect(bench.sent.filter { $0.status == 0 }.map(\.to) == ["B12"])
        }
    }

    @Test("LOC-62: a name that DNS does not answer for within 3 s is 503, and a late answer changes nothing")
    func deadline() {
        bench.receive(request("INVITE", "sip:core.example.net;lr"), on: peer)
        bench.wait(2.9)
        #expect(bench.sent.answers == [100])
        bench.wait(0.2)
        #expect(bench.sent.answers == [100, 503] && bench.failures(.deadline) == 1)
        bench.resolve(bench.questions[0].id, .servers([.backend(11)]))
        #expect(bench.sent.requests.isEmpty)
        bench.wait(33)
        #expect(bench.isQuiet)
    }

    @Test(
        "LOC-63: at a foreign domain no INVITE leaves a silent server but by timer B, nor another request the only one",
        arguments: ["INVITE", "OPTIONS"]
    )
    func noLimit(method: String) {
        bench.zone["core.example.net"] = [.backend(11), .backend(12)]
        bench.receive(request(method, method == "INVITE" ? "sip:core.example.net;lr" : "sip:192.0.2.11;lr"), on: peer)
        bench.wait(31)
        #expect(Set(bench.sent.requests) == ["\(method) B11"])
    }
}
