// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Trust boundary")
struct TrustTests {
    private static let asserted = "P-Asserted-Identity: <sip:ceo@example.com>"
    private static let preferred = "P-Preferred-Identity: <sip:ceo@example.com>"
    private static let hidden = "Privacy: id"

    private static func bench(_ headers: [String] = HeaderFilter.standardNames, poolIsTrusted: Bool = true) -> Bench {
        var settings = ProxySettings()
        settings.removedHeaders = HeaderFilter(headers)
        var policy = ForwardingPolicy()
        policy.isTrusted = poolIsTrusted
        return Bench(1, policy: policy, settings: settings)
    }

    /// The fields below CSeq of what a backend gets of a request with these fields.
    private func forwarded(_ extra: [String], by listener: ListenerID, _ bench: Bench = bench()) -> [String] {
        bench.receive(Wire.request("INVITE", extra: extra), on: bench.client("C", listener))
        guard let lines = bench.sent.to("B1").first?.wire.lines, let cseq = lines.firstIndex(of: "CSeq: 1 INVITE")
        else {
            return ["nothing left"]
        }
        return lines[(cseq + 1)...].dropLast()
    }

    @Test("OVL-47: identities from untrusted peers go no further; those from trusted ones do")
    func requests() {
        let extra = [Self.asserted, "X-Foo: bar", Self.preferred, Self.asserted]
        #expect(forwarded(extra, by: Side.publicTLS) == ["X-Foo: bar"])
        #expect(forwarded(extra, by: Side.innerTCP) == extra)
        #expect(forwarded(extra, by: Side.peerTLS) == extra)
    }

    @Test("OVL-47: with Privacy: id an identity goes to trusted peers alone")
    func privacy() {
        let extra = [Self.asserted, "Privacy: critical ; ID"]
        #expect(forwarded(extra, by: Side.innerTCP) == extra)
        #expect(forwarded(extra, by: Side.innerTCP, Self.bench(poolIsTrusted: false)) == [extra[1]])
        for words in ["none", "user;header", "idle", ""] {
            let extra = [Self.asserted, "Privacy: \(words)"]
            #expect(forwarded(extra, by: Side.innerTCP, Self.bench(poolIsTrusted: false)) == extra)
        }
    }

    @Test("OVL-47: a call from our servers to a client's flow tells a hidden identity to nobody outside")
    func toClient() {
        for (listener, isTold) in [(Side.publicTLS, false), (Side.peerTLS, true)] {
            let bench = Self.bench()
            let client = bench.client("C", listener)
            let route = "Route: <sip:\(String(buffer: client.token))@10.0.0.5;transport=tcp;lr>"
            let extra = [route, Self.asserted, Self.hidden]
            bench.receive(
                Wire.request("INVITE", via: "TCP 192.0.2.1", extra: extra),
                on: bench.backendFlow(.backend(1))
            )
            let sent = bench.sent.to("C").methods("INVITE")
            #expect(sent.count == 1 && sent[0].wire.value("Privacy") == "id")
            #expect((sent[0].wire.value("P-Asserted-Identity") != nil) == isTold)
            // What the client answers of its own identity is not believed.
            bench.answer(200, to: sent[0], extra: [Self.asserted, Self.preferred, "X-Foo: bar"])
            let answer = bench.sent.last?.wire
            #expect(answer?.status == 200 && answer?.value("X-Foo") == "bar")
            #expect((answer?.value("P-Asserted-Identity") != nil) == isTold)
            #expect((answer?.value("P-Preferred-Identity") != nil) == isTold)
        }
    }

    @Test(
        "OVL-47: the same holds for responses, whether they are relayed at once or collected",
        arguments: [183, 200, 486, 503]
    )
    func responses(status: Int) {
        for (listener, isTold) in [(Side.publicTLS, false), (Side.innerTCP, true)] {
            let bench = Self.bench()
            bench.receive(Wire.request("INVITE"), on: bench.client("C", listener))
            bench.answer(status, to: bench.sent.to("B1")[0], extra: [Self.asserted, Self.hidden])
            let answer = bench.sent.to("C").last?.wire
            // A lone 503 is answered here.
            let isRelayed = status != 503
            #expect((answer?.value("P-Asserted-Identity") != nil) == (isTold && isRelayed))
            #expect((answer?.value("Privacy") != nil) == isRelayed)
        }
        let doubtful = Self.bench(poolIsTrusted: false)
        doubtful.receive(Wire.request("INVITE"), on: doubtful.client("I", Side.innerTCP))
        doubtful.answer(status, to: doubtful.sent.to("B1")[0], extra: [Self.asserted, "X-Foo: bar"])
        #expect(doubtful.sent.to("I").last?.wire.value("P-Asserted-Identity") == nil)
    }

