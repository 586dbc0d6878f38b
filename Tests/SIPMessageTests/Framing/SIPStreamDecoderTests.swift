// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOEmbedded
internal import NIOTestUtils
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("The NIO decoder")
struct SIPStreamDecoderTests {
    @Test("NIO's verifier: whole, byte by byte, several at once, and with what is left at the end")
    func verifier() throws {
        let plain = Wire.request()
        let withBody = Wire.request("MESSAGE sip:bob@example.com SIP/2.0", body: "a\r\n\r\nb")
        var late = ByteBuffer(string: "\r\n")
        late.writeImmutableBuffer(plain)
        var several = ByteBuffer(string: "\r\n\r\n")
        several.writeImmutableBuffer(withBody)
        several.writeImmutableBuffer(plain)
        let pairs: [(ByteBuffer, [StreamElement])] = [
            (plain, [.message(plain)]), (withBody, [.message(withBody)]), (late, [.message(plain)]),
            (ByteBuffer(string: "\r\n\r\n"), [.keepAlive]),
            (several, [.keepAlive, .message(withBody), .message(plain)]),
        ]
        try ByteToMessageDecoderVerifier.verifyDecoder(inputOutputPairs: pairs) { SIPStreamDecoder() }
    }

    @Test("NIO's verifier over the torture messages that stand for themselves on a stream")
    func torture() throws {
        let pairs = Vectors.streamed.filter { $0.bytes.readableBytes < 1_000 }.map {
            ($0.bytes, [StreamElement.message($0.bytes)])
        }
        #expect(pairs.count > 20)
        try ByteToMessageDecoderVerifier.verifyDecoder(inputOutputPairs: pairs) { SIPStreamDecoder() }
    }

    @Test("A broken frame is an error that names itself and carries the head")
    func broken() throws {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(SIPStreamDecoder()))
        var stream = Wire.request()
        let head = ByteBuffer(string: "OPTIONS sip:b@h SIP/2.0\r\n\r\n")
        stream.writeImmutableBuffer(head)
        let failure = #expect(throws: FramingFailure.self) { try channel.writeInbound(stream) }
        #expect(failure?.error == .contentLength)
        #expect(failure?.head == head)
        #expect(try channel.readInbound(as: StreamElement.self) == .message(Wire.request()))
        #expect(try channel.readInbound(as: StreamElement.self) == nil)
        _ = try? channel.finish()
    }

    @Test("What is left when the stream ends is no message")
    func cutOff() throws {
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(SIPStreamDecoder()))
        try channel.writeInbound(Wire.request().slice(ByteRange(0, 60)))
        _ = try? channel.finish()
        #expect(try channel.readInbound(as: StreamElement.self) == nil)
    }
}
