// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Messages that the edge writes")
struct WriterTests {
    @Test("MSG-56: an answer repeats Via, From, To, Call-ID and CSeq, adds a To tag, and holds nothing else")
    func answer() throws {
        let rows = [
            "v: SIP/2.0/UDP b;branch=2, SIP/2.0/UDP c", "Contact: <sip:a@h>", "Record-Route: <sip:r;lr>", "X: y",
            "Timestamp: 54",
        ]
        let request = try Wire.parse(Wire.request("INVITE sip:bob@example.com SIP/2.0", adding: rows, body: "v=0"))
        let answer = ResponseWriter.response(to: request, status: 486, reason: "Busy Here", tag: 0xABC, source: nil) {
            $0.writeString("Retry-After: 5\r\n")
        }
        #expect(
            answer.lines == """
                SIP/2.0 486 Busy Here
                Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKa1
                From: <sip:alice@example.com>;tag=1
                To: <sip:bob@example.com>;tag=0000000000000abc
                Call-ID: a84b4c76e66710
                CSeq: 314159 INVITE
                v: SIP/2.0/UDP b;branch=2, SIP/2.0/UDP c
                Retry-After: 5
                Content-Length: 0


                """
        )
    }

    @Test("MSG-56: a To tag that is there stays, and none is added where none is given")
    func toTag() throws {
        let request = try Wire.parse(Wire.request("BYE sip:b@h SIP/2.0", ["To": "\"x\" <sip:b@h> ;tag=2 "]))
        let answer = ResponseWriter.response(to: request, status: 481, reason: "x", tag: 7, source: nil)
        #expect(answer.lines.contains("\nTo: \"x\" <sip:b@h> ;tag=2 \n"))
        let folded = try Wire.parse(Wire.request("BYE sip:b@h SIP/2.0", ["To": "\n sip:b@h\n "]))
        let tagged = try Wire.parse(ResponseWriter.response(to: folded, status: 481, reason: "x", tag: 7, source: nil))
        #expect(tagged.text(tagged.to.tag) == "0000000000000007")
        #expect(tagged.text(tagged.to.uri) == "sip:b@h")
    }

    @Test(
        "OVL-15: overload parameters stand behind all others of the topmost Via, once each, and change nothing else",
        arguments: [
            "", ";oc", ";oc;oc-algo=\"loss\"", ";oc=9;rport;oc-seq=1.1;keep",
            ";received=192.0.2.7 ; OC ;rport = 9;x=\"a;oc=1\\\"\"",
            ";oc-validity=1 ;received;oc , SIP/2.0/UDP b;oc;branch=z9", ";x\n ;oc\n ;rport\n , SIP/2.0/UDP b",
            ";ocx=1;o=2;x-oc", "\n ;oc\n ;keep",
        ]
    )
    func overload(parameters: String) throws {
        let address = IPAddress.v4(0xC633_6407)
        let source = ResponseWriter.Source(address: address, text: ByteBuffer(string: "198.51.100.7"), port: 9988)
        let feedback = OverloadFeedback(percent: 20, validity: 500, sequence: 170_000_006_025_000)
        var via = "SIP/2.0/TLS p.example.org;branch=z9hG4bKa1\(parameters)"
        if parameters.hasPrefix("\n") { via = "SIP/2.0/TLS p.example.org\(parameters);branch=z9hG4bKa1" }
        let request = try Wire.parse(Wire.request("INVITE sip:bob@example.com SIP/2.0", ["Via": via]))
        for source in [source, nil] {
            func answer(_ overload: OverloadFeedback?) throws -> SIPMessage {
                try Wire.parse(
                    ResponseWriter.response(
                        to: request,
                        status: 486,
                        reason: "x",
                        tag: 7,
                        source: source,
                        overload: overload
                    )
                )
            }
            let (plain, told) = (try answer(nil), try answer(feedback))
            let found = OverloadParameters(told.topmostVia, in: told)
            #expect(found.isSound && found.isLossAlone && found.value == 20 && found.validity == 500)
            #expect(found.sequence == feedback.sequence)
            #expect(!String(buffer: told.bytes).contains("\r\n \r\n"))
            var texts: [String] = []
            for message in [plain, told] {
                var edits = MessageEdits()
                edits.removeOverload(ofTopmostViaOf: message)
                texts.append(
                    edits.applied(to: message, allocator: ByteBufferAllocator()).lines.replacing("  ", with: " ")
                )
            }
            #expect(texts[0] == texts[1])
            #expect(
                told.topmostVia.received == nil || source == nil
                    || told.text(told.topmostVia.received) == "198.51.100.7"
            )
        }
    }

    @Test("MSG-57, TXN-23: a 100 has no To tag and repeats Timestamp")
    func trying() throws {
        let request = try Wire.parse(Wire.request("INVITE sip:b@h SIP/2.0", adding: ["Timestamp: 54"]))
        let answer = try Wire.parse(
            ResponseWriter.response(to: request, status: 100, reason: "Trying", tag: nil, source: nil)
        )
        #expect(answer.to.tag == nil)
        #expect(answer.number(.timestamp) == 54)
        #expect(answer.status == 100)
    }

    @Test("MSG-56, OVL-53: every reason for a refusal gives an answer that can be read, as far as the request could")
    func refusals() throws {
        let broken: [(String, [String: String?], MalformedMessage.Reason)] = [
            ("OPTIONS  sip:b@h SIP/2.0", ["CSeq": "1 OPTIONS"], .startLine), ("OPTIONS sip:b@h SIP/7.0", [:], .version),
            ("OPTIONS <sip:b@h> SIP/2.0", [:], .requestURI),
            ("OPTIONS sip:b@h SIP/2.0", ["Max-Forwards": "x"], .maxForwards),
            ("OPTIONS sip:b@h SIP/2.0", ["X Y": "z"], .headerSyntax),
            ("OPTIONS sip:b@h SIP/2.0", ["Expires": "1\nExpires: 2"], .repeatedHeader),
        ]
        for (line, fields, reason) in broken {
            let refusal = try #require(Wire.refusal(Wire.request(line, fields)))
            #expect(refusal.reason == reason)
            let bytes = try #require(ResponseWriter.response(to: refusal, tag: 5, source: nil))
            let answer = try Wire.parse(bytes)
            #expect(answer.status == refusal.status)
            #expect(answer.bytes == bytes)
            #expect(answer.text(answer.callID) == "a84b4c76e66710")
            #expect(answer.text(answer.to.tag) == "0000000000000005")
            #expect(bytes.lines.hasPrefix("SIP/2.0 \(answer.status) \(reason.rawValue)\n"))
        }
    }

    @Test("A refusal repeats the first of fields that may stand once, and every Via")
    func repeatedFields() throws {
        let rows = ["Call-ID: other", "Via: SIP/2.0/UDP b;branch=2"]
        let refusal = try #require(Wire.refusal(Wire.request(adding: rows)))
        let answer = try Wire.parse(try #require(ResponseWriter.response(to: refusal, source: nil)))
        #expect(answer.viaCount == 2)
        #expect(answer.text(answer.callID) == "a84b4c76e66710")
    }

    @Test("No reason phrase holds a line end, and each is its own")
    func reasons() {
        let phrases = MalformedMessage.Reason.allCases.map(\.rawValue)
        #expect(phrases.allSatisfy { $0.utf8.allSatisfy { (0x20..<0x7F).contains($0) } })
        #expect(Set(phrases).count == phrases.count)
    }

    @Test("TXN-07: an ACK has the request's topmost Via alone, its Routes, and the response's To")
    func ack() throws {
        let rows = [
            "Via: SIP/2.0/UDP below;branch=2", "Route: <sip:a;lr>,<sip:b;lr>", "Route: <sip:c;lr>", "Contact: <sip:x>",
            "Require: y",
        ]
        let fields = ["CSeq": "0007 INVITE", "Via": "SIP/2.0/TLS e;branch=z9hG4bKe , SIP/2.0/UDP d;branch=1"]
        let invite = try Wire.parse(Wire.request("INVITE sip:bob@h;x SIP/2.0", fields, adding: rows, body: "v=0"))
        let response = try Wire.parse(
            ResponseWriter.response(to: invite, status: 486, reason: "Busy", tag: 2, source: nil)
        )
        #expect(
            RequestWriter.ack(for: invite, response: response).lines == """
                ACK sip:bob@h;x SIP/2.0
                Via: SIP/2.0/TLS e;branch=z9hG4bKe
                From: <sip:alice@example.com>;tag=1
                To: <sip:bob@example.com>;tag=0000000000000002
                Call-ID: a84b4c76e66710
                Route: <sip:a;lr>,<sip:b;lr>
                Route: <sip:c;lr>
                Max-Forwards: 70
                CSeq: 0007 ACK
                Content-Length: 0


                """
        )
    }

    @Test("TXN-38, TXN-41: a CANCEL has the request's own To and carries a Reason")
    func cancel() throws {
        let invite = try Wire.parse(Wire.request("INVITE sip:bob@h SIP/2.0"))
        let bytes = RequestWriter.cancel(invite, reason: ByteBuffer(string: "Reason: SIP;cause=200\r\n"))
        let request = try Wire.parse(bytes)
        #expect(request.method == .cancel)
        #expect(request.cSeq.number == invite.cSeq.number)
        #expect(request.text(request.topmostVia.range) == invite.text(invite.topmostVia.range))
        #expect(request.to.tag == nil)
        #expect(request.first(.reason).map { request.text($0.value) } == "SIP;cause=200")
        #expect(try !Wire.parse(RequestWriter.cancel(invite, reason: nil)).has(.reason))
    }

    @Test("OVL-25, OVL-29: the probe is a sound OPTIONS whose identifiers differ from probe to probe")
    func probe() throws {
        let probe = OptionsProbe(
            requestURI: "sip:voice.example.test",
            sentBy: "192.0.2.10:5061",
            from: "sip:edge.example.test",
            transport: .tls,
            userAgent: "Brana",
            maxForwards: 1
        )
        var seen: Set<String> = []
        for identifier in [UInt64(0), 1, .max] {
            var bytes = ByteBuffer()
            probe.write(branch: ByteBuffer(string: "b\(identifier)"), identifier: identifier, cSeq: 7, into: &bytes)
            let message = try Wire.parse(bytes)
            #expect(message.bytes == bytes)
            #expect(message.method == .options)
            #expect(message.text(message.requestURI?.range) == "sip:voice.example.test")
            #expect(message.topmostVia.transport == .tls)
            #expect(message.topmostVia.port == 5_061)
            #expect(message.topmostVia.returnPort == .requested)
            #expect(message.text(message.topmostVia.branch) == "z9hG4bKb\(identifier)")
            #expect(message.maxForwards == 1)
            #expect(message.cSeq.number == 7)
            #expect(message.to.tag == nil)
            #expect(message.from.tag != nil)
            #expect(message.first(.userAgent).map { message.text($0.value) } == "Brana")
            #expect(message.first(.contact) == nil, "it begins no dialog")
            seen.insert(try #require(message.text(message.callID)))
            seen.insert(try #require(message.text(message.from.tag)))
        }
        #expect(seen.count == 6)
    }

    @Test("MSG-52: 100,000 tags are tokens of 64 bits, and no two are alike")
    func tags() throws {
        let request = try Wire.parse(Wire.request())
        var generator = DrawGenerator(seed: 52)
        func response() -> ByteBuffer {
            ResponseWriter.response(to: request, status: 404, reason: "x", tag: generator.next(), source: nil)
        }
        // Where it stands in one it stands in all: they differ in it alone.
        let place = try #require(try Wire.parse(response()).to.tag)
        #expect(place.count == 16)
        var seen: Set<String> = []
        for number in 0..<100_000 {
            let bytes = response()
            let tag = bytes.text(place)
            if number.isMultiple(of: 1_000) { #expect(try Wire.parse(bytes).to.tag == place) }
            if !tag.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) {
                Issue.record("\(tag)")
            }
            seen.insert(tag)
        }
        #expect(seen.count == 100_000)
    }
}