    @Test(
        "TLS-26, OVL-47: a response is believed by the pool that was asked, though its server's own connection brings it"
    )
    func byAlias() {
        for (poolIsTrusted, listener) in [(false, Side.peerTLS), (true, Side.publicTLS)] {
            let bench = Self.bench(poolIsTrusted: poolIsTrusted)
            bench.receive(Wire.request("INVITE"), on: bench.client("I", Side.innerTCP))
            let answer = bench.sent.to("B1")[0].wire.answer(200, extra: [Self.asserted])
            bench.receive(answer, on: bench.client("P", listener))
            let told = bench.sent.to("I").last?.wire
            #expect(told?.startLine.hasPrefix("SIP/2.0 200") == true)
            #expect((told?.value("P-Asserted-Identity") != nil) == poolIsTrusted)
        }
    }

    @Test(
        "OVL-48: each field of the standard list goes, and nothing that is not on it",
        arguments: [
            "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Served-User", "P-User-Database",
            "P-Asserted-Identity", "P-Preferred-Identity",
        ]
    )
    func standard(name: String) {
        let extra = ["\(name): x;y=z", "P-Access-Network-Info: IEEE-802.11", "X-Foo: bar", "P-Foo: bar"]
        #expect(forwarded(extra, by: Side.publicTLS) == Array(extra[1...]))
        #expect(forwarded(extra, by: Side.innerTCP) == extra)
    }

    @Test("OVL-48, OVL-50: fields of the operator's choice go in every spelling, compact, odd and folded")
    func chosen() {
        let bench = Self.bench(["X-Client-Address", "P-Access-Network-Info", "Referred-By"])
        let extra = [
            "X-CLIENT-address: 1", "x-client-address \t:\r\n 2,\r\n\t3", "X-Client-Addres: 4", "X-Client-Address-2: 5",
            "X_Client-Address: 6", "p-access-network-INFO:7", "b: <sip:x@y>", "Referred-by:\r\n <sip:z@y>", "X-b: 8",
            "P-Charging-Vector: 9",
        ]
        #expect(
            forwarded(extra, by: Side.publicTLS, bench) == [
                "X-Client-Addres: 4", "X-Client-Address-2: 5", "X_Client-Address: 6", "X-b: 8", "P-Charging-Vector: 9",
            ]
        )
    }

    @Test("OVL-50: what the edge itself tells a client, nobody else can have told it")
    func ownFields() {
        let bench = Self.bench()
        let client = bench.client()
        bench.receive(Wire.request("REGISTER", "sip:example.com"), on: client)
        let extra = ["flow-TIMER: 9", "Flow-Timer:\r\n 8", "Require: outbound"]
        bench.answer(200, to: bench.sent.to("B1")[0], extra: extra)
        #expect(bench.sent.last?.wire.values("Flow-Timer") == ["120"])
    }

    @Test(
        "OVL-49: what signatures cover leaves as it came: Identity, Date, From, To, Call-ID, CSeq, Contact and the body"
    )
    func signatures() {
        let extra = [
            "Date:  Thu, 26 Nov 2026 01:00:00 GMT", "Identity: eyJhbGciOiJFUzI1NiJ9..sig;info=<https://x/c>;alg=ES256",
            "y: second", "Contact:  <sip:alice@192.168.1.20>;q=0.5", Self.asserted, "Content-Type: application/sdp",
        ]
        let text = Wire.request("INVITE", extra: extra, body: "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\n")
        let bench = Self.bench()
        bench.receive(text, on: bench.client())
        let (sent, given) = (bench.sent.to("B1")[0].wire, Wire(text))
        for name in ["Date", "Identity", "y", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Type"] {
            #expect(sent.lines.filter { $0.hasPrefix("\(name):") } == given.lines.filter { $0.hasPrefix("\(name):") })
        }
        #expect(sent.body == given.body && sent.value("P-Asserted-Identity") == nil)
    }

    @Test(
        "OVL-49: no list can name what routing, signatures and credentials need",
        arguments: [
            "Via", "v", "from", "t", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Content-Length", "Date",
            "Identity", "y", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate",
        ]
    )
    func untouchable(name: String) { #expect(!HeaderFilter.mayRemove(name)) }

    @Test(
        "TLS-26: a field that the edge writes has no other meaning, nor a compact form that could forge it",
        arguments: [
            ("X-Brana-Peer", true), ("Peer", true), ("Subject", false), ("s", false), ("Referred-By", false),
            ("P-Asserted-Identity", false), ("Privacy", false), ("Date", false), ("Via", false),
        ]
    )
    func free(name: String, isFree: Bool) { #expect(HeaderFilter.isFree(name) == isFree) }

    @Test("A message without any of these fields costs one comparison")
    func cheap() throws {
        let text = ByteBuffer(string: Wire.request("INVITE", extra: ["X-Foo: bar"]))
        let outcome = MessageParser.parse(text, framing: .stream, limits: MessageLimits())
        guard case .message(let message) = outcome else {
            Issue.record("no message")
            return
        }
        #expect(!HeaderFilter().mayConcern(message) && HeaderFilter(["X-Bar"]).mayConcern(message))
    }
}
