// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("The edits of a proxy")
struct ProxyEditTests {
    /// The text of the message after an edit.
    private func edited(_ message: SIPMessage, _ edit: (inout MessageEdits) -> Void) -> String {
        var edits = MessageEdits()
        edit(&edits)
        return edits.applied(to: message, allocator: ByteBufferAllocator()).lines
    }

    private func lines(_ text: String, _ name: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix(name) }.map(String.init)
    }

    @Test("MSG-55: an own Via goes above the topmost one and comes off again, in rows and in lists")
    func vias() throws {
        let own = "Via: SIP/2.0/TLS e.example;branch=z9hG4bKe"
        let received = Wire.request(adding: ["Via: SIP/2.0/UDP b;branch=2 , SIP/2.0/UDP c;branch=3"])
        let message = try Wire.parse(received)
        let pushed = edited(message) { $0.pushVia(on: message) { $0.writeString(own + "\r\n") } }
        #expect(lines(pushed, "Via").first == own)
        let sent = try Wire.parse(Wire.bytes(pushed))
        #expect(sent.viaCount == 4)
        #expect(edited(sent) { $0.popVia(of: sent) } == received.lines)

        var rest = try Wire.parse(
            Wire.request("SIP/2.0 200 OK", ["Via": "SIP/2.0/UDP a ,\n SIP/2.0/UDP b, SIP/2.0/UDP c", "CSeq": "1 BYE"])
        )
        for expected in [["Via: SIP/2.0/UDP b, SIP/2.0/UDP c"], ["Via: SIP/2.0/UDP c"]] {
            let text = edited(rest) { $0.popVia(of: rest) }
            #expect(lines(text, "Via") == expected)
            rest = try Wire.parse(Wire.bytes(text))
        }
        #expect(lines(edited(rest) { $0.popVia(of: rest) }, "Via").isEmpty)
    }

    @Test(
        "V-VIA-01 to V-VIA-07, V-VIA-11, V-VIA-13: what is written into the topmost Via",
        arguments: [
            ("UDP pc.example.org:5070", "203.0.113.7", 40_000, "UDP pc.example.org:5070;received=203.0.113.7"),
            ("UDP 10.0.0.9:5060;rport", "203.0.113.7", 9_988, "UDP 10.0.0.9:5060;rport=9988;received=203.0.113.7"),
            ("UDP 203.0.113.7:5062", "203.0.113.7", 5_062, "UDP 203.0.113.7:5062"),
            ("UDP 203.0.113.7", "203.0.113.7", 33_333, "UDP 203.0.113.7"),
            ("UDP 203.0.113.7;rport", "203.0.113.7", 5_060, "UDP 203.0.113.7;rport=5060;received=203.0.113.7"),
            (
                "UDP 10.0.0.9;received=198.51.100.66;rport=53", "203.0.113.7", 40_000,
                "UDP 10.0.0.9;received=203.0.113.7;rport=40000"
            ),
            ("TCP 10.0.0.9:5060;rport", "203.0.113.7", 51_111, "TCP 10.0.0.9:5060;rport=51111;received=203.0.113.7"),
            (
                "UDP [2001:db8::9]:5060;rport", "2001:db8::7", 6_000,
                "UDP [2001:db8::9]:5060;rport=6000;received=2001:db8::7"
            ),
            ("UDP 203.0.113.7:5060", "::ffff:203.0.113.7", 5_060, "UDP 203.0.113.7:5060"),
            ("UDP [::ffff:203.0.113.7]", "203.0.113.7", 5_060, "UDP [::ffff:203.0.113.7]"),
            ("UDP 203.0.113.7;received=1.2.3.4", "203.0.113.7", 5_060, "UDP 203.0.113.7"),
            ("UDP h ; rport = 1 ;\treceived", "203.0.113.7", 2, "UDP h ;rport=2 ;received=203.0.113.7"),
        ] as [(String, String, UInt16, String)]
    )
    func stamp(_ via: String, _ source: String, _ port: UInt16, _ expected: String) throws {
        let address = try #require(IPAddress(parsing: source)).unmapped
        var text = ByteBuffer()
        text.writeAddress(address)
        let lower = "Via: SIP/2.0/UDP 1.1.1.1;received=9.9.9.9;rport"
        let request = Wire.request(
            "OPTIONS sip:b@h SIP/2.0",
            ["Via": "SIP/2.0/\(via);branch=z9hG4bK1"],
            adding: [lower]
        )
        let message = try Wire.parse(request)
        let sent = try Wire.parse(
            Wire.bytes(edited(message) { $0.stampSource(on: message, address: address, text: text, port: port) })
        )
        // The branch stands behind what was there, and before what is added.
        let written = sent.text(sent.topmostVia.range)?.replacing(";branch=z9hG4bK1", with: "")
        #expect(written == "SIP/2.0/\(expected)")
        #expect(sent.text(sent.topmostVia.branch) == "z9hG4bK1")
        // TRN-21: lower ones are never edited.
        #expect(sent.bytes.lines.contains("\n\(lower)\n"))
        // An answer writes the same, as does one to a message that could not be read whole.
        let stamp = ResponseWriter.Source(address: address, text: text, port: port)
        let answer = ResponseWriter.response(to: message, status: 200, reason: "OK", tag: 1, source: stamp)
        #expect(lines(answer.lines, "Via") == lines(sent.bytes.lines, "Via"))
        let broken = request.lines.replacing("Call-ID", with: "X-Call-ID")
        let refusal = try #require(Wire.refusal(Wire.bytes(broken)))
        let refused = try #require(ResponseWriter.response(to: refusal, source: stamp))
        #expect(lines(refused.lines, "Via") == lines(sent.bytes.lines, "Via"))
    }

    @Test("MSG-23, MSG-24: Max-Forwards goes down by one, and to 70 from nothing or from above 255")
    func maxForwards() throws {
        for (value, expected) in [
            ("70", "69"), ("0068", "67"), ("1", "0"), ("0", "0"), ("255", "254"), ("300", "70"), (nil, "70"),
        ] {
            let message = try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Max-Forwards": value]))
            let text = edited(message) { $0.lowerMaxForwards(of: message) }
            #expect(lines(text, "Max-Forwards") == ["Max-Forwards: \(expected)"])
        }
        let folded = try Wire.parse(Wire.request("OPTIONS sip:b@h SIP/2.0", ["Max-Forwards": "\n 70 \n "]))
        #expect(lines(edited(folded) { $0.lowerMaxForwards(of: folded) }, "Max-F") == ["Max-Forwards: 69 "])
    }

    @Test(
        "PRX-46: exactly one Max-Breadth of at most 60 leaves",
        arguments: [
            ([], "60"), (["100"], "60"), (["7"], "7"), (["60"], "60"), (["61"], "60"), (["99999999999"], "60"),
            (["x"], "60"),
            (["5x"], "60"), ([""], "60"), (["10", "200"], "10"), (["200", "10"], "60"), (["7", "7", "7"], "7"),
            (["0"], "0"),
        ]
    )
    func maxBreadth(_ values: [String], _ expected: String) throws {
        let message = try Wire.parse(Wire.request(adding: values.map { "Max-Breadth: \($0)" }))
        let text = edited(message) { $0.boundMaxBreadth(of: message) }
        #expect(lines(text, "Max-Breadth").map { $0.filter { $0 != " " } } == ["Max-Breadth:\(expected)"])
    }

    @Test("MSG-14, PRX-15: Routes come off the front, the end or both, in any arrangement of rows")
    func routes() throws {
        let values = ["<sip:a;lr>", "\"x,y\" <sip:b;lr>;p", "<sip:c;lr>", "<sip:d;lr>"]
        // Each bit says whether a value begins a row of its own.
        for arrangement in 0..<8 {
            var rows = ["Route: \(values[0])"]
            for index in 1..<4 {
                if arrangement >> (index - 1) & 1 == 1 {
                    rows.append("Route: \(values[index])")
                } else {
                    rows[rows.count - 1] += " , \(values[index])"
                }
            }
            let message = try Wire.parse(Wire.request(adding: rows))
            let routes = try #require(message.routeValues(.route))
            for first in 0...5 {
                for last in [false, true] {
                    let text = edited(message) { $0.removeRoutes(first: first, last: last, of: routes, in: message) }
                    let sent = try Wire.parse(Wire.bytes(text))
                    let kept = values.dropFirst(first).dropLast(last && first < 4 ? 1 : 0)
                    #expect(
                        sent.routeValues(.route)?.map { sent.text($0.range) } == Array(kept),
                        "\(rows) \(first) \(last)"
                    )
                }
            }
            let popped = edited(message) { $0.popRoutes(1, of: routes, in: message) }
            #expect(popped == edited(message) { $0.removeRoutes(first: 1, of: routes, in: message) })
            let shortened = edited(message) { $0.popLastRoute(of: routes, in: message) }
            #expect(try Wire.parse(Wire.bytes(shortened)).routeValues(.route)?.count == 3)
        }
    }

    @Test("V-RTE-02: a strict next hop: the Request-URI changes and the old one goes behind all Routes")
    func strictRouter() throws {
        let rows = ["Route: <sip:edge1.example.com;lr>,<sip:old.example.net>,<sip:p1.example.org;lr>"]
        let message = try Wire.parse(Wire.request("BYE sip:alice@192.0.2.7 SIP/2.0", adding: rows))
        let routes = try #require(message.routeValues(.route))
        let text = edited(message) { edits in
            edits.removeRoutes(first: 2, of: routes, in: message)
            edits.replaceRequestURI(of: message) { $0.writeString("sip:old.example.net") }
            edits.appendRoute(on: message) { $0.writeString("sip:alice@192.0.2.7") }
        }
        #expect(text.hasPrefix("BYE sip:old.example.net SIP/2.0\n"))
        #expect(lines(text, "Route") == ["Route: <sip:p1.example.org;lr>", "Route: <sip:alice@192.0.2.7>"])
    }

    @Test("MSG-55: Record-Route goes above the ones that are there, or below the Vias")
    func recordRoute() throws {
        let line = "Record-Route: <sip:10.0.0.5;lr>"
        let with = try Wire.parse(Wire.request(adding: ["Record-Route: <sip:p1;lr>"]))
        let pushed = edited(with) { $0.push(.recordRoute, on: with) { $0.writeString(line + "\r\n") } }
        #expect(lines(pushed, "Record-Route") == [line, "Record-Route: <sip:p1;lr>"])
        let without = try Wire.parse(Wire.request())
        let added = edited(without) { $0.push(.recordRoute, on: without) { $0.writeString(line + "\r\n") } }
        #expect(
            added.split(separator: "\n").prefix(4).map { String($0.prefix(6)) } == [
                "OPTION", "Via: S", "Record", "Max-Fo",
            ]
        )
    }

    @Test("MSG-54, PRX-43: Content-Length is added where it lacks, and an existing one is left")
    func contentLength() throws {
        let text = String(buffer: Wire.request(body: "abc")).replacing("Content-Length: 3\r\n", with: "")
        let open = try Wire.parse(ByteBuffer(string: text), framing: .datagram)
        let sent = try Wire.parse(Wire.bytes(edited(open) { $0.addContentLength(to: open) }))
        #expect(sent.text(sent.body) == "abc")
        let whole = try Wire.parse(Wire.request(body: "abc"))
        #expect(edited(whole) { $0.addContentLength(to: whole) } == whole.bytes.lines)
    }

    @Test("PRX-57: a status is replaced with its reason; a request has none")
    func status() throws {
        for line in ["SIP/2.0 503 Service Unavailable", "SIP/2.0 503 ", "SIP/2.0 503", "sip/2.0 503 x"] {
            let message = try Wire.parse(Wire.request(line, ["CSeq": "1 INVITE"]))
            let text = edited(message) { $0.replaceStatus(of: message, with: 500, "Server Internal Error") }
            #expect(text.hasPrefix("SIP/2.0 500 Server Internal Error\nVia:"))
        }
        let request = try Wire.parse(Wire.request())
        #expect(edited(request) { $0.replaceStatus(of: request, with: 500, "x") } == request.bytes.lines)
        let response = try Wire.parse(Wire.request("SIP/2.0 200 OK", ["CSeq": "1 BYE"]))
        #expect(edited(response) { $0.replaceRequestURI(of: response) { $0.writeString("x") } } == response.bytes.lines)
    }

    @Test("MSG-13: folds leave as one space, wherever they stand")
    func unfolding() throws {
        let message = try Wire.parse(
            Wire.request(adding: ["Subject: a\n \t b  \n\tc", "X:\n y", "Y: z\n ", "Z: \"q\n r\""])
        )
        let text = edited(message) { _ in }
        #expect(text.contains("\nSubject: a b c\nX: y\nY: z \nZ: \"q r\"\n"))
    }
}
