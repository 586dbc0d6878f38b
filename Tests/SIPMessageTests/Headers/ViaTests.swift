// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Via")
struct ViaTests {
    static func parse(_ value: String, adding rows: [String] = []) throws -> SIPMessage {
        try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Via": value], adding: rows))
    }

    static func refusal(_ value: String) -> MalformedMessage? {
        Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Via": value]))
    }

    @Test("MSG-46: white space round slashes and colon, parameters without value, quoted ones and unknown ones")
    func spacing() throws {
        let value =
            "SIP / 2.0\n / UDP first.example.com: 4000 ;x ;y=\"a;b,\\\"\" ;\tbranch = z9hG4bK1 , SIP/2.0/TCP b ;z"
        let message = try Self.parse(value)
        #expect(message.topmostVia.transport == .udp)
        #expect(message.text(message.topmostVia.host) == "first.example.com")
        #expect(message.topmostVia.port == 4_000)
        #expect(message.text(message.topmostVia.branch) == "z9hG4bK1")
        #expect(message.viaCount == 2)
        let second = try #require(message.secondVia)
        #expect(message.text(second.host) == "b")
        #expect(second.transport == .tcp)
        #expect(second.effectivePort == 5_060)
    }

    @Test("MSG-47: an unknown transport is read as none, in any place")
    func unknownTransport() throws {
        let message = try Self.parse(
            "SIP/2.0/FOO h;branch=1",
            adding: ["Via: SIP/2.0/UNKNOWN i", "Via: sip/2.0/tls j"]
        )
        #expect(message.topmostVia.transport == nil)
        #expect(message.viaCount == 3)
        #expect(message.secondVia.flatMap { message.text($0.host) } == "i")
        var transports: [SIPTransport?] = []
        _ = message.containsVia { via in
            transports.append(via.transport)
            return false
        }
        #expect(transports == [nil, nil, .tls])
        #expect(message.containsVia { $0.transport == .tls && $0.effectivePort == 5_061 })
    }

    @Test(
        "MSG-48, MSG-17, MSG-43: what makes a topmost Via unusable",
        arguments: [
            "SIP/2.0/UDP h;;branch=1", "SIP/2.0/UDP h;branch=1;", "SIP/2.0/UDP h;branch=1,", ",SIP/2.0/UDP h;branch=1",
            "SIP/2.0/UDP h;branch=1,,SIP/2.0/UDP i", "SIP/2.0/UDP h;branch=1;branch=1", "SIP/2.0/UDP h;branch",
            "SIP/2.0/UDP h;received=1.2.3.4;received=1.2.3.4", "SIP/2.0/UDP h;rport;rport=1", "SIP/2.0/UDP h:0",
            "SIP/2.0/UDP h:65536", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:5060a", "SIP/2.0/UDP [fe80::1%25eth0]",
            "SIP/2.0/UDP 2001:db8::1", "SIP/1.0/UDP h", "SIP/2.0 UDP h", "SIP/2.0/UDPh", "SIP/2.0/UDP", "", "h",
            "SIP/2.0/UDP h;x=\"a", "SIP/2.0/UDP h x", "SIP/2.0/UDP h;branch=a/b", "SIP/2.0/UDP h;maddr=a;maddr=b",
        ]
    )
    func broken(_ value: String) {
        let refusal = Self.refusal(value)
        #expect(refusal?.reason == .via)
        #expect(refusal?.status == 400)
    }

    @Test(
        "A broken lower Via refuses the message as well",
        arguments: ["SIP/2.0/UDP i;;x", ",", "", "SIP/2.0/UDP i;x=\""]
    )
    func brokenBelow(_ value: String) {
        #expect(Wire.refusal(Wire.request(adding: ["Via: \(value)"]))?.reason == .via)
    }

    @Test("MSG-38, MSG-39: IPv6 as sent-by in brackets, as received with them or without")
    func addresses() throws {
        for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let message = try Self.parse("SIP/2.0/UDP [2001:db8::9:1]:6050;received=\(received);branch=z9hG4bKa")
            #expect(message.topmostVia.address == IPAddress(parsing: "2001:db8::9:1"))
            #expect(message.topmostVia.port == 6_050)
            #expect(
                message.topmostVia.received.flatMap { message.address($0) } == IPAddress(parsing: "2001:db8::9:255")
            )
            #expect(message.text(message.topmostVia.branch) == "z9hG4bKa")
        }
    }

    @Test("rport asked for, given and absent; maddr, keep and alias (RFC 3581, RFC 6223, RFC 5923)")
    func parameters() throws {
        let message = try Self.parse("SIP/2.0/TLS h;RPORT;maddr=192.0.2.9;alias;keep;branch=1")
        #expect(message.topmostVia.returnPort == .requested)
        #expect(message.text(message.topmostVia.maddr) == "192.0.2.9")
        #expect(message.topmostVia.offersAlias && message.topmostVia.offersKeepAlive)
        #expect(try Self.parse("SIP/2.0/UDP h;rport=9988").topmostVia.returnPort == .value(9_988))
        #expect(try Self.parse("SIP/2.0/UDP h;rport=99999").topmostVia.returnPort == .requested)
        let plain = try Self.parse("SIP/2.0/UDP h;keep=30;xrport;aliases")
        #expect(plain.topmostVia.returnPort == .absent)
        #expect(!plain.topmostVia.offersKeepAlive && !plain.topmostVia.offersAlias)
    }

    @Test("MSG-50, MSG-51: the bare magic cookie names no transaction, in any case of its letters")
    func bareCookie() throws {
        for branch in ["z9hG4bK", "Z9HG4BK", "z9hg4bk"] {
            #expect(Self.refusal("SIP/2.0/UDP h;branch=\(branch)")?.reason == .branch)
        }
        for branch in ["z9hG4bK1", "z9hG4b", "1z9hG4bK"] {
            let message = try Self.parse("SIP/2.0/UDP h;branch=\(branch)")
            #expect(message.text(message.topmostVia.branch) == branch)
        }
    }
}
