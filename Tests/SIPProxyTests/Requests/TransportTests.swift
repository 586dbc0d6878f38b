// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Transports, listeners and what is left alone")
struct TransportTests {
    @Test(
        "TRN-39, TRN-38: Via names the transport that is used and the listener that stands for us there",
        arguments: [Side.publicTLS, Side.publicUDP, Side.publicTCP, Side.peerTLS],
        [
            (SIPTransport.udp, "UDP 10.0.0.5"), (.tcp, "TCP 10.0.0.5"), (.tls, "TLS edge1.core.example.com"),
        ]
    )
    func tokens(listener: ListenerID, out: (transport: SIPTransport, sentBy: String)) {
        let bench = Bench(1, out.transport)
        bench.receive(Wire.request("OPTIONS"), on: bench.client("C", listener))
        let via = bench.sent.to("B1").last?.wire.value("Via") ?? ""
        #expect(via.hasPrefix("SIP/2.0/\(out.sentBy);branch="))
    }

    @Test("TRN-53: two UDP listeners are two identities: Via, Record-Route, token and response are each side's own")
    func twoListeners() {
        let bench = Bench(1, .udp)
        for (listener, host) in [(Side.publicUDP, "198.51.100.10"), (Side.innerUDP, "10.0.0.5")] {
            let flow = bench.client("U\(listener.index)", listener)
            bench.receive(
                Wire.request("INVITE", via: "UDP 203.0.113.7:51000", branch: "z9hG4bK\(listener.index)"),
                on: flow
            )
            let routes = bench.sent.to("B1").last?.wire.values("Record-Route") ?? []
            let own = listener == Side.publicUDP ? "<sip:\(String(buffer: flow.token))@\(host);lr" : "<sip:\(host);lr"
            #expect(routes.last?.hasPrefix(own) ?? false)
            let answers = bench.sent.filter { $0.status == 100 }
            #expect(answers.last?.flow == flow.id)
        }
    }

    @Test("TRN-51: between IPv6 and IPv4 both values are recorded, the IPv6 one in brackets")
    func families() {
        var snapshot = ProxySnapshot.sample([.sample(1)])
        let host = "[2001:db8:1::10]"
        let six = IPAddress(parsing: "2001:db8:1::10") ?? .v4(0)
        snapshot.listeners[6] = Side.listener(Side.publicTCP, .access, .tcp, six, 5060, host)
        let bench = Bench(snapshot)
        let client = bench.client("C", Side.publicTCP, address: "2001:db8::7")
        bench.receive(Wire.request("INVITE", via: "TCP [2001:db8::7]:5060"), on: client)
        let routes = bench.sent.to("B1").last?.wire.values("Record-Route") ?? []
        #expect(routes.count == 2 && routes[0].hasPrefix("<sip:10.0.0.5;transport=tcp;lr"))
        #expect(routes.last?.hasPrefix("<sip:\(String(buffer: client.token))@\(host);transport=tcp;lr") ?? false)
    }

