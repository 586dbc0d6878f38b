// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Header fields")
struct HeaderTests {
    @Test("MSG-11: names compare in any case, and long and compact forms are one field")
    func names() throws {
        let rows = ["v: SIP/2.0/TCP b;branch=2", "VIA: SIP/2.0/TLS c;branch=3, SIP/2.0/UDP d;branch=4"]
        let message = try Wire.parse(Wire.request(adding: rows))
        #expect(message.viaCount == 4)
        #expect(message.foreignBranches().map { message.text($0) } == ["z9hG4bKa1", "2", "3", "4"])
    }

    /// Every field with a compact form that the edge reads, its long form, and a value that does in a request.
    private static let forms: [(compact: String, long: String, name: HeaderName, value: String)] = [
        ("v", "Via", .via, "SIP/2.0/TCP b;branch=z9hG4bK2"), ("f", "From", .from, "<sip:a@h>;tag=1"),
        ("t", "To", .to, "<sip:b@h>"), ("i", "Call-ID", .callID, "c1"), ("m", "Contact", .contact, "<sip:a@h>"),
        ("k", "Supported", .supported, "path"), ("c", "Content-Type", .contentType, "text/plain"),
        ("l", "Content-Length", .contentLength, "2"),
    ]

    @Test("MSG-11: each compact form, in both cases, is its long form: found by its name, one list or a repeated field")
    func compactForms() throws {
        let single: Set<HeaderName> = [.from, .to, .callID, .contentType, .contentLength]
        for form in Self.forms {
            for spelling in [form.compact, form.compact.uppercased(), form.long, form.long.uppercased()] {
                // Only this one is spelt so.
                func rows(_ before: [String] = []) -> [String] {
                    let rows = Self.forms.map { "\($0.name == form.name ? spelling : $0.long): \($0.value)" }
                    return before + rows + ["CSeq: 1 MESSAGE", "Max-Forwards: 70"]
                }
                let message = try Wire.parse(Self.message(rows()))
                let fields = message.headers.filter { $0.name == form.name }
                #expect(fields.map { message.text($0.nameRange) } == [spelling])
                #expect(fields.map { message.text($0.value) } == [form.value])
                let twice = Self.message(rows(["\(form.long): \(form.value)"]))
                if single.contains(form.name) {
                    #expect(Wire.refusal(twice) != nil, "\(spelling) beside \(form.long)")
                } else {
                    #expect(try Wire.parse(twice).headers.filter { $0.name == form.name }.count == 2)
                }
            }
        }
    }

    @Test("MSG-11: long and compact rows of every field interleaved: each list in its order, every value in its place")
    func interleaved() throws {
        let rows = [
            "v: SIP/2.0/TLS a;branch=z9hG4bKa", "m: <sip:1@h>", "K: one", "Via: SIP/2.0/UDP b;branch=z9hG4bKb",
            "f: <sip:a@h>;tag=1", "Supported: two, three",
            "VIA: SIP/2.0/TCP c;branch=z9hG4bKc, SIP/2.0/UDP d;branch=z9hG4bKd",
            "T: <sip:b@h>", "I: c1", "CONTACT: <sip:2@h>", "CSeq: 1 MESSAGE", "k: four",
            "V: SIP/2.0/TLS e;branch=z9hG4bKe",
            "C: text/plain", "L: 2", "s: subject", "Max-Forwards: 70", "M: <sip:3@h>",
        ]
        let message = try Wire.parse(Self.message(rows))
        #expect(message.viaCount == 5 && message.topmostVia.transport == .tls)
        let branches = message.foreignBranches().map { message.text($0) }
        #expect(branches == ["a", "b", "c", "d", "e"].map { "z9hG4bK\($0)" })
        func values(_ name: HeaderName) -> [String?] {
            message.headers.filter { $0.name == name }.map { message.text($0.value) }
        }
        #expect(values(.contact) == ["<sip:1@h>", "<sip:2@h>", "<sip:3@h>"])
        #expect(values(.supported) == ["one", "two, three", "four"])
        #expect(values(.from) == ["<sip:a@h>;tag=1"] && message.text(message.from.tag) == "1")
        #expect(values(.to) == ["<sip:b@h>"] && message.text(message.callID) == "c1")
        #expect(values(.contentType) == ["text/plain"] && message.hasContentLength && message.body.count == 2)
    }

    private static func message(_ rows: [String]) -> ByteBuffer {
        Wire.bytes((["MESSAGE sip:b@h SIP/2.0"] + rows + ["", "hi"]).joined(separator: "\n"))
    }

