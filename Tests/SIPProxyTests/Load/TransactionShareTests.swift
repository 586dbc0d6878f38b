// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What one client may hold of the transactions")
struct TransactionShareTests {
    private static func bench(
        source: Int = 0,
        connection: Int = 0,
        trusted: [RouteRule.Network] = [],
        _ transport: SIPTransport = .tcp
    ) -> Bench {
        var settings = ProxySettings()
        settings.transactionsPerSource = source
        settings.transactionsPerConnection = connection
        settings.trustedSources = trusted
        return Bench(1, transport, settings: settings)
    }

    private static func invite(_ number: Int) -> String {
        Wire.request("INVITE", branch: "z9hG4bK\(number)", callID: "\(number)")
    }

    private static func cancel(_ number: Int) -> String {
        Wire.request("CANCEL", branch: "z9hG4bK\(number)", callID: "\(number)")
    }

    private static func inDialog(_ method: String, _ number: Int) -> String {
        Wire.request(method, branch: "z9hG4bKd\(number)", callID: "d\(number)", toTag: "b")
    }

    @Test("TXN-46: beyond what one address may hold INVITEs are 503 without Retry-After, whatever its connection")
    func source() {
        let bench = Self.bench(source: 10)
        let clients = [bench.client("C"), bench.client("D", port: 52000)]
        for number in 0..<12 { bench.receive(Self.invite(number), on: clients[number % 2]) }
        // A fifth is kept for dialogs.
        #expect(bench.sent.to("B1").methods("INVITE").count == 8)
        let refusals = bench.sent.filter { $0.status == 503 }
        #expect(refusals.count == 4 && refusals.allSatisfy { $0.wire.value("Retry-After") == nil })
        #expect(bench.limits == Array(repeating: .transactionsPerSource, count: 4))
        _ = bench.take()
        bench.receive(Self.invite(99), on: bench.client("E", address: "203.0.113.8"))
        #expect(bench.sent.requests == ["INVITE B1"], "another address is served")
    }

    @Test("TXN-46: forged datagrams take nothing from the connections of the address that they name")
    func forged() {
        let bench = Self.bench(source: 5)
        let datagrams = bench.client("U", Side.publicUDP)
        for number in 0..<10 { bench.receive(Self.invite(number), on: datagrams) }
        #expect(bench.sent.to("B1").count == 4)
        _ = bench.take()
        for number in 10..<14 { bench.receive(Self.invite(number), on: bench.client("C\(number)")) }
        #expect(bench.sent.requests == Array(repeating: "INVITE B1", count: 4))
    }

    @Test("TXN-46: the addresses of an IPv6 /64 are one client's, those of another are not")
    func networks() {
        let bench = Self.bench(source: 5)
        for number in 0..<8 {
            bench.receive(Self.invite(number), on: bench.client("C", address: "2001:db8:0:1::\(number)"))
        }
        #expect(bench.sent.to("B1").count == 4 && bench.limits.count == 4)
        bench.receive(Self.invite(8), on: bench.client("C", address: "2001:db8:0:2::1"))
        #expect(bench.sent.to("B1").count == 5)
    }

    @Test("TXN-46: what belongs to dialogs and to what was taken passes: BYE, ACK, CANCEL and repeats")
    func passes() {
        let bench = Self.bench(source: 10)
        let client = bench.client("U", Side.publicUDP)
        for number in 0..<9 { bench.receive(Self.invite(number), on: client) }
        bench.answer(180, to: bench.sent.to("B1")[0])
        _ = bench.take()
        bench.receive(Self.inDialog("BYE", 1), on: client)
        bench.receive(Self.inDialog("ACK", 2), on: client)
        bench.receive(Wire.request("CANCEL", branch: "z9hG4bK0", callID: "0"), on: client)
        #expect(bench.sent.requests.sorted() == ["ACK B1", "BYE B1", "CANCEL B1"])
        _ = bench.take()
        bench.receive(Self.invite(1), on: client)
        #expect(bench.sent.answers == [100], "a repeat gets what its first got")
        _ = bench.take()
        // Who fills even the part that is kept for dialogs is refused at last.
        for number in 10..<13 { bench.receive(Self.inDialog("INVITE", number), on: client) }
        #expect(bench.sent.to("B1").count == 1 && bench.sent.filter { $0.status == 503 }.count == 2)
    }

    @Test("TXN-46: beyond it other requests are dropped over UDP; over a connection a REGISTER may come again later")
    func others() {
        let bench = Self.bench(source: 5)
        let clients = [bench.client("U", Side.publicUDP), bench.client()]
        for number in 0..<8 { bench.receive(Self.invite(number), on: clients[number % 2]) }
        _ = bench.take()
        for (number, client) in clients.enumerated() {
            bench.receive(Wire.request("REGISTER", "sip:example.com", branch: "z9hG4bKr\(number)"), on: client)
        }
        #expect(bench.sent.answers == [503] && bench.sent[0].wire.value("Retry-After") != nil)
        #expect(bench.drops == [.overLimit])
    }

