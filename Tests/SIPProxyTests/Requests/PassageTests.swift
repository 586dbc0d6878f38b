// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

@Suite("Odd messages on their way through")
struct PassageTests {
    private let bench = Bench(1)
    private let client: FlowContext

    init() { client = bench.client() }

    /// Sends a request, and has its backend answer by this text.
    private func exchange(_ request: String, _ answer: (Wire) -> String) throws {
        bench.receive(request, on: client)
        let sent = try #require(bench.sent.last { $0.endpoint != nil })
        bench.receive(answer(sent.wire), on: try #require(bench.flow(of: sent)))
    }

    // MARK: Bodies

    /// 4 KiB of any octets, with a NUL and an empty line among them.
    private static func body(_ seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var bytes = (0..<4096).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        bytes.replaceSubrange(1000..<1008, with: [0, 0x0D, 0x0A, 0x0D, 0x0A, 0, 0xFF, 0xFE])
        return bytes
    }

    private static func adding(_ body: [UInt8], to text: String) -> ByteBuffer {
        let head = text.components("Content-Length: 0").joined(separator: "Content-Length: \(body.count)")
        var bytes = ByteBuffer(string: head)
        bytes.writeBytes(body)
        return bytes
    }

    @Test(
        "MSG-53: any octets of a body pass in both directions, between all transports",
        arguments: [Side.publicTLS, Side.publicTCP, Side.publicUDP],
        SIPTransport.allCases
    )
    func bodies(listener: ListenerID, transport: SIPTransport) throws {
        let bench = Bench(1, transport)
        let client = bench.client("C", listener)
        let (question, answer) = (Self.body(1), Self.body(2))
        for (number, method) in ["INVITE", "MESSAGE"].enumerated() {
            let text = Wire.request(method, branch: "z9hG4bK\(number)", callID: method)
            bench.receive(Self.adding(question, to: text), on: client)
            let sent = try #require(bench.sent.last { $0.method == method })
            #expect(sent.bytes.readableBytesView.suffix(4096).elementsEqual(question))
            let flow = try #require(bench.flow(of: sent))
            bench.receive(Self.adding(answer, to: sent.wire.answer(200)), on: flow)
            let response = try #require(bench.sent.last)
            #expect(response.status == 200 && response.wire.value("Content-Length") == "4096")
            #expect(response.bytes.readableBytesView.suffix(4096).elementsEqual(answer))
        }
    }

    // MARK: Vias

    @Test(
        "TRN-32, MSG-T43: a response whose next Via names everybody or nobody goes nowhere",
        arguments: ["255.255.255.255", "0.0.0.0", "224.0.0.1", "[::]", "[ff02::1]"]
    )
    func unsendable(host: String) throws {
        try exchange(Wire.request("OPTIONS")) { sent in
            sent.answer(200).components("TLS 192.168.1.20:49152").joined(separator: "UDP \(host)")
        }
        #expect(bench.sent.answers.isEmpty && bench.drops == [.unsendable])
    }

    @Test("MSG-39: received of IPv6 is taken with brackets and without, in a lower Via and on ours in a response")
    func receivedIPv6() throws {
        for (number, received) in ["[2001:db8::9]", "2001:db8::9"].enumerated() {
            _ = bench.take()
            let lower = "Via: SIP/2.0/UDP [2001:db8::10];received=\(received);branch=z9hG4bKb"
            try exchange(Wire.request("OPTIONS", branch: "z9hG4bK\(number)", extra: [lower])) { sent in
                let own = sent.branch
                return sent.answer(200).components(own).joined(separator: "\(own);received=\(received)")
            }
            #expect(bench.sent[0].wire.values("Via").last == String(lower.dropFirst(5)))
            #expect(bench.sent.answers == [200] && bench.sent[1].wire.values("Via").last == String(lower.dropFirst(5)))
        }
    }

    @Test("MSG-45: an underscore in a Via's host is taken, from clients and from servers")
    func underscore() {
        for (number, flow) in [client, bench.client("I", Side.innerTCP), bench.client("U", Side.innerUDP)].enumerated()
        {
            _ = bench.take()
            let via = flow.transport == .udp ? "UDP b_1.internal" : "TCP b_1.internal:5070"
            bench.receive(Wire.request("OPTIONS", via: via, branch: "z9hG4bK\(number)"), on: flow)
            #expect(bench.sent.requests == ["OPTIONS B1"])
            bench.answer(200, to: bench.sent[0])
            #expect(bench.sent.answers == [200])
        }
    }

    @Test("MSG-50: the cookie in any case stands for RFC 3261; the branch behind it counts byte by byte")
    func cookie() {
        let flow = bench.client("U", Side.publicUDP)
        func receive(_ branch: String, _ uri: String = "sip:bob@example.com") {
            bench.receive(Wire.request("OPTIONS", uri, via: "UDP 203.0.113.7:51000", branch: branch), on: flow)
        }
        receive("Z9HG4BKabc")
        receive("Z9HG4BKabc")
        // By RFC 2543 another Request-URI would be another transaction.
        receive("Z9HG4BKabc", "sip:carol@example.com")
        #expect(bench.sent.requests == ["OPTIONS B1"])
        receive("Z9HG4BKABC")
        receive("z9hG4bKabc")
        #expect(bench.sent.requests.count == 3)
    }

    // MARK: Routes

    @Test(
        "MSG-43: a first Route with an impossible port or a zone is 400",
        arguments: [
            "sip:edge1.example.com:0", "sip:edge1.example.com:65536", "sip:edge1.example.com:",
            "sip:edge1.example.com:5060a",
            "sip:[fe80::1%25eth0]", "sip:[fe80::1%eth0]",
        ]
    )
    func badRoute(uri: String) {
        for (number, flow) in [client, bench.client("I", Side.innerTCP)].enumerated() {
            _ = bench.take()
            let branch = "z9hG4bK\(number)"
            bench.receive(Wire.request("OPTIONS", branch: branch, extra: ["Route: <\(uri);lr>"]), on: flow)
            #expect(bench.sent.answers == [400] && bench.sent.requests.isEmpty)
        }
    }

    @Test(
        "MSG-41: our own IPv6 Route is known by its value, however it is spelled",
        arguments: ["[2001:DB8:1:0::10]", "[2001:db8:1::10]:5060", "[2001:0db8:0001:0:0:0:0.0.0.16]"]
    )
    func ownRoute(host: String) throws {
        var snapshot = ProxySnapshot.sample([.sample(1, .tcp)])
        let address = try #require(IPAddress(parsing: "2001:db8:1::10"))
        snapshot.listeners.append(
            Side.listener(ListenerID(index: 7), .access, .tcp, address, 5060, "[2001:db8:1::10]")
        )
        let bench = Bench(snapshot)
        bench.receive(Wire.request("OPTIONS", extra: ["Route: <sip:\(host);lr>"]), on: bench.client())
        #expect(bench.sent.requests == ["OPTIONS B1"] && bench.sent[0].wire.values("Route").isEmpty)
    }

    // MARK: Responses

    @Test(
        "MSG-08: an empty reason phrase passes, one that is missing too, and any bytes of one",
        arguments: ["SIP/2.0 200 ", "SIP/2.0 200", "SIP/2.0 200 = 2**3 * 9\"\u{7}\u{410}"]
    )
    func reason(line: String) throws {
        try exchange(Wire.request("OPTIONS")) {
            $0.answer(200).components("SIP/2.0 200 Reason").joined(separator: line)
        }
        let answer = try #require(bench.sent.last)
        #expect(answer.to == "C" && answer.wire.text.hasPrefix(line + "\r\n"))
    }

    @Test("MSG-13: a challenge folded over five rows reaches the client as one, and means the same")
    func folded() throws {
        let rows = ["Digest", "realm=\"a", "b\",", "nonce=\"84a4c\",", "algorithm=MD5"]
        try exchange(Wire.request("REGISTER")) { sent in
            sent.answer(401, extra: ["WWW-Authenticate: \(rows.joined(separator: "\r\n \t"))"])
        }
        let answer = try #require(bench.sent.last)
        #expect(answer.status == 401)
        #expect(answer.wire.text.contains("\r\nWWW-Authenticate: \(rows.joined(separator: " "))\r\n"))
    }

    @Test("MSG-33: what only requests have means nothing in a response, once or twice, and passes")
    func requestFields() throws {
        let extra = ["Route: <sip:192.0.2.66;lr>", "Max-Forwards: 0", "Max-Forwards: x"]
        try exchange(Wire.request("OPTIONS")) { $0.answer(200, extra: extra) }
        let answer = try #require(bench.sent.last)
        #expect(answer.to == "C" && answer.status == 200 && answer.wire.values("Max-Forwards") == ["0", "x"])
        #expect(answer.wire.values("Route") == ["<sip:192.0.2.66;lr>"])
    }

    @Test("MSG-57: the 100 for a slow backend repeats Timestamp")
    func timestamp() throws {
        bench.receive(Wire.request("INVITE", extra: ["Timestamp: 54"]), on: client)
        #expect(bench.sent.answers == [100] && bench.sent.first { $0.status == 100 }?.wire.value("Timestamp") == "54")
        let datagrams = bench.client("U", Side.publicUDP)
        _ = bench.take()
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2", extra: ["Timestamp: 54.2 0.1"]), on: datagrams)
        bench.wait(4)
        let trying = try #require(bench.sent.first { $0.status == 100 })
        #expect(trying.wire.value("Timestamp")?.hasPrefix("54.2") == true)
    }
}
