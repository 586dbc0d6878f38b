// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Where responses may come from")
struct ResponseSourceTests {
    /// What becomes of a 200 to a request that went to B1, from another address, by a listener's socket.
    private func answer(_ bench: Bench, from address: String, _ listener: ListenerID = Side.innerUDP) -> Int? {
        let client = bench.client()
        bench.receive(Wire.request("OPTIONS"), on: client)
        let sent = bench.sent.to("B1")[0]
        bench.receive(sent.wire.answer(200), on: bench.client("?", listener, address: address, port: 9))
        return bench.sent.to("C").answers.last
    }

    @Test("TRN-37: over UDP a response from an address that is neither the server's nor of its pool is dropped")
    func foreign() {
        let bench = Bench(2, .udp)
        #expect(answer(bench, from: "198.51.100.66") == nil && bench.drops == [.foreignSource])
        // The true answer still counts.
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("C").answers == [200])
    }

    @Test(
        "TRN-37: from the server's own address, whatever the port, and from another of the pool it is taken",
        arguments: ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"]
    )
    func known(address: String) {
        #expect(answer(Bench(2, .udp), from: address) == 200)
    }

    @Test("TRN-37: the same goes for pools' backends that a dialog names, and for a forged CANCEL's end of a call")
    func inDialog() {
        let bench = Bench(2, .udp)
        let client = bench.client()
        let route = "Route: <sip:\(String(buffer: client.token))@edge1.example.com;lr>"
        bench.receive(Wire.request("BYE", "sip:bob@192.0.2.1", toTag: "b", extra: [route]), on: client)
        let bye = bench.sent.to("B1")[0]
        bench.receive(bye.wire.answer(481), on: bench.client("?", Side.innerUDP, address: "198.51.100.66"))
        #expect(bench.drops == [.foreignSource])
        bench.receive(bye.wire.answer(200), on: bench.client("?", Side.innerUDP, address: "192.0.2.2"))
        #expect(bench.sent.to("C").answers == [200])
    }

    @Test("TRN-37: a client's own address answers for its flow, another does not")
    func ofClient() {
        let bench = Bench(1)
        let phone = bench.client("U", Side.publicUDP, port: 40001)
        let route = "Route: <sip:\(String(buffer: phone.token))@198.51.100.10;lr>"
        bench.receive(Wire.request("MESSAGE", via: "TCP 192.0.2.1", extra: [route]), on: bench.backendFlow(.backend(1)))
        let sent = bench.sent.last?.wire.answer(200) ?? ""
        bench.receive(sent, on: bench.client("V", Side.publicUDP, address: "203.0.113.99", port: 40001))
        #expect(bench.drops == [.foreignSource])
        bench.receive(sent, on: bench.client("U", Side.publicUDP, port: 40777))
        #expect(bench.sent.to("B1").answers == [200])
    }

    @Test("TRN-37: a pool of trunks with several addresses may say that any will do")
    func anySource() {
        var policy = ForwardingPolicy()
        policy.acceptsAnySource = true
        #expect(answer(Bench(1, .udp, policy: policy), from: "198.51.100.66") == 200)
    }

    @Test("TRN-36: a response comes by any connection or listener, but for a request over TLS by TLS alone")
    func transports() {
        for (transport, listener, isTaken) in [
            (SIPTransport.tcp, Side.innerUDP, true), (.tcp, Side.innerTLS, true), (.udp, Side.innerTCP, true),
            (.tls, Side.innerTLS, true), (.tls, Side.innerUDP, false), (.tls, Side.innerTCP, false),
        ] {
            let bench = Bench(1, transport)
            let status = answer(bench, from: "192.0.2.1", listener)
            #expect((status == 200) == isTaken, "\(transport) \(listener)")
            #expect(bench.drops == (isTaken ? [] : [.strayResponse]))
        }
    }

    @Test("PRX-44: an answer that is there before the driver says that the request was sent is matched, each time")
    func race() {
        let bench = Bench(1)
        bench.behaviour[.backend(1)] = .holds
        let client = bench.client()
        for number in 0..<10_000 {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)"), on: client)
            let taken = bench.take()
            bench.answer(200, to: taken[0])
            bench.report(taken[0])
            guard bench.take().answers == [200] else {
                Issue.record("request \(number)")
                return
            }
        }
        #expect(bench.drops.isEmpty && bench.core.transactionCount == 0)
    }

    @Test("PRX-49, PRX-80: no response is forwarded without a transaction, whoever's Via is on top")
    func stateless() {
        let bench = Bench(1)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        let sent = bench.sent.to("B1")[0]
        bench.answer(200, to: sent)
        _ = bench.take()
        // Ours, whose transaction has ended; and somebody else's.
        bench.answer(200, to: sent)
        let foreign = sent.wire.answer(200).components(sent.wire.branch).joined(separator: "z9hG4bKforeign")
        bench.receive(foreign, on: bench.backendFlow(.backend(1)))
        #expect(bench.take().isEmpty && bench.drops == [.strayResponse, .foreignVia])
    }

    // MARK: Loss

    @Test("PRX-03: from UDP to TCP the loss of any one datagram is made up for by state")
    func lossTowardsClient() {
        let bench = Bench(1)
        let phone = bench.client("U", Side.publicUDP)
        let text = Wire.request("OPTIONS", via: "UDP 203.0.113.7:51000")
        // The request was lost once and comes again; then the 200 is lost, and the request comes once more.
        bench.receive(text, on: phone)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(0.5)
        bench.receive(text, on: phone)
        #expect(bench.sent.to("203.0.113.7:51000").answers == [200, 200] && bench.sent.to("B1").count == 1)
    }

    @Test("PRX-03: and with two servers over UDP, whichever datagram is lost", arguments: [0, 1, 2])
    func lossTowardsServers(lost: Int) {
        let bench = Bench(2, .udp)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        // B1 refuses by 503, B2 takes the call; one of the datagrams that leave for them is lost.
        for _ in 0..<400 where !bench.sent.to("C").answers.contains(200) {
            let requests = bench.sent.filter { $0.status == 0 && $0.method == "INVITE" }
            let places = requests.indices.filter { $0 != lost }
            if let place = places.last(where: { requests[$0].to == "B2" }) {
                bench.answer(200, to: requests[place])
            } else if let place = places.last(where: { requests[$0].to == "B1" }) {
                bench.answer(503, to: requests[place])
            }
            bench.wait(0.01)
        }
        #expect(bench.sent.to("C").answers == [100, 200])
    }

    @Test("PRX-02: a slow answer to OPTIONS is all that the client sees")
    func noProvisional() {
        let bench = Bench(1)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.wait(1)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(10)
        #expect(bench.sent.to("C").answers == [200])
    }
}
