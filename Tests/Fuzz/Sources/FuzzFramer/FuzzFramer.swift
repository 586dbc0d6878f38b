// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage

/// Cuts an input into messages: as one piece, in random pieces, through the NIO decoder, and by a plain reading of the
/// rules; all four must agree, and so must the parser.
@main
struct FuzzFramer {
    static func main() {
        _ = Fuzzer.run { input in check(input) }
    }

    static func check(_ input: ByteBuffer) {
        let seed = input.seed
        var tight = MessageLimits()
        tight.headerSection = 128 + Int(seed & 0x3FF)
        tight.message = tight.headerSection + Int(seed >> 10 & 0x3FF)
        for limits in [MessageLimits(), tight] {
            let expected = ReferenceFramer(stream: Array(input.readableBytesView), limits: limits).elements()
            let whole = cut([input], limits)
            claim(whole == expected, "the framer found \(whole), the rules say \(expected)")
            let pieces = cut(split(input, seed), limits)
            claim(pieces == whole, "pieces give \(pieces), the whole \(whole)")
            let decoded = decode(split(input, seed >> 3), limits)
            claim(decoded == whole, "the decoder found \(decoded), the framer \(whole)")
            for element in whole { check(element, limits) }
        }
    }

    /// The parser takes the framer's word for where a message ends, and can say why a frame broke.
    private static func check(_ element: FramingResult, _ limits: MessageLimits) {
        switch element {
        case .message(let bytes):
            switch MessageParser.parse(bytes, framing: .stream, limits: limits) {
            case .message(let message): claim(message.bytes == bytes, "framer and parser disagree about the end")
            case .malformed(let malformed):
                let never: [MalformedMessage.Reason] = [
                    .contentLength, .contentLengthMissing, .bodyTooShort, .tooLarge,
                ]
                claim(!never.contains(malformed.reason), "framed, yet \(malformed.reason)")
            }
        case .failed(let error, let head?):
            claim(MessageParser.reject(head, for: error, limits: limits) != nil, "\(error), yet the head is sound")
        case .failed, .keepAlive, .needMore: break
        }
    }

    /// What `StreamFramer` makes of the pieces, without the waits in between.
    private static func cut(_ pieces: [ByteBuffer], _ limits: MessageLimits) -> [FramingResult] {
        var framer = StreamFramer(limits: limits)
        var found: [FramingResult] = []
        var (fed, taken) = (0, 0)
        for piece in pieces {
            framer.append(piece)
            fed += piece.readableBytes
            drain: while true {
                let result = framer.next()
                switch result {
                case .needMore: break drain
                case .failed(let error, _):
                    claim(framer.next() == .failed(error, head: nil), "a broken stream goes on")
                    claim(framer.pendingBytes == 0 && !framer.isInsideMessage, "a broken stream keeps bytes")
                    return found + [result]
                case .message(let message):
                    claim(message.readableBytes <= limits.message, "a message above the limit")
                    taken += message.readableBytes
                case .keepAlive: taken += 4
                }
                found.append(result)
            }
            claim(framer.pendingBytes <= fed - taken, "bytes out of nothing")
            claim(!framer.isInsideMessage || framer.pendingBytes > 0, "inside a message without bytes")
            claim(framer.pendingBytes <= max(limits.message, limits.headerSection), "more is kept than a message")
        }
        return found
    }

    private static func decode(_ pieces: [ByteBuffer], _ limits: MessageLimits) -> [FramingResult] {
        var decoder = SIPStreamDecoder(limits: limits)
        var buffer = ByteBuffer()
        var found: [FramingResult] = []
        for piece in pieces {
            buffer.writeImmutableBuffer(piece)
            do {
                while let element = try decoder.decode(buffer: &buffer) {
                    switch element {
                    case .message(let message): found.append(.message(message))
                    case .keepAlive: found.append(.keepAlive)
                    }
                }
            } catch {
                guard let failure = error as? FramingFailure else { return found }
                return found + [.failed(failure.error, head: failure.head)]
            }
        }
        return found
    }

    private static func split(_ input: ByteBuffer, _ seed: UInt64) -> [ByteBuffer] {
        var generator = DrawGenerator(seed: seed)
        var rest = input
        var pieces: [ByteBuffer] = []
        // Single bytes are for short inputs: a long one would take the time of many.
        let longest =
            [1, 5, 40, 600].filter { $0 * 1_000 >= input.readableBytes }.randomElement(using: &generator) ?? 40
        while rest.readableBytes > 0 {
            let length = min(rest.readableBytes, Int.random(in: 1...longest, using: &generator))
            if let piece = rest.readSlice(length: length) { pieces.append(piece) }
        }
        return pieces
    }
}