    @Test("Every name that is known by its long form is known in any case, and no name one letter off is")
    func longNames() throws {
        let names: [(String, HeaderName)] = [
            ("Contact", .contact), ("Max-Breadth", .maxBreadth), ("Route", .route), ("Record-Route", .recordRoute),
            ("Path", .path), ("Require", .require), ("Proxy-Require", .proxyRequire), ("Supported", .supported),
            ("Content-Type", .contentType), ("Expires", .expires), ("Timestamp", .timestamp),
            ("Retry-After", .retryAfter), ("Reason", .reason), ("Flow-Timer", .flowTimer), ("Privacy", .privacy),
            ("P-Asserted-Identity", .pAssertedIdentity), ("P-Preferred-Identity", .pPreferredIdentity),
            ("Proxy-Authenticate", .proxyAuthenticate), ("WWW-Authenticate", .wwwAuthenticate), ("Warning", .warning),
            ("User-Agent", .userAgent),
        ]
        for (text, name) in names {
            for form in [text, text.uppercased(), text.lowercased()] {
                let message = try Wire.parse(Wire.request(adding: ["\(form): 1"]))
                #expect(message.first(name).map { message.text($0.nameRange) } == form)
            }
            for index in text.indices {
                let letter = text[index] == "x" ? "y" : "x"
                let other = text.replacingCharacters(in: index, with: letter)
                let message = try Wire.parse(Wire.request(adding: ["\(other): 1"]))
                #expect(!message.has(name), "\(other)")
            }
        }
    }

    @Test("MSG-12, MSG-13: blanks before the colon and folds anywhere after it")
    func spacing() throws {
        let text = """
            OPTIONS sip:b@h SIP/2.0
            Via  : SIP/2.0/UDP
             192.0.2.1
            \t;branch=z9hG4bK1
            From\t:
              "a
             b"
              <sip:a@h>;tag=1
            To :
             sip:b@h
            Call-ID:x
            CSeq:  1
             OPTIONS
            """
        let message = try Wire.parse(Wire.message(text))
        #expect(message.isFolded)
        #expect(message.text(message.topmostVia.branch) == "z9hG4bK1")
        #expect(message.text(message.from.tag) == "1")
        #expect(message.text(message.to.uri) == "sip:b@h")
        #expect(message.cSeq.number == 1)
    }

    @Test("MSG-14: a list in one row, in three rows and in two is the same list")
    func lists() throws {
        let (a, b, c) = ("<sip:a;lr>", "\"x,y\" <sip:b;lr>;p=\"1,2\"", "<sip:c,d@h;lr>")
        let forms = [
            ["Route: \(a),\(b) , \(c)"], ["Route: \(a)", "Route: \(b)", "Route: \(c)"],
            ["Route: \(a),\(b)", "Route:\(c)"],
        ]
        for rows in forms {
            let message = try Wire.parse(Wire.request(adding: rows))
            let routes = try #require(message.routeValues(.route))
            #expect(routes.map { message.text($0.range) } == [a, b, c])
            #expect(routes.map { message.text($0.uri.range) } == ["sip:a;lr", "sip:b;lr", "sip:c,d@h;lr"])
        }
        let tags = try Wire.parse(Wire.request(adding: ["Supported: path ,outbound", "k: 100rel,,"]))
        #expect(tags.optionTags(.supported).map { tags.text($0) } == ["path", "outbound", "100rel"])
        #expect(tags.hasOption("outbound", in: .supported))
        #expect(!tags.hasOption("out", in: .supported))
    }

