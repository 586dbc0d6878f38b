// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Matching of requests and responses to transactions")
struct MatchingTests {
    private let bench = Bench(1)
    private let client: FlowContext
    private let datagrams: FlowContext

    init() {
        client = bench.client()
        datagrams = bench.client("U", Side.publicUDP)
    }

    @Test("TXN-20: copies of an INVITE get the latest provisional; the backend sees one")
    func repeatedInvite() {
        let text = Wire.request("INVITE", via: "UDP 203.0.113.7:51000")
        bench.receive(text, on: datagrams)
        bench.receive(text, on: datagrams)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.receive(text, on: datagrams)
        #expect(bench.sent.to("203.0.113.7:51000").statuses == [100, 100, 180, 180])
        #expect(bench.sent.to("B1").count == 1)
    }

    @Test("TXN-24: a copy of an INVITE after its 200 is absorbed")
    func repeatedAfterSuccess() {
        let text = Wire.request("INVITE", via: "UDP 203.0.113.7:51000")
        bench.receive(text, on: datagrams)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.wait(1)
        bench.receive(text, on: datagrams)
        #expect(bench.sent.answers == [100, 200] && bench.sent.to("B1").count == 1)
    }

    @Test("TXN-17: the answers to an INVITE and to its CANCEL, of one branch, reach their own machines")
    func sharedBranch() {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        bench.answer(180, to: invite)
        bench.receive(Wire.request("CANCEL"), on: client)
        let cancel = bench.sent.to("B1").methods("CANCEL")[0]
        #expect(cancel.wire.branch == invite.wire.branch)
        bench.answer(200, to: cancel)
        #expect(bench.sent.to("C").statuses == [100, 180, 200])
        bench.answer(487, to: invite)
        #expect(bench.sent.to("C").statuses == [100, 180, 200, 487])
    }