    @Test("TXN-46: one connection holds no more than its part; datagrams, which all come on one flow, have none")
    func connection() {
        let bench = Self.bench(connection: 5)
        let (client, other) = (bench.client("C"), bench.client("D", port: 52000))
        for number in 0..<6 { bench.receive(Self.invite(number), on: client) }
        #expect(
            bench.sent.to("B1").count == 4 && bench.limits == [.transactionsPerConnection, .transactionsPerConnection]
        )
        bench.receive(Self.invite(6), on: other)
        let datagrams = bench.client("U", Side.publicUDP)
        for number in 10..<20 { bench.receive(Self.invite(number), on: datagrams) }
        #expect(bench.sent.to("B1").count == 15)
    }

    @Test("TXN-46: own servers, partners and trusted sources bring the requests of many and are not limited")
    func exempt() {
        let trusted = RouteRule.Network(address: IPAddress(parsing: "203.0.113.8") ?? .v4(0), prefixLength: 32)
        let bench = Self.bench(source: 5, connection: 5, trusted: [trusted])
        let flows = [
            bench.client("I", Side.innerTCP), bench.client("P", Side.peerTLS),
            bench.client("T", address: "203.0.113.8"), bench.backendFlow(.backend(1)),
        ]
        for (place, flow) in flows.enumerated() {
            for number in 0..<10 { bench.receive(Self.invite(place * 100 + number), on: flow) }
        }
        #expect(bench.sent.to("B1").methods("INVITE").count == 40 && bench.limits.isEmpty)
        #expect(bench.core.transactionHolders == 0)
    }

    @Test("TXN-46: what still waits for late answers of a server over UDP is no longer its client's")
    func lateAnswers() {
        let bench = Self.bench(source: 5, .udp)
        let client = bench.client()
        for number in 0..<20 {
            bench.receive(Wire.request("MESSAGE", branch: "z9hG4bK\(number)", callID: "\(number)"), on: client)
            if let request = bench.sent.to("B1").last {
                bench.answer(200, to: request)
            }
        }
        #expect(bench.sent.to("C").answers == Array(repeating: 200, count: 20))
        #expect(bench.core.transactionCount == 20 && bench.core.transactionHolders == 0)
    }

    @Test("TXN-46, TXN-45: nothing stays counted of transactions that have ended, however they end")
    func ends() {
        let bench = Self.bench(source: 100, connection: 100, .udp)
        let clients = [bench.client("C"), bench.client("U", Side.publicUDP)]
        for (place, client) in clients.enumerated() {
            for number in 0..<8 { bench.receive(Self.invite(place * 10 + number), on: client) }
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bKo\(place)"), on: client)
            bench.receive(Wire.request("INVITE", branch: "z9hG4bKx\(place)", maxForwards: 0), on: client)
        }
        #expect(bench.core.transactionHolders == 3, "an address by connections and by datagrams, one connection")
        let invites = bench.sent.to("B1").methods("INVITE")
        for (place, invite) in invites.enumerated() where place % 3 < 2 {
            bench.answer(place % 3 == 0 ? 200 : 404, to: invite)
        }
        // Their client comes back over another connection and asks again (TXN-25).
        bench.disconnect(clients[0])
        let back = bench.client("C", port: 52000)
        for number in 0..<8 { bench.receive(Self.invite(number), on: back) }
        bench.wait(400)
        #expect(bench.isQuiet && bench.core.transactionHolders == 0)
    }

    @Test("TXN-46, TXN-37: the answer to a CANCEL is counted while it is kept, and not kept beyond the share")
    func cancels() {
        let bench = Self.bench(source: 10)
        let client = bench.client("U", Side.publicUDP)
        for number in 0..<6 { bench.receive(Self.invite(number), on: client) }
        for number in 0..<6 { bench.receive(Self.cancel(number), on: client) }
        // Eight of ten are for what begins anew.
        #expect(bench.core.transactionCount == 8 && bench.sent.filter { $0.status == 200 }.count == 6)
        #expect(bench.limits.isEmpty)
        _ = bench.take()
        for number in 0..<6 { bench.receive(Self.cancel(number), on: client) }
        #expect(bench.sent.answers == Array(repeating: 200, count: 6), "a copy is answered, kept or not")
        _ = bench.take()
        bench.receive(Self.inDialog("BYE", 1), on: client)
        #expect(bench.sent.requests == ["BYE B1"])
        bench.wait(400)
        #expect(bench.isQuiet && bench.core.transactionHolders == 0)
    }

    @Test(
        "OVL-20, TXN-46: of 2,000 BYEs none fails in a flood of five times the table, To tags or not, and CANCELs over UDP",
        arguments: [false, true],
        [false, true]
    )
    func flood(hasTag: Bool, byDatagram: Bool) {
        var settings = ProxySettings()
        (settings.transactions, settings.transactionsPerSource) = (1000, 300)
        let bench = Bench(1, settings: settings)
        bench.core.shedding = Shedding(share: Shedding.whole / 2, isSilent: false)
        let listener = byDatagram ? Side.publicUDP : Side.publicTLS
        let (flooder, user) = (bench.client("F", listener, address: "198.51.100.66"), bench.client())
        var served = 0
        for number in 0..<5000 {
            let text = Self.invite(number)
            bench.receive(hasTag ? Self.inDialog("INVITE", 100_000 + number) : text, on: flooder)
            if byDatagram {
                let call = hasTag ? "d\(100_000 + number)" : "\(number)"
                bench.receive(Wire.request("CANCEL", branch: "z9hG4bK\(call)", callID: call), on: flooder)
            }
            guard number % 5 < 2 else { continue }
            _ = bench.take()
            bench.receive(Self.inDialog("BYE", number), on: user)
            guard let bye = bench.sent.to("B1").methods("BYE").last else { continue }
            bench.answer(200, to: bye)
            served += bench.sent.to("C").answers == [200] ? 1 : 0
        }
        #expect(served == 2000)
        #expect(bench.core.transactionCount <= 300)
    }
}