    @Test("TRN-52: towards a server the listener of its address family stands for us, whatever the order")
    func facingFamily() {
        let six = IPAddress(parsing: "2001:db8:2::5") ?? .v4(0)
        let server = Endpoint(transport: .udp, address: IPAddress(parsing: "2001:db8:2::9") ?? .v4(0), port: 5060)
        let id = PoolID(index: 0)
        let backends = [server, .backend(1, .udp)].enumerated().map { place, endpoint in
            let backend = BackendID(pool: id, endpoint: endpoint)
            return BackendView(id: backend, name: "b\(place)", priority: UInt16(place), weight: 1)
        }
        let pool = PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)
        var snapshot = ProxySnapshot.sample([pool])
        let listener = ListenerID(index: 7)
        snapshot.listeners.append(Side.listener(listener, .access, .udp, six, 5060, "[2001:db8:2::5]"))
        let bench = Bench(snapshot)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.answer(503, to: bench.sent[0])
        let vias = bench.sent.filter { $0.status == 0 }.map { $0.wire.value("Via") ?? "" }
        #expect(vias.count == 2 && vias[0].hasPrefix("SIP/2.0/UDP [2001:db8:2::5];"))
        #expect(vias.last?.hasPrefix("SIP/2.0/UDP 10.0.0.5;") ?? false)
        let target = BackendTarget(endpoint: server, pool: id)
        #expect(bench.core.facingListener(target) == listener)
    }

    @Test("TRN-25: of two connections from one address and port range each gets the responses to its own requests")
    func connections() {
        let bench = Bench(1)
        let flows = [bench.client("A"), bench.client("B")]
        for (number, flow) in flows.enumerated() {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bKsame", callID: "c\(number)"), on: flow)
        }
        let sent = bench.sent.to("B1")
        bench.answer(200, to: sent[1])
        bench.answer(404, to: sent[0])
        #expect(bench.sent.to("A").answers == [404] && bench.sent.to("B").answers == [200])
    }

    @Test("TRN-33: a response of 20 KiB to a UDP client leaves by UDP")
    func largeResponse() {
        let bench = Bench(1)
        let phone = bench.client("U", Side.publicUDP)
        bench.receive(Wire.request("OPTIONS", via: "UDP 203.0.113.7:51000"), on: phone)
        let extra = (0..<10).map { "X-\($0): \(String(repeating: "x", count: 2048))" }
        bench.answer(200, to: bench.sent.to("B1")[0], extra: extra)
        let answer = bench.sent.last
        #expect(answer?.to == "203.0.113.7:51000" && answer?.isDatagram == true && answer?.flow == phone.id)
        #expect(answer.map { $0.bytes.readableBytes > 20_000 } ?? false)
    }

    @Test("TRN-06: a request that waits for DNS or for a mute server does not delay the next one on its connection")
    func headOfLine() {
        let snapshot = ProxySnapshot.sample(
            [.sample(1), PoolView.sample(2, index: 1)],
            routes: [
                RouteRule(methods: ["MESSAGE"], action: .pool(PoolID(index: 1))),
                RouteRule(action: .pool(PoolID(index: 0))),
            ]
        )
        let bench = Bench(snapshot)
        let peer = bench.client("P", Side.peerTLS)
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK1", extra: ["Route: <sip:slow.example;lr>"]), on: peer)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2"), on: peer)
        bench.behaviour[.backend(1)] = .takes
        bench.receive(Wire.request("MESSAGE", branch: "z9hG4bK3"), on: peer)
        #expect(bench.questions.count == 1)
        bench.answer(200, to: bench.sent.methods("MESSAGE")[0])
        #expect(bench.sent.to("P").answers == [200] && bench.elapsed == 0)
    }

    @Test("MSG-49: the branches of others are left as they are, however odd")
    func branches() {
        let bench = Bench(1)
        let vias = [
            "SIP/2.0/UDP a.example;branch=1", "SIP/2.0/TCP b.example;branch=z9hG4bK",
            "SIP / 2.0 / TLS c.example;branch=Z9HG4BK%41.~*", "SIP/2.0/UDP d.example",
            "SIP/2.0/SCTP e.example;branch=z9hG4bK-brana-000000000000000000;x=\"q\"",
        ]
        bench.receive(Wire.request("INVITE", extra: vias.map { "Via: \($0)" }), on: bench.client())
        #expect(bench.sent.to("B1").last?.wire.values("Via").suffix(5) == vias[...])
    }

    @Test("MSG-58: nothing tells what software this is: no Server and User-Agent but those that were sent")
    func fingerprint() {
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(200, to: bench.sent.to("B1")[0])
        for (number, method) in ["INVITE", "OPTIONS", "CANCEL", "BYE"].enumerated() {
            let hops = method == "CANCEL" ? 70 : 0
            bench.receive(Wire.request(method, branch: "z9hG4bKf\(number)", maxForwards: hops), on: client)
        }
        #expect(Set(bench.sent.answers) == [100, 200, 483, 481])
        let lines = bench.sent.flatMap(\.wire.lines).map { $0.lowercased() }
        #expect(!lines.contains { $0.hasPrefix("server") || $0.hasPrefix("user-agent") || $0.contains("brana") })
        bench.receive(
            Wire.request("OPTIONS", branch: "z9hG4bKu", extra: ["User-Agent: phone/1", "Server: x"]),
            on: client
        )
        let sent = bench.sent.to("B1").last?.wire
        #expect(sent?.values("User-Agent") == ["phone/1"] && sent?.values("Server") == ["x"])
    }

    @Test("MSG-58: unless a Server is configured, which stands in what the edge itself answers and nowhere else")
    func serverHeader() {
        var settings = ProxySettings()
        settings.serverLine = ByteBuffer(string: "Server: gate\r\n")
        let bench = Bench(1, settings: settings)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("CANCEL", branch: "z9hG4bK2"), on: client)
        bench.receive(Wire.request("BYE", branch: "z9hG4bK3", maxForwards: 0), on: client)
        let broken = Wire.request("BYE", branch: "z9hG4bK4").components("CSeq: 1 ").joined(separator: "CSeq: x ")
        bench.receive(broken, on: client)
        let answers = bench.sent.to("C")
        #expect(answers.statuses == [100, 200, 481, 483, 400])
        #expect(answers.map { $0.wire.values("Server").count } == [1, 0, 1, 1, 1])
        #expect(bench.sent.to("B1").allSatisfy { $0.wire.values("Server").isEmpty })
    }

    // MARK: Size

    private func large() -> Bench {
        let bench = Bench(1, .udp)
        bench.behaviour[.backend(1, .tcp)] = .holds
        bench.receive(Wire.request("MESSAGE", body: String(repeating: "x", count: 1300)), on: bench.client())
        return bench
    }

    @Test("TRN-41: refused over TCP, a large request goes by UDP, by another branch")
    func refused() {
        let bench = large()
        bench.fail(bench.sent[0], .refused)
        #expect(bench.sent.map { $0.endpoint?.transport } == [.tcp, .udp])
        #expect(bench.sent[0].wire.branch != bench.sent[1].wire.branch)
        bench.answer(200, to: bench.sent[1])
        #expect(bench.sent.answers == [200])
    }

    @Test("TRN-41: what swallows the connection lets nothing go by UDP")
    func blackHole() {
        let bench = large()
        bench.fail(bench.sent[0], .connectTimeout)
        bench.wait(40)
        #expect(bench.sent.filter { $0.status == 0 }.map { $0.endpoint?.transport } == [.tcp])
        #expect(bench.sent.answers.last.map { $0 >= 500 } ?? false)
    }
}
