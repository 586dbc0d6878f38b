// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("What a stream may not hold")
struct FramingLimitTests {
    @Test("TRN-04: a length above the limit is refused with the head, before its body is there")
    func tooLong() throws {
        let text = String(buffer: Wire.request()).replacing("Content-Length: 0", with: "Content-Length: 10000000")
        let (error, head) = try #require(Framed.failure(ByteBuffer(string: text)))
        #expect(error == .messageTooLong)
        let malformed = MessageParser.reject(try #require(head), for: error, limits: MessageLimits())
        #expect(malformed?.status == 513)
        #expect(malformed?.reason == .tooLarge)
    }

    @Test("TRN-04: a message of exactly the limit is taken, one byte more is not")
    func exactLimit() {
        var limits = MessageLimits()
        let request = Wire.request(body: String(repeating: "x", count: 100))
        limits.message = request.readableBytes
        #expect(Framed.elements([request], limits: limits) == [.message(request)])
        limits.message -= 1
        #expect(Framed.failure(request, limits: limits)?.0 == .messageTooLong)
    }

    @Test("TRN-04: a header section without end is cut off at its limit")
    func endlessHead() {
        let limits = MessageLimits()
        var framer = StreamFramer(limits: limits)
        framer.append(ByteBuffer(string: "OPTIONS sip:b@h SIP/2.0\r\n"))
        var fed = 0
        let lines = ByteBuffer(string: String(repeating: "X: a\r\n", count: 100))
        while framer.next() == .needMore, fed < 2 * limits.headerSection {
            framer.append(lines)
            fed += lines.readableBytes
        }
        #expect(framer.next() == .failed(.headerSectionTooLong, head: nil))
        #expect(fed <= limits.headerSection + lines.readableBytes)
        #expect(framer.pendingBytes == 0)
    }

    @Test("TRN-04: a header section of exactly the limit is taken, one byte more is not, however it comes")
    func exactHead() {
        let request = Wire.request()
        var limits = MessageLimits()
        limits.headerSection = request.readableBytes
        #expect(Framed.elements([request], limits: limits) == [.message(request)])
        limits.headerSection -= 1
        for place in 0...request.readableBytes {
            let found = Framed.elements(Framed.cut(request, at: place), limits: limits)
            #expect(found == [.failed(.headerSectionTooLong, head: nil)], "cut at \(place)")
        }
    }

    @Test(
        "TRN-09: what is not SIP is told apart by kind",
        arguments: [
            ("\u{16}\u{03}\u{01}\u{02}\u{00}", FramingError.tls), ("GET / HTTP/1.1\r\n", .http),
            ("\u{0}\u{1}\u{2}", .notSIP), ("hello world\r\n", .notSIP), (": x\r\n", .notSIP), ("{\"a\":1}", .notSIP),
            (String(repeating: "A", count: 64), .notSIP), ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", .proxyHeader),
            ("\r\n\r\n\0\r\nQUIT\n!", .proxyHeader), ("\0\r\nQUIT ", .notSIP), ("PROXYX TCP4\r\n", .notSIP),
        ]
    )
    func foreign(_ text: String, _ kind: FramingError) {
        let stream = ByteBuffer(string: text)
        for place in 0...stream.readableBytes {
            guard case .failed(kind, let head)? = Framed.elements(Framed.cut(stream, at: place)).last else {
                Issue.record("taken for something else when cut at \(place)")
                continue
            }
            // Nothing of it can be answered.
            let refused = head.flatMap { MessageParser.reject($0, for: kind, limits: MessageLimits()) }
            #expect(refused?.status == nil)
        }
    }

    @Test("A broken stream stays broken and keeps nothing")
    func staysBroken() {
        var framer = StreamFramer()
        framer.append(ByteBuffer(string: "GET / HTTP/1.1\r\n"))
        guard case .failed(.http, _) = framer.next() else {
            Issue.record("HTTP was framed")
            return
        }
        framer.append(Wire.request())
        #expect(framer.next() == .failed(.http, head: nil))
        #expect(framer.pendingBytes == 0)
    }

    @Test("MSG-59: no prefix of a request, valid or not yet, is a failure; and the parser takes none of them")
    func prefixes() {
        let request = Wire.request(adding: ["Subject: a", " b"], body: "body")
        for length in 0..<request.readableBytes {
            let prefix = request.slice(ByteRange(0, length))
            #expect(Framed.elements([prefix]) == [])
            #expect(Wire.refusal(prefix) != nil)
        }
    }
}
