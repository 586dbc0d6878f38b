// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import TestSupport
import Testing

/// Each torture message against its class (MSG-T01 to MSG-T49, MSG-S01 to MSG-S12), as far as parsing decides it.
@Suite("Torture messages of RFC 4475 and RFC 5118")
struct TortureTests {
    /// Messages that this edge refuses where the RFC leaves a choice, by the table of RFC 4475's expected results.
    static let refused = [
        "badinv01": MalformedMessage.Reason.via, "ncl": .contentLength, "scalar02": .cSeq, "quotbal": .to,
        "ltgtruri": .requestURI, "lwsruri": .requestURI, "lwsstart": .startLine, "trws": .startLine,
        "escruri": .requestURI, "badaspec": .to, "baddn": .from, "badvers": .version, "mismatch01": .cSeqMethod,
        "mismatch02": .cSeqMethod, "badbranch": .branch, "insuf": .missingFrom, "multi01": .repeatedHeader,
        "mcl01": .repeatedHeader, "clerr": .bodyTooShort, "ipv6-bad": .requestURI,
    ]
    /// Responses that are dropped.
    static let dropped = ["scalarlg": MalformedMessage.Reason.cSeq, "bigcode": .startLine]

    @Test("Both sets are there, 49 messages and 12")
    func complete() {
        #expect(Vectors.rfc4475.count == 49)
        #expect(Vectors.rfc5118.count == 12)
    }

    @Test("A message of each class is taken, refused or dropped as its row says, as a datagram", arguments: Vectors.all)
    func datagram(_ vector: Vectors.Vector) throws {
        let name = vector.name.replacing(".dat", with: "")
        let outcome = MessageParser.parse(vector.bytes, framing: .datagram, limits: MessageLimits())
        switch outcome {
        case .message(let message):
            #expect(Self.refused[name] == nil && Self.dropped[name] == nil)
            // 416, 420, 483 and the broadcast address are decided by the proxy, which reads these facts.
            if vector.classification == "416" { #expect(message.requestURI?.scheme == .other) }
            if vector.classification == "483" { #expect(message.maxForwards == 0) }
            if vector.classification == "420" {
                let tags = message.optionTags(.proxyRequire).map { message.bytes.text($0) }
                #expect(tags == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"])
            }
            if vector.classification == "RESP:drop" { #expect(message.secondVia?.address?.isUnsendable == true) }
        case .malformed(let malformed):
            #expect(!["416", "420", "483"].contains(vector.classification))
            if let reason = Self.dropped[name] {
                #expect(malformed.reason == reason)
                #expect(malformed.status == nil)
            } else {
                #expect(malformed.reason == Self.refused[name], "\(malformed.reason)")
                #expect(malformed.status == (name == "badvers" ? 505 : 400))
                #expect(ResponseWriter.response(to: malformed, source: nil) != nil)
            }
        }
    }

    @Test("Facts of single messages that routing depends on")
    func facts() throws {
        func message(_ name: String) throws -> SIPMessage {
            try Wire.parse(Vectors.named(name).bytes, framing: .datagram)
        }
        let short = try message("wsinv")
        #expect(short.maxForwards == 68)
        #expect(short.cSeq.number == 9)
        #expect(short.viaCount == 3)
        #expect(short.text(short.topmostVia.branch) == "390skdjuw")
        #expect(short.text(short.from.tag) == "98asjd8")
        #expect(short.routeValues(.route)?.first?.uri.isLoose == true)
        #expect(try message("longreq").viaCount == 34)
        let escaped = try message("esc02")
        #expect(escaped.method == .other)
        #expect(escaped.nameAddresses(.contact)?.count == 2)
        let user = try message("semiuri")
        #expect(user.text(user.requestURI?.user) == "user;par=u%40example.net")
        #expect(user.text(user.requestURI?.host) == "example.com")
        let ambiguous = try message("port-ambiguous")
        #expect(ambiguous.requestURI?.port == nil)
        #expect(ambiguous.requestURI?.address == IPAddress(parsing: "2001:db8::10:5070"))
        let clear = try message("port-unambiguous")
        #expect(clear.requestURI?.port == 5070)
        #expect(clear.requestURI?.address == IPAddress(parsing: "2001:db8::10"))
        for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
            let message = try message(name)
            #expect(
                message.topmostVia.received.flatMap { message.address($0) } == IPAddress(parsing: "2001:db8::9:255")
            )
        }
        let first = try message("dblreq")
        #expect(first.method == .register)
        #expect(first.body.isEmpty)
    }

    @Test("MSG-60: every sound message, one after another and byte by byte, parses to the same headers")
    func byteAtATime() throws {
        var stream = ByteBuffer()
        for vector in Vectors.streamed { stream.writeImmutableBuffer(vector.bytes) }
        var whole = StreamFramer()
        whole.append(stream)
        var slow = StreamFramer()
        var messages: [ByteBuffer] = []
        for byte in stream.readableBytesView {
            slow.append(ByteBuffer(bytes: [byte]))
            if case .message(let message) = slow.next() { messages.append(message) }
        }
        #expect(messages.count == Vectors.streamed.count)
        for (message, vector) in zip(messages, Vectors.streamed) { #expect(message == vector.bytes, "\(vector.name)") }
        for vector in Vectors.streamed {
            #expect(whole.next() == .message(vector.bytes), "\(vector.name)")
            let message = try Wire.parse(vector.bytes)
            #expect(message.bytes == vector.bytes, "\(vector.name)")
        }
        #expect(whole.next() == .needMore)
    }

    @Test("MSG-59: no prefix of a sound message is taken for a message or for an error", arguments: Vectors.streamed)
    func prefixes(_ vector: Vectors.Vector) {
        for length in 0..<vector.bytes.readableBytes {
            let prefix = vector.bytes.slice(ByteRange(0, length))
            var framer = StreamFramer()
            framer.append(prefix)
            #expect(framer.next() == .needMore)
            _ = MessageParser.parse(prefix, framing: .datagram, limits: MessageLimits())
            if case .message = MessageParser.parse(prefix, framing: .stream, limits: MessageLimits()) {
                Issue.record("a prefix of \(length) bytes was taken")
            }
        }
    }

    @Test("clerr on a stream waits for its body; ncl, mcl01 and inv2543 break the frame (TRN-02, TRN-03)")
    func brokenFrames() throws {
        var framer = StreamFramer()
        framer.append(try Vectors.named("clerr").bytes)
        #expect(framer.next() == .needMore)
        for (name, status) in [("ncl", 400), ("mcl01", 400), ("inv2543", 400)] {
            var framer = StreamFramer()
            framer.append(try Vectors.named(name).bytes)
            guard case .failed(.contentLength, let head?) = framer.next() else {
                Issue.record("\(name) was framed")
                continue
            }
            let malformed = MessageParser.reject(head, for: .contentLength, limits: MessageLimits())
            #expect(malformed?.status == UInt16(status), "\(name)")
        }
    }

    @Test("dblreq on a stream is two messages (MSG-T08)")
    func twoRequests() throws {
        var framer = StreamFramer()
        framer.append(try Vectors.named("dblreq").bytes)
        guard case .message(let first) = framer.next(), case .message(let second) = framer.next() else {
            Issue.record("two messages expected")
            return
        }
        #expect(try Wire.parse(first).method == .register)
        #expect(try Wire.parse(second).method == .invite)
    }
}