    @Test(
        "TXN-18: the right branch with another Call-ID, From tag, CSeq or method is dropped",
        arguments: [
            ("Call-ID: call-1", "Call-ID: call-2"), ("CSeq: 1 INVITE", "CSeq: 2 INVITE"),
            ("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), ("CSeq: 1 INVITE", "CSeq: 1 CANCEL"),
            (";tag=a\r", ";tag=c\r"), (";tag=a\r", "\r"),
        ]
    )
    func guessed(part: String, other: String) {
        bench.receive(Wire.request("INVITE"), on: client)
        let invite = bench.sent.to("B1")[0]
        let forged = invite.wire.answer(200).components(part).joined(separator: other)
        bench.receive(forged, on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.to("C").statuses == [100] && bench.drops == [.strayResponse])
        bench.answer(200, to: invite)
        #expect(bench.sent.to("C").statuses == [100, 200])
    }

    @Test("PRX-49, TRN-35: a response whose Via is not ours is dropped, and another worker's is handed over")
    func foreignVia() {
        bench.receive(Wire.request("INVITE"), on: client)
        let response = bench.sent.to("B1")[0].wire.answer(200)
        let branch = bench.sent.to("B1")[0].wire.branch
        let flow = bench.backendFlow(.backend(1))
        bench.receive(response.components(branch).joined(separator: "z9hG4bKelse"), on: flow)
        #expect(bench.drops == [.foreignVia])
        let moved = "z9hG4bK0007" + branch.dropFirst(11)
        bench.receive(response.components(branch).joined(separator: moved), on: flow)
        #expect(bench.handedOver == [7] && bench.sent.to("C").statuses == [100])
    }

    @Test(
        "TRN-35, TXN-18: the topmost Via of a response names what was written: addresses by value, and the port",
        arguments: [
            ("10.0.0.5", true), ("10.0.0.5:5060", true), ("10.0.0.6", false), ("10.0.0.5:5070", false),
            ("edge1.example.com", false), ("[::ffff:10.0.0.5]", true),
        ]
    )
    func sentByAddress(place: String, isOurs: Bool) {
        bench.receive(Wire.request("INVITE"), on: client)
        let response = bench.sent.to("B1")[0].wire.answer(200)
        #expect(response.components("TCP 10.0.0.5;").count == 2)
        let changed = response.components("TCP 10.0.0.5;").joined(separator: "TCP \(place);")
        bench.receive(changed, on: bench.backendFlow(.backend(1)))
        #expect(bench.sent.to("C").statuses == (isOurs ? [100, 200] : [100]))
        #expect(bench.drops == (isOurs ? [] : [.foreignVia]))
    }

    @Test(
        "TRN-35: names in any case, and the port of TLS where none is named",
        arguments: [
            ("edge1.core.example.com", true), ("EDGE1.Core.Example.com:5061", true),
            ("edge1.core.example.com:5060", false), ("edge2.core.example.com", false), ("10.0.0.5", false),
        ]
    )
    func sentByName(place: String, isOurs: Bool) {
        let bench = Bench(1, .tls)
        bench.receive(Wire.request("INVITE"), on: bench.client())
        let parts = bench.sent.to("B1")[0].wire.answer(200).components("TLS edge1.core.example.com;")
        bench.receive(parts.joined(separator: "TLS \(place);"), on: bench.backendFlow(.backend(1, .tls)))
        #expect(parts.count == 2 && bench.sent.to("C").statuses == (isOurs ? [100, 200] : [100]))
    }

    @Test("TRN-35: after a reload that changes our name, what was asked under the old one is still answered")
    func sentByAfterReload() {
        var listeners = Side.all
        let inner = IPAddress.v4(0x0A00_0005)
        listeners[2] = Side.listener(Side.innerTCP, .inner, .tcp, inner, 5060, "new.core.example.com")
        bench.receive(Wire.request("INVITE"), on: client)
        var snapshot = ProxySnapshot.sample([.sample(1)])
        snapshot.listeners = listeners
        bench.core.adopt(snapshot, now: bench.now)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2"), on: client)
        #expect(bench.sent.methods("OPTIONS")[0].wire.value("Via")?.contains("new.core.example.com") ?? false)
        bench.answer(200, to: bench.sent.methods("OPTIONS")[0])
        #expect(bench.sent.to("C").statuses == [100, 180, 200, 200] && bench.drops.isEmpty)
    }

    @Test("TXN-33: the same branch under another sent-by, and on UDP from another port, is another, and the same")
    func sentBy() {
        let first = Wire.request("OPTIONS", via: "UDP 10.0.0.9:5060;rport")
        bench.receive(first, on: datagrams)
        bench.receive(Wire.request("OPTIONS", via: "UDP 10.0.0.8:5060;rport"), on: datagrams)
        #expect(bench.sent.to("B1").count == 2)
        // The default port is the port that is not named.
        bench.receive(Wire.request("OPTIONS", via: "UDP 10.0.0.9;rport"), on: datagrams)
        #expect(bench.sent.to("B1").count == 2)
    }

    @Test("TXN-33: after NAT rebinding the answer goes to the newest port of the same address, and to no other address")
    func rebinding() {
        let text = Wire.request("OPTIONS", via: "UDP 10.0.0.9:5060;rport")
        bench.receive(text, on: datagrams)
        bench.receive(text, on: bench.client("U", Side.publicUDP, port: 40000))
        bench.receive(text, on: bench.client("U", Side.publicUDP, address: "203.0.113.66", port: 40000))
        #expect(bench.sent.to("B1").count == 1)
        bench.answer(200, to: bench.sent.to("B1")[0])
        #expect(bench.sent.filter { $0.status == 200 }.map(\.to) == ["203.0.113.7:40000"])
        bench.receive(text, on: bench.client("U", Side.publicUDP, address: "203.0.113.66", port: 40000))
        #expect(bench.sent.filter { $0.status == 200 }.allSatisfy { $0.to == "203.0.113.7:40000" })
    }

    @Test("TXN-34: without the cookie, a copy of an INVITE is known, and its ACK ends the copies of the final")
    func oldStyle() {
        let via = "UDP 203.0.113.7:51000"
        for text in [Wire.request("INVITE", via: via, branch: ""), Wire.request("INVITE", via: via, branch: "")] {
            bench.receive(text, on: datagrams)
        }
        #expect(bench.sent.to("B1").count == 1)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("ACK", via: via, branch: "", toTag: "b"), on: datagrams)
        bench.wait(8)
        #expect(bench.sent.filter { $0.status == 486 }.count == 1 && bench.core.transactionCount == 0)
        bench.receive(Wire.request("INVITE", via: via, branch: "", number: 2), on: datagrams)
        #expect(bench.sent.to("B1").methods("INVITE").count == 2)
    }

    @Test("TXN-34: without the cookie an ACK is for the final whose To tag it has")
    func oldStyleTags() {
        let via = "UDP 203.0.113.7:51000"
        bench.receive(Wire.request("INVITE", via: via, branch: ""), on: datagrams)
        bench.answer(486, to: bench.sent.to("B1")[0])
        for tag in ["c", nil] { bench.receive(Wire.request("ACK", via: via, branch: "", toTag: tag), on: datagrams) }
        bench.wait(until: 0.6)
        #expect(bench.sent.filter { $0.status == 486 }.count == 2, "it is not acknowledged yet")
        bench.receive(Wire.request("ACK", via: via, branch: "", toTag: "b"), on: datagrams)
        bench.wait(8)
        #expect(bench.sent.filter { $0.status == 486 }.count == 2 && bench.core.transactionCount == 0)
    }

    @Test("TXN-34: within a dialog INVITE, ACK and CANCEL have one To tag, and another tag is another request")
    func oldStyleInDialog() {
        let via = "UDP 203.0.113.7:51000"
        for tag in ["b", "b", "c", nil] {
            bench.receive(Wire.request("INVITE", via: via, branch: "", toTag: tag), on: datagrams)
        }
        let invites = bench.sent.to("B1")
        #expect(invites.map(\.wire.toTag) == ["b", "c", nil])
        bench.answer(180, to: invites[1])
        bench.receive(Wire.request("CANCEL", via: via, branch: "", toTag: "c"), on: datagrams)
        #expect(bench.sent.to("B1").methods("CANCEL").map(\.wire.toTag) == ["c"])
        bench.answer(486, to: invites[0])
        bench.receive(Wire.request("ACK", via: via, branch: "", toTag: "b"), on: datagrams)
        bench.wait(6)
        #expect(bench.sent.filter { $0.status == 486 }.count == 1)
        for tag in ["b", "c"] {
            bench.receive(Wire.request("OPTIONS", via: via, branch: "", number: 2, toTag: tag), on: datagrams)
        }
        #expect(bench.sent.to("B1").methods("OPTIONS").count == 2)
    }

    @Test("TXN-26: an ACK without the cookie for a 200 goes to the backend")
    func oldStyleAck() {
        bench.receive(Wire.request("INVITE", branch: ""), on: client)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("ACK", branch: "", toTag: "b"), on: client)
        #expect(bench.sent.requests == ["INVITE B1", "ACK B1"])
    }

