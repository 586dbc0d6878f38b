// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("URIs")
struct URITests {
    /// The URI as the Request-URI of a message, which is how one is read.
    static func parse(_ text: String) throws -> (uri: SIPURI, message: SIPMessage) {
        let message = try Wire.parse(Wire.request("OPTIONS \(text) SIP/2.0"))
        return (try #require(message.requestURI), message)
    }

    /// The URI of a Contact, which may hold headers and a method.
    static func contact(_ text: String) throws -> (uri: SIPURI, message: SIPMessage) {
        let message = try Wire.parse(Wire.request(adding: ["Contact: <\(text)>"]))
        return (try #require(message.firstContact.flatMap { message.uri(of: $0) }), message)
    }

    static func isRefused(_ text: String) -> Bool {
        Wire.refusal(Wire.request("OPTIONS \(text) SIP/2.0"))?.reason == .requestURI
    }

    @Test("MSG-35: the user part is opaque and ends at the @")
    func user() throws {
        for user in ["user;par=u%40h", "a", "a:secret", "a?b&c=d+e$f,g/h", "%00", "-._~!*'()"] {
            let (uri, message) = try Self.parse("sip:\(user)@example.com;lr")
            #expect(message.text(uri.user) == user)
            #expect(message.text(uri.host) == "example.com")
            #expect(uri.isLoose)
        }
        let (uri, message) = try Self.parse("sip:example.com:5070")
        #expect(uri.user.isEmpty)
        #expect(message.text(uri.host) == "example.com")
        #expect(uri.port == 5_070)
        #expect(Self.isRefused("sip:a@b@example.com"))
    }

    @Test(
        "MSG-36: loose routing in every spelling, unknown parameters pass, names in any case",
        arguments: ["lr", "LR", "lr=on", "Lr=true"]
    )
    func loose(_ parameter: String) throws {
        let (uri, message) = try Self.parse("sip:h;a=b;\(parameter);TRANSPORT=Tcp;x;MADDR=192.0.2.9;Ob;eP=3f9a")
        #expect(uri.isLoose && uri.hasOutbound)
        #expect(message.text(uri.transport) == "Tcp")
        #expect(message.transport(of: uri) == .tcp)
        #expect(message.text(uri.maddr) == "192.0.2.9")
        #expect(message.text(uri.pairing) == "3f9a")
        let (strict, _) = try Self.parse("sip:h;lrx;xlr;l=r;user=lr")
        #expect(!strict.isLoose && !strict.hasOutbound)
    }

    @Test("A transport parameter names a transport, TCP under sips meaning TLS; an unknown one names none")
    func transports() throws {
        let expected: [(String, SIPTransport?)] = [
            ("sip:h;transport=udp", .udp), ("sip:h;transport=TLS", .tls), ("sips:h;transport=tcp", .tls),
            ("sip:h;transport=sctp", nil), ("sip:h;transport", nil), ("sip:h", nil),
        ]
        for (text, transport) in expected {
            let (uri, message) = try Self.parse(text)
            #expect(message.transport(of: uri) == transport, "\(text)")
        }
        #expect(Self.isRefused("sip:h;transport=tcp;transport=udp"))
        #expect(Self.isRefused("sip:h;maddr=a;maddr=b"))
    }

    @Test(
        "MSG-37, MSG-38, MSG-43: hosts and ports that break the grammar",
        arguments: [
            "sip:a@ex%61mple.com", "sip:2001:db8::1", "sip:a@[2001:db8::1", "sip:a@[2001:db8::1]x", "sip:h:0",
            "sip:h:65536", "sip:h:", "sip:h:5060a", "sip:[fe80::1%25eth0]", "sip:[fe80::1%eth0]", "sip:[192.0.2.1]",
            "sip:a@", "sip:-h", "sip:.h", "sip:a@h/x", "sip:[]", "sip:h:99999999999999999999", "sip:h:-1", "sip:[h]",
        ]
    )
    func badHosts(_ text: String) {
        #expect(Self.isRefused(text))
    }

    @Test("MSG-38, MSG-43: IPv6 in brackets, its port outside; the largest and the smallest port")
    func hosts() throws {
        let expected: [(String, String, UInt16?)] = [
            ("sip:[2001:db8::10:5070]", "2001:db8::10:5070", nil), ("sip:[2001:db8::10]:5070", "2001:db8::10", 5_070),
            ("sip:192.0.2.1:65535", "192.0.2.1", 65_535), ("sip:h:1", "h", 1), ("sip:h:00005060", "h", 5_060),
            ("sip:[::ffff:192.0.2.1];lr", "::ffff:192.0.2.1", nil), ("sip:b_1.internal.", "b_1.internal.", nil),
        ]
        for (text, host, port) in expected {
            let (uri, message) = try Self.parse(text)
            #expect(message.text(uri.host) == host)
            #expect(uri.port == port)
            #expect(uri.address == IPAddress(parsing: host))
        }
    }

    @Test("MSG-41, MSG-45: a host equals a name in any case and without its dot, an address by its value")
    func hostEquality() throws {
        let expected: [(String, String, Bool)] = [
            ("sip:[2001:DB8:1:0::10];lr", "2001:db8:1::10", true), ("sip:[2001:DB8::9:01]", "[2001:db8::9:1]", true),
            ("sip:[::ffff:192.0.2.1]", "192.0.2.1", true), ("sip:192.0.2.1", "::ffff:c000:201", true),
            ("sip:sip.example.com.;lr", "SIP.example.com", true), ("sip:sip.example.com", "sip.example.com.", true),
            ("sip:sip.example.com", "sip.example.co", false), ("sip:192.0.2.1", "192.0.2.10", false),
            ("sip:[2001:db8::1]", "2001:db8::2", false), ("sip:192.0.2.1", "example.com", false),
            ("sip:example.com", "192.0.2.1", false), ("sip:example.com", "", false),
        ]
        for (text, name, isEqual) in expected {
            let (uri, message) = try Self.parse(text)
            #expect(uri.hostEquals(name, in: message.bytes) == isEqual, "\(text) and \(name)")
        }
    }
}