    @Test("MSG-15, MSG-18, MSG-19, MSG-30: fields that the edge does not read pass, whatever stands in them")
    func unknown() throws {
        let odd = [
            "X-Odd: ;;,,;",
            "!%'*+-._`~09aZ: x",
            "Date: Fri, 01 Jan 2010 16:00:00 EST", "Subject: \"", "C%6Fntact: <", "Expires: never", "Contact: ,,;<",
            "WWW-Authenticate: Digest a=\"b", "WWW-Authenticate: Digest c", "Empty:",
        ]
        let bytes = Wire.request(adding: odd)
        let message = try Wire.parse(bytes)
        #expect(message.bytes == bytes)
        #expect(
            message.headers.suffix(odd.count + 1).dropLast().map { message.text($0.line) } == odd.map { $0 + "\r\n" }
        )
    }

    @Test("MSG-30: bytes that are no UTF-8 pass")
    func anyBytes() throws {
        let bytes = ByteBuffer(
            bytes: Wire.request(adding: ["Subject: ~^"]).readableBytesView.map { byte in
                byte == UInt8(ascii: "~") ? 0xFF : byte == UInt8(ascii: "^") ? 0xFE : byte
            }
        )
        let message = try Wire.parse(bytes)
        var edits = MessageEdits()
        #expect(edits.applied(to: message, allocator: ByteBufferAllocator()) == bytes)
    }

    @Test("MSG-20: each mandatory field is missed; Max-Forwards is not")
    func missing() throws {
        let reasons: [(String, MalformedMessage.Reason)] = [
            ("From", .missingFrom), ("To", .missingTo), ("Call-ID", .missingCallID), ("CSeq", .missingCSeq),
        ]
        for (name, reason) in reasons {
            let refusal = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", [name: nil]))
            #expect(refusal?.reason == reason)
            #expect(refusal?.status == 400)
        }
        let noVia = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Via": nil]))
        #expect(noVia?.reason == .missingVia)
        #expect(noVia?.status == nil)
        #expect(try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Max-Forwards": nil])).maxForwards == nil)
    }

    @Test(
        "MSG-21: a single-value field stands once",
        arguments: [
            "To: <sip:b@h>", "f: <sip:a@h>;tag=2", "i: a84b4c76e66710", "CSeq: 314159 OPTIONS", "Max-Forwards: 70",
            "l: 0", "Content-Type: a/b\nc: a/b", "Expires: 1\nExpires: 1",
        ]
    )
    func repeated(_ line: String) {
        #expect(Wire.refusal(Wire.request(adding: [line]), framing: .datagram)?.reason == .repeatedHeader)
    }

    @Test("MSG-17: what a name-addr repeats that the edge reads is refused, another repetition passes")
    func repeatedParameters() {
        #expect(
            Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["From": "<sip:a@h>;tag=1;TAG=2"]))?.reason == .from
        )
        #expect(Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["From": "<sip:a@h>;x;x;tag=1"])) == nil)
    }

    @Test("MSG-22, MSG-23: CSeq fits 32 bits, leading zeros aside, and names the request's method")
    func cSeq() throws {
        for (value, number) in [("4294967295", UInt32.max), ("0009", 9), ("0", 0), ("00000000000000000000000001", 1)] {
            let message = try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["CSeq": "\(value) OPTIONS"]))
            #expect(message.cSeq.number == number)
            #expect(message.text(message.cSeq.numberText) == value)
        }
        for value in ["4294967296 OPTIONS", "36893488147419103232 OPTIONS", "-1 OPTIONS", "x OPTIONS", ""] {
            #expect(Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["CSeq": value]))?.reason == .cSeq, "\(value)")
        }
        for value in ["8 INVITE", "8 options", "8", "8OPTIONS", "8 OPTIONS x", "8 OPTIONSX"] {
            let refusal = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["CSeq": value]))
            #expect(refusal?.reason == .cSeqMethod, "\(value)")
            #expect(refusal?.status == 400)
        }
        #expect(Wire.refusal(Wire.request("NEW sip:b@h SIP/2.0", ["CSeq": "8 NEWER"]))?.reason == .cSeqMethod)
    }

    @Test("MSG-23, MSG-24: Max-Forwards above 255 counts as absent, and what is no number is refused")
    func maxForwards() throws {
        for (value, number) in [("0068", UInt8(68)), ("255", 255), ("256", nil), ("300", nil), ("0", 0)] {
            let message = try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Max-Forwards": value]))
            #expect(message.maxForwards == number)
        }
        for value in ["abc", "-1", "7 0", ""] {
            let refusal = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Max-Forwards": value]))
            #expect(refusal?.reason == .maxForwards, "\(value)")
        }
        // MSG-33: in a response it means nothing.
        #expect(Wire.refusal(Wire.request("SIP/2.0 200 OK", ["Max-Forwards": "abc", "CSeq": "1 BYE"])) == nil)
    }

    @Test(
        "MSG-01: a CR alone in a header section refuses it, and is not sent back",
        arguments: ["Subject: a\rb", "To: <sip:b@h>\rX: y", "\rX: y"]
    )
    func loneReturn(_ line: String) throws {
        let to = line.hasPrefix("To") ? ["To": String?.none] : [:]
        let refusal = try #require(Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", to, adding: [line])))
        #expect(refusal.status == 400)
        let answer = try #require(ResponseWriter.response(to: refusal, tag: 1, source: nil))
        #expect(!answer.lines.contains("\r"))
    }

    @Test("MSG-01: a Via with a CR alone addresses no answer")
    func loneReturnInVia() {
        let via = "SIP/2.0/UDP 192.0.2.1\r;branch=z9hG4bK1"
        let refusal = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Via": via]))
        #expect(refusal != nil)
        #expect(refusal?.status == nil)
        #expect(refusal?.topmostVia == nil)
    }

    @Test(
        "Call-ID is one word of any bytes",
        arguments: [("a b", true), ("", true), ("a\n b", true), ("<\"%>@[h]", false)]
    )
    func callID(_ value: String, _ isRefused: Bool) {
        let refusal = Wire.refusal(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Call-ID": value]))
        #expect((refusal?.reason == .callID) == isRefused)
    }

    @Test("A line without a name or a colon is refused", arguments: ["X", ": x", "X Y: z", "\u{E9}: x", "(: x", " x"])
    func syntax(_ line: String) {
        let text = "OPTIONS sip:b@h SIP/2.0\n\(line)\n" + Wire.request().lines.drop { $0 != "\n" }.dropFirst()
        let refusal = Wire.refusal(Wire.bytes(text))
        #expect(refusal?.reason == .headerSyntax)
    }

    @Test("ACKs and responses are never answered, whatever is wrong with them (TXN-42)")
    func unanswered() {
        #expect(Wire.refusal(Wire.request("ACK sip:b@h SIP/2.0", ["From": nil]))?.status == nil)
        #expect(Wire.refusal(Wire.request("SIP/2.0 200 OK", ["From": nil, "CSeq": "1 BYE"]))?.status == nil)
    }
}

extension String {
    fileprivate func replacingCharacters(in index: String.Index, with text: String) -> String {
        String(self[..<index]) + text + String(self[self.index(after: index)...])
    }
}
