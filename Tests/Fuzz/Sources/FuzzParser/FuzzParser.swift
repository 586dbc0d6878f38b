// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage

/// Parses an input as a datagram and as a message off a stream, and does all that the edge can do with it.
@main
struct FuzzParser {
    static func main() {
        _ = Fuzzer.run { input in check(input) }
    }

    static func check(_ input: ByteBuffer) {
        let seed = input.seed
        _ = MessageParser.isKeepAlive(input)
        var tight = MessageLimits()
        tight.headerSection = Int(seed & 0xFFF)
        tight.message = Int(seed >> 12 & 0xFFF)
        tight.fields = Int(seed >> 24 & 0xF)
        tight.vias = 1 + Int(seed >> 28 & 0x3)
        for limits in [MessageLimits(), tight] {
            let datagram = outcome(input, .datagram, limits)
            let stream = outcome(input, .stream, limits)
            if let stream {
                claim(stream.bytes == datagram?.bytes, "a message off a stream is none as a datagram")
                claim(stream.hasContentLength, "a message off a stream without Content-Length")
            }
            if let datagram {
                claim(datagram.bodyStart <= limits.headerSection, "the header section is above its limit")
                claim(datagram.headers.count <= limits.fields, "more fields than allowed")
                claim(datagram.viaCount <= limits.vias + (datagram.isRequest ? 0 : 1), "more Via values than allowed")
            }
        }
    }

    private static func outcome(
        _ input: ByteBuffer,
        _ framing: MessageParser.Framing,
        _ limits: MessageLimits
    ) -> SIPMessage? {
        switch MessageParser.parse(input, framing: framing, limits: limits) {
        case .malformed(let malformed):
            RefusalCheck(malformed: malformed, input: input).run()
            return nil
        case .message(let message):
            claim(message.bytes.readableBytes <= input.readableBytes, "a message longer than its bytes")
            claim(message.bytes == input.slice(ByteRange(0, message.bytes.readableBytes)), "other bytes than received")
            ShapeCheck(message: message).run()
            AccessorCheck(message: message).run()
            WriterCheck(message: message).run()
            EditCheck(message: message, seed: input.seed).run()
            return message
        }
    }
}
