// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Limits and bodies of single messages")
struct LimitTests {
    @Test("MSG-32: 100 Via values, 256 fields and a line of 8 KiB are taken")
    func generous() throws {
        let vias = (0..<99).map { "Via: SIP/2.0/UDP h\($0);branch=\($0)" }
        #expect(try Wire.parse(Wire.request(adding: vias)).viaCount == 100)
        let list = "Via: " + (0..<99).map { "SIP/2.0/UDP h\($0);branch=\($0)" }.joined(separator: ",")
        #expect(try Wire.parse(Wire.request(adding: [list])).viaCount == 100)
        let fields = (0..<300).map { "X-\($0): \($0)" }
        #expect(try Wire.parse(Wire.request(adding: fields)).headers.count == 307)
        let long = "X: " + String(repeating: "a", count: 8_192)
        #expect(try Wire.parse(Wire.request(adding: [long])).headers.count == 8)
    }

    @Test("MSG-32: each limit holds at its exact value, and beyond it the answer is 513")
    func exact() {
        var limits = MessageLimits()
        limits.vias = 3
        let vias = ["Via: SIP/2.0/UDP a;branch=1,SIP/2.0/UDP b;branch=2"]
        #expect(Wire.refusal(Wire.request(adding: vias), limits: limits) == nil)
        let more = Wire.refusal(Wire.request(adding: vias + ["v: SIP/2.0/UDP c;branch=3"]), limits: limits)
        #expect(more?.reason == .tooManyVias)
        #expect(more?.status == 513)

        limits = MessageLimits()
        limits.fields = 8
        #expect(Wire.refusal(Wire.request(adding: ["X: 1"]), limits: limits) == nil)
        let fields = Wire.refusal(Wire.request(adding: ["X: 1", "X: 2"]), limits: limits)
        #expect(fields?.reason == .tooManyFields)
        #expect(fields?.status == 513)

        limits = MessageLimits()
        limits.headerSection = Wire.request().readableBytes
        #expect(Wire.refusal(Wire.request(), limits: limits) == nil)
        limits.headerSection -= 1
        #expect(Wire.refusal(Wire.request(), limits: limits)?.reason == .tooLarge)
        #expect(Wire.refusal(Wire.request(), limits: limits)?.status == 513)

        limits = MessageLimits()
        let request = Wire.request(body: "abc")
        limits.message = request.readableBytes
        #expect(Wire.refusal(request, limits: limits) == nil)
        limits.message -= 1
        #expect(Wire.refusal(request, limits: limits)?.status == 513)
    }

    @Test("MSG-53: a body is any bytes")
    func body() throws {
        let body = String(repeating: "\u{0}\r\n\r\nINVITE sip:a SIP/2.0\r\n", count: 100)
        let message = try Wire.parse(Wire.request("MESSAGE sip:b@h SIP/2.0", body: body))
        #expect(message.text(message.body) == body)
    }

    @Test("TRN-11, TRN-12, TRN-13: a datagram's body ends with Content-Length, or with the datagram without one")
    func datagrams() throws {
        var excess = Wire.request("MESSAGE sip:b@h SIP/2.0", body: "abc")
        let exact = excess
        excess.writeString("trailing")
        #expect(try Wire.parse(excess, framing: .datagram).bytes == exact)
        let short = exact.slice(ByteRange(0, exact.readableBytes - 1))
        #expect(Wire.refusal(short, framing: .datagram)?.reason == .bodyTooShort)
        #expect(Wire.refusal(short, framing: .datagram)?.status == 400)
        let response = Wire.request("SIP/2.0 200 OK", ["CSeq": "1 BYE"], body: "abc")
        let cut = Wire.refusal(response.slice(ByteRange(0, response.readableBytes - 1)), framing: .datagram)
        #expect(cut?.reason == .bodyTooShort)
        #expect(cut?.status == nil)
        let text = String(buffer: exact).replacing("Content-Length: 3\r\n", with: "")
        let open = try Wire.parse(ByteBuffer(string: text), framing: .datagram)
        #expect(open.text(open.body) == "abc")
        #expect(!open.hasContentLength)
        #expect(Wire.refusal(ByteBuffer(string: text))?.reason == .contentLengthMissing)
    }

    @Test(
        "MSG-10: CR, LF and NUL alone are a keep-alive datagram",
        arguments: ["\r\n\r\n", "\u{0}\u{0}\u{0}\u{0}", "\r", ""]
    )
    func keepAlive(_ text: String) {
        #expect(MessageParser.isKeepAlive(ByteBuffer(string: text)))
        #expect(!MessageParser.isKeepAlive(ByteBuffer(string: text + "x")))
    }

    @Test("TRN-16: what is no message at all gets no answer")
    func noise() {
        var generator = DrawGenerator(seed: 16)
        for _ in 0..<1_000 {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let refusal = Wire.refusal(ByteBuffer(bytes: bytes), framing: .datagram)
            #expect(refusal != nil)
            #expect(refusal?.status == nil)
        }
    }

    @Test("The message does not have to begin where its buffer does")
    func offset() throws {
        var buffer = ByteBuffer(string: "garbage")
        buffer.moveReaderIndex(forwardBy: 7)
        buffer.writeImmutableBuffer(Wire.request(body: "abc"))
        let message = try Wire.parse(buffer)
        #expect(message.text(message.callID) == "a84b4c76e66710")
        #expect(message.text(message.body) == "abc")
    }
}
