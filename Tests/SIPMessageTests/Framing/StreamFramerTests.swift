// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import Testing

@Suite("Cutting a stream into messages")
struct StreamFramerTests {
    @Test("TRN-01: three requests with bodies of 0, 1 and 70 000 bytes, cut at every place")
    func everyCut() {
        let body = Array(repeating: Array("\r\n\r\nINVITE ".utf8), count: 7_000).joined().prefix(70_000)
        let bodies = ["", "x", String(decoding: body, as: UTF8.self)]
        let messages = bodies.map { Wire.request("MESSAGE sip:bob@example.com SIP/2.0", body: $0) }
        var stream = ByteBuffer()
        for message in messages { stream.writeImmutableBuffer(message) }
        let expected = messages.map { FramingResult.message($0) }
        #expect(stream.readableBytes > 70_000)
        var wrong: [Int] = []
        for place in 0...stream.readableBytes where Framed.elements(Framed.cut(stream, at: place)) != expected {
            wrong.append(place)
        }
        #expect(wrong.isEmpty)
    }

    @Test("MSG-09, FLW-30: CRLFs before a start line are skipped")
    func leadingLineEnds() {
        let request = Wire.request()
        for (count, pings) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
            var stream = ByteBuffer(string: String(repeating: "\r\n", count: count))
            stream.writeImmutableBuffer(request)
            let expected = [FramingResult](repeating: .keepAlive, count: pings) + [.message(request)]
            for place in 0...stream.readableBytes {
                #expect(Framed.elements(Framed.cut(stream, at: place)) == expected, "\(count) CRLF, cut at \(place)")
            }
        }
    }

    @Test(
        "FLW-28, FLW-30: each complete double CRLF is a keep-alive, a single one waits for what follows",
        arguments: [("\r\n", 0), ("\r\n\r\n", 1), ("\r", 0), ("\r\n\r", 0), ("\r\n\r\n\r\n\r\n\r\n\r\n", 3)]
    )
    func keepAlives(_ text: String, _ count: Int) {
        let stream = ByteBuffer(string: text)
        for place in 0...stream.readableBytes {
            let found = Framed.elements(Framed.cut(stream, at: place))
            #expect(found == [FramingResult](repeating: .keepAlive, count: count), "cut at \(place)")
        }
    }

    @Test("FLW-28, FLW-32: one CRLF alone can be taken as the answer to a ping; what is more, or less, stays")
    func pong() {
        let request = Wire.request()
        for (text, isPong) in [("\r\n", true), ("\r", false), ("\r\n\r", false), ("", false), ("OP", false)] {
            var framer = StreamFramer()
            framer.append(ByteBuffer(string: text))
            #expect(framer.next() == .needMore)
            let wasTaken = framer.takePong()
            #expect(wasTaken == isPong && framer.pendingBytes == (isPong ? 0 : text.utf8.count))
        }
        // The end of a message is none.
        var framer = StreamFramer()
        framer.append(request.slice(ByteRange(0, request.readableBytes - 2)))
        #expect(framer.next() == .needMore)
        let wasTaken = framer.takePong()
        #expect(!wasTaken)
        framer.append(ByteBuffer(string: "\r\n"))
        #expect(framer.next() == .message(request))
    }

    @Test("FLW-29: a double CRLF inside a body is data")
    func keepAliveInBody() {
        let request = Wire.request("MESSAGE sip:bob@example.com SIP/2.0", body: "\r\n\r\n\r\n\r\n")
        #expect(Framed.elements([request]) == [.message(request)])
    }

    @Test("A message is awaited from its first byte on, and line ends between messages are none")
    func waiting() {
        var framer = StreamFramer()
        #expect(!framer.isInsideMessage)
        framer.append(ByteBuffer(string: "\r\n"))
        #expect(framer.next() == .needMore)
        #expect(!framer.isInsideMessage)
        framer.append(Wire.request().slice(ByteRange(0, 10)))
        #expect(framer.next() == .needMore)
        #expect(framer.isInsideMessage)
        #expect(framer.pendingBytes == 10)
    }

    @Test("TRN-05: the length of the body is known from the end of the header section to the end of the message")
    func awaitedBody() {
        let request = Wire.request("MESSAGE sip:bob@example.com SIP/2.0", body: "hello")
        var framer = StreamFramer()
        for place in 0..<request.readableBytes - 1 {
            framer.append(request.slice(ByteRange(place, place + 1)))
            #expect(framer.next() == .needMore)
            #expect(framer.awaitedBody == (place < request.readableBytes - 6 ? nil : 5), "\(place)")
        }
        framer.append(request.slice(ByteRange(request.readableBytes - 1, request.readableBytes)))
        #expect(framer.next() == .message(request))
        #expect(framer.awaitedBody == nil && !framer.isInsideMessage)
    }

    @Test(
        "MSG-01: a line feed alone breaks the frame, wherever it stands",
        arguments: [
            "\n", "\r\n\n", "\r\rOPTIONS", "\r\n\rX", "OPTIONS sip:b@h SIP/2.0\n", "A SIP/2.0\r\nB: c\n", "\nA",
        ]
    )
    func lineFeeds(_ text: String) {
        guard case .failed(.lineEnd, let head)? = Framed.elements(text).last else {
            Issue.record("a broken line end was framed")
            return
        }
        #expect(head == (text.contains("SIP") ? ByteBuffer(string: text) : nil))
    }

    @Test("MSG-01: a request with line feeds alone is answered with 400 when its Via was read before")
    func lineFeedAfterVia() throws {
        let text = String(buffer: Wire.request()).replacing("Max-Forwards: 70\r\n", with: "Max-Forwards: 70\n")
        let (error, head) = try #require(Framed.failure(ByteBuffer(string: text)))
        #expect(error == .lineEnd)
        let malformed = MessageParser.reject(try #require(head), for: error, limits: MessageLimits())
        #expect(malformed?.status == 400)
        #expect(malformed?.topmostVia != nil)
    }

    @Test("TRN-02: without Content-Length the frame is lost, and what follows is no message")
    func noLength() throws {
        let text = String(buffer: Wire.request()).replacing("Content-Length: 0\r\n", with: "")
        let (error, head) = try #require(Framed.failure(ByteBuffer(string: text + String(buffer: Wire.request()))))
        #expect(error == .contentLength)
        #expect(head == ByteBuffer(string: text))
        let malformed = MessageParser.reject(try #require(head), for: error, limits: MessageLimits())
        #expect(malformed?.reason == .contentLengthMissing)
        #expect(malformed?.status == 400)
    }

    @Test(
        "MSG-25, TRN-03: a Content-Length that is no number breaks the frame",
        arguments: ["-1", "+5", "0x10", "5 5", "five", "18446744073709551617", "2147483648", "", "1,1", "5\r\n 5"]
    )
    func badLength(_ value: String) throws {
        let text = String(buffer: Wire.request()).replacing("Content-Length: 0", with: "Content-Length: \(value)")
        let (error, head) = try #require(Framed.failure(ByteBuffer(string: text)))
        #expect(error == .contentLength)
        let malformed = MessageParser.reject(try #require(head), for: error, limits: MessageLimits())
        #expect(malformed?.reason == .contentLength)
        #expect(malformed?.status == 400)
    }

    @Test(
        "MSG-21, TRN-03: a second Content-Length breaks the frame, even an equal one or its compact form",
        arguments: ["Content-Length: 0", "l: 0", "L : 0", "CONTENT-LENGTH:\r\n 0"]
    )
    func twoLengths(_ line: String) throws {
        let (error, head) = try #require(Framed.failure(Wire.request(adding: [line.replacing("\r", with: "")])))
        #expect(error == .contentLength)
        let malformed = MessageParser.reject(try #require(head), for: error, limits: MessageLimits())
        #expect(malformed?.reason == .repeatedHeader)
    }

    @Test(
        "MSG-11, MSG-12, MSG-13, MSG-23: every legal spelling of Content-Length frames",
        arguments: ["l: 3", "L\t :3", "content-length:\r\n\t3", "Content-Length: 0003  ", "Content-Length:\r\n 3\r\n "]
    )
    func spellings(_ line: String) {
        let text = String(buffer: Wire.request()).replacing("Content-Length: 0", with: line) + "abc"
        let stream = ByteBuffer(string: text)
        for place in 0...stream.readableBytes {
            #expect(Framed.elements(Framed.cut(stream, at: place)) == [.message(stream)], "cut at \(place)")
        }
    }

    @Test("MSG-34: Transfer-Encoding frames nothing")
    func chunked() {
        let request = Wire.request(adding: ["Transfer-Encoding: chunked"], body: "5\r\nabcde\r\n0\r\n\r\n")
        #expect(Framed.elements([request]) == [.message(request)])
    }

    @Test("A field whose name only begins or ends like Content-Length frames nothing")
    func similarNames() {
        let lines = ["X-Content-Length: 7", "Content-Length-X: 7", "Content-Lengt: 7", "ll: 7", "X: l: 7"]
        let request = Wire.request(adding: lines)
        #expect(Framed.elements([request]) == [.message(request)])
    }
}
