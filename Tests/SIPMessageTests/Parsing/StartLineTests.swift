// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Start lines")
struct StartLineTests {
    /// A response with that status line.
    static func response(_ line: String, cSeq: String = "1 INVITE") -> ByteBuffer {
        Wire.request(line, ["CSeq": cSeq])
    }

    @Test(
        "MSG-02: one space between the parts and none around them",
        arguments: [
            "OPTIONS  sip:b@h SIP/2.0", "OPTIONS sip:b@h  SIP/2.0", "OPTIONS sip:b@h SIP/2.0 ",
            " OPTIONS sip:b@h SIP/2.0", "OPTIONS\tsip:b@h SIP/2.0", "OPTIONS sip:b@h", "OPTIONS", "OPTIONS sip:b@h SIP",
            "OPT(IONS sip:b@h SIP/2.0",
        ]
    )
    func spacing(_ line: String) {
        let refusal = Wire.refusal(Wire.request(line, ["CSeq": "1 OPTIONS"]))
        #expect(refusal?.status == 400)
        #expect(refusal.map { [.startLine, .requestURI].contains($0.reason) } == true)
    }

    @Test("MSG-03: methods are case-sensitive tokens", arguments: ["invite", "NEWTHING", "RE%47ISTER", "!-.%*_+`'~"])
    func unknownMethods(_ method: String) throws {
        let message = try Wire.parse(Wire.request("\(method) sip:bob@example.com SIP/2.0"))
        #expect(message.method == .other)
        #expect(message.text(message.cSeq.methodText) == method)
    }

    @Test("Every known method is known by its name alone")
    func knownMethods() throws {
        for method in SIPMethod.allCases where method != .other {
            let message = try Wire.parse(Wire.request("\(method.name) sip:bob@example.com SIP/2.0"))
            #expect(message.method == method)
            let longer = try Wire.parse(Wire.request("\(method.name)S sip:bob@example.com SIP/2.0"))
            #expect(longer.method == .other)
        }
    }

    @Test("MSG-04: the version compares in any case and leaves as SIP/2.0; another one is answered with 505")
    func version() throws {
        let message = try Wire.parse(Wire.request("OPTIONS sip:b@h sip/2.0"))
        var edits = MessageEdits()
        let sent = edits.applied(to: message, allocator: ByteBufferAllocator())
        #expect(sent == Wire.request("OPTIONS sip:b@h SIP/2.0"))
        for version in ["SIP/7.0", "SIP/2.00", "SIP/3", "SIP/2.0x"] {
            let refusal = try #require(Wire.refusal(Wire.request("OPTIONS sip:b@h \(version)")))
            #expect(refusal.status == 505)
            let answer = try #require(ResponseWriter.response(to: refusal, source: nil))
            #expect(answer.lines.contains("\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1\n"))
        }
    }

    @Test(
        "MSG-05, MSG-06: brackets, blanks, controls, headers and a method parameter stand in no Request-URI",
        arguments: [
            "<sip:a@example.com>", "sip:a@example.com; lr", "sip:a@example.com\u{7F}", "sip:a\u{1}@example.com",
            "sip:a@example.com?Route=%3Csip:evil.example%3E", "sip:a@example.com;method=INVITE",
            "sip:a@example.com;METHOD", "sips:a@h?x=1", "\"a\"sip:b@h", "b@h", "1sip:b@h", "sip:", ":b@h", "sip:@h",
        ]
    )
    func requestURI(_ uri: String) {
        let refusal = Wire.refusal(Wire.request("OPTIONS \(uri) SIP/2.0"))
        #expect(refusal?.reason == .requestURI)
        #expect(refusal?.status == 400)
    }

    @Test("MSG-07: other schemes are told apart, and their URIs pass as they are")
    func schemes() throws {
        let schemes: [(String, URIScheme)] = [
            ("nobody:opaque", .other), ("tel:+1-555;x", .tel), ("urn:service:sos", .urn), ("SIPS:b@h", .sips),
            ("sIp:b@h", .sip), ("siip:b", .other), ("http://h/?x=1&method=2", .other),
        ]
        for (uri, scheme) in schemes {
            let message = try Wire.parse(Wire.request("OPTIONS \(uri) SIP/2.0"))
            #expect(message.requestURI?.scheme == scheme)
            #expect(message.text(message.requestURI?.range) == uri)
        }
    }

    @Test("MSG-08: a reason phrase may be empty, missing with its space, or any bytes")
    func reasons() throws {
        for (line, reason) in [
            ("SIP/2.0 200 ", ""), ("SIP/2.0 200", ""), ("SIP/2.0 200 = 2**3 \u{43F}", "= 2**3 \u{43F}"),
        ] {
            let message = try Wire.parse(Self.response(line))
            guard case .response(200, let range) = message.startLine else {
                Issue.record("\(line) is no 200")
                continue
            }
            #expect(message.text(range) == reason)
            #expect(message.method == .invite)
        }
    }

    @Test(
        "MSG-08: a status that is not three digits of 100 to 699 drops the response",
        arguments: [
            "SIP/2.0 4294967301 x", "SIP/2.0 99 x", "SIP/2.0 099 x", "SIP/2.0 700 x", "SIP/2.0 2000 x", "SIP/2.0 20x y",
            "SIP/2.0  200 OK", "SIP/2.0", "SIP/2.0 -20 x", "SIP/3.0 200 OK", "SIP/2.0x200 OK",
        ]
    )
    func statuses(_ line: String) {
        let refusal = Wire.refusal(Self.response(line))
        #expect(refusal != nil)
        #expect(refusal?.status == nil)
        #expect(refusal?.isResponse == true)
    }

    @Test("A Request-URI above its limit is answered with 414")
    func longURI() {
        var limits = MessageLimits()
        limits.requestURI = 20
        let fits = "sip:bob@example.com;"
        #expect(Wire.refusal(Wire.request("OPTIONS \(fits.prefix(20)) SIP/2.0"), limits: limits) == nil)
        #expect(Wire.refusal(Wire.request("OPTIONS \(fits)x SIP/2.0"), limits: limits)?.status == 414)
    }
}