    @Test("Whoever sends a server's request to another listener first does not take its place")
    func copyAtAnotherListener() {
        let inner = bench.client("S", Side.innerUDP, address: "192.0.2.1", port: 5060)
        let text = Wire.request("OPTIONS", via: "UDP 192.0.2.1:5060;rport")
        bench.receive(text, on: datagrams)
        bench.receive(text, on: inner)
        #expect(bench.core.transactionCount == 2 && bench.sent.to("B1").count == 2)
        bench.answer(200, to: bench.sent.to("B1")[1])
        #expect(bench.sent.answers == [200] && bench.sent.last?.flow == inner.id)
    }

    @Test("TXN-35: one sent-by and branch on two connections are two transactions")
    func connections() {
        let other = bench.client("D")
        let text = Wire.request("OPTIONS", via: "TLS x.invalid")
        bench.receive(text, on: client)
        bench.receive(text, on: other)
        #expect(bench.sent.to("B1").count == 2)
        for request in bench.sent.to("B1") { bench.answer(200, to: request) }
        #expect(bench.sent.answers == [200, 200] && bench.sent.to("D").count == 1)
    }

    @Test("TXN-36: the same Call-ID and CSeq by two branches are both forwarded")
    func merged() {
        bench.receive(Wire.request("INVITE", branch: "z9hG4bKa1"), on: client)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bKa2"), on: client)
        #expect(bench.sent.to("B1").count == 2 && Set(bench.sent.to("B1").map(\.wire.branch)).count == 2)
    }

    @Test("TXN-28: no provisional but 100 is sent on another request, and PRX-52: a 100 from the backend never")
    func noProvisionals() {
        bench.receive(Wire.request("OPTIONS"), on: client)
        bench.answer(183, to: bench.sent[0])
        bench.answer(100, to: bench.sent[0])
        #expect(bench.sent.to("C").isEmpty)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bKa2"), on: client)
        bench.answer(100, to: bench.sent.methods("INVITE")[0])
        bench.answer(183, to: bench.sent.methods("INVITE")[0])
        #expect(bench.sent.to("C").statuses == [100, 183])
    }

    @Test("TXN-25: a client that reconnects over the 486 and repeats its INVITE gets it again, and no second call")
    func reconnected() {
        bench.receive(Wire.request("INVITE"), on: client)
        bench.disconnect(client)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.receive(Wire.request("INVITE"), on: bench.client("C2"))
        #expect(bench.sent.to("C2").statuses == [486])
        #expect(bench.sent.to("B1").methods("INVITE").count == 1)
    }

    @Test(
        "TXN-35: who proves the same name repeats its INVITE over another connection and from another address: one call",
        arguments: [true, false]
    )
    func reconnectedByName(isClosed: Bool) {
        func flow(_ name: String, _ address: String, _ names: [String] = ["partner.example"]) -> FlowContext {
            var flow = bench.client(name, Side.peerTLS, address: address)
            flow.verifiedNames = names
            return flow
        }
        let first = flow("P", "192.0.2.200")
        bench.receive(Wire.request("INVITE"), on: first)
        // A connection that is half-open is not known to be gone.
        if isClosed { bench.disconnect(first) }
        bench.receive(Wire.request("INVITE"), on: flow("Q", "192.0.2.201"))
        bench.answer(486, to: bench.sent.to("B1")[0])
        #expect(bench.sent.to("B1").methods("INVITE").count == 1 && bench.sent.to("Q").statuses == [100, 486])
        // One of the connection, and one of the names.
        #expect(bench.core.indexedKeys == 2)
        bench.receive(Wire.request("INVITE"), on: flow("X", "192.0.2.200", ["other.example"]))
        #expect(bench.sent.to("B1").methods("INVITE").count == 2)
        bench.receive(Wire.request("ACK", toTag: "b"), on: flow("R", "192.0.2.202"))
        #expect(bench.core.transactionCount == 1)
    }

    @Test("TXN-35: two devices that share a certificate and a branch have a transaction each, and each its answer")
    func fleet() {
        func device(_ name: String, _ names: [String]) -> FlowContext {
            var flow = bench.client(name, Side.peerTLS, address: "192.0.2.200")
            flow.verifiedNames = names
            return flow
        }
        let (first, second) = (device("P", ["a.example", "b.example"]), device("Q", ["b.example", "a.example"]))
        bench.receive(Wire.request("OPTIONS", via: "TLS x.invalid", callID: "1"), on: first)
        bench.receive(Wire.request("OPTIONS", via: "TLS x.invalid", callID: "2"), on: second)
        for request in bench.sent.to("B1") { bench.answer(200, to: request) }
        #expect(bench.sent.to("P").map { $0.wire.value("Call-ID") } == ["1"])
        #expect(bench.sent.to("Q").map { $0.wire.value("Call-ID") } == ["2"])
        bench.wait(40)
        #expect(bench.isQuiet && bench.core.indexedKeys == 0)
    }

    @Test("TXN-45: a thousand mixed transactions leave nothing behind")
    func hygiene() {
        for number in 0..<1000 {
            let method = ["INVITE", "OPTIONS", "REGISTER", "MESSAGE"][number % 4]
            let text = Wire.request(method, branch: "z9hG4bK\(number)", callID: "\(number)", number: number + 1)
            bench.receive(text, on: client)
            guard let sent = bench.take().to("B1").first else { continue }
            if number % 3 > 0 { bench.answer(number % 3 == 1 ? 200 : 404, to: sent) }
        }
        #expect(bench.core.transactionCount > 300)
        // Timer B, and then H, for want of an ACK.
        bench.wait(64.1)
        #expect(bench.core.transactionCount == 0)
        bench.wait(37)
        #expect(bench.isQuiet)
    }

    @Test("TXN-46: at the limit an INVITE is answered 503 without Retry-After; what belongs to a dialog still passes")
    func limit() {
        var settings = ProxySettings()
        settings.transactions = 16
        let bench = Bench(1, settings: settings)
        let client = bench.client()
        for number in 0..<20 {
            bench.receive(Wire.request("INVITE", branch: "z9hG4bK\(number)", callID: "\(number)"), on: client)
        }
        let refused = bench.sent.filter { $0.status == 503 }
        #expect(!refused.isEmpty && refused.allSatisfy { $0.wire.value("Retry-After") == nil })
        _ = bench.take()
        bench.receive(Wire.request("BYE", branch: "z9hG4bKbye", toTag: "b"), on: client)
        bench.receive(Wire.request("ACK", branch: "z9hG4bKack", toTag: "b"), on: client)
        bench.receive(Wire.request("CANCEL", branch: "z9hG4bK1"), on: client)
        #expect(bench.sent.to("B1").map(\.method) == ["BYE", "ACK"] && bench.sent.answers == [200])
    }
}
