// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

/// A small, repeatable part of what `make fuzz` does without end.
@Suite("Torture messages under random damage")
struct MutationTests {
    private struct Damage {
        var generator: DrawGenerator

        /// One or several of the bytes flipped, taken out or doubled, or rows swapped, doubled or taken out.
        mutating func apply(to bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 1 {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 1: bytes[place] = Array("\r\n ,;:<>\"=/@[]0\0".utf8).randomElement(using: &generator) ?? 0
                case 2: bytes.remove(at: place)
                case 3: bytes.removeLast(bytes.count - place)
                case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 20)], at: place)
                default: bytes = mixRows(bytes)
                }
            }
            return bytes
        }

        private mutating func mixRows(_ bytes: [UInt8]) -> [UInt8] {
            var rows = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
            let (from, to) = (
                Int.random(in: 0..<rows.count, using: &generator), Int.random(in: 0..<rows.count, using: &generator)
            )
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: rows.insert(rows[from], at: to)
            case 1: rows.swapAt(from, to)
            default: rows.remove(at: from)
            }
            return Array(rows.joined(separator: [0x0A]))
        }
    }

    @Test(
        "MSG-61, MSG-62: what is still taken after damage is forwarded as a message that is taken again",
        arguments: 0..<20
    )
    func damage(_ seed: Int) {
        var damage = Damage(generator: DrawGenerator(seed: UInt64(seed)))
        var taken = 0
        for vector in Vectors.all {
            for _ in 0..<10 {
                let bytes = ByteBuffer(bytes: damage.apply(to: Array(vector.bytes.readableBytesView)))
                switch MessageParser.parse(bytes, framing: .datagram, limits: MessageLimits()) {
                case .malformed(let refusal):
                    #expect((ResponseWriter.response(to: refusal, source: nil) == nil) == (refusal.status == nil))
                case .message(let message):
                    taken += 1
                    forward(message, seed)
                }
                frame(bytes, seed)
            }
        }
        // Damage that is refused every time would prove nothing.
        #expect(taken > 50)
    }

    private func forward(_ message: SIPMessage, _ seed: Int) {
        var edits = MessageEdits()
        if message.isRequest {
            edits.pushVia(on: message) { $0.writeString("Via: SIP/2.0/TLS e;branch=z9hG4bKe\r\n") }
            edits.lowerMaxForwards(of: message)
            edits.boundMaxBreadth(of: message)
            edits.removeRoutes(first: 1, of: message.routeValues(.route) ?? [], in: message)
        }
        edits.addContentLength(to: message)
        let sent = edits.applied(to: message, allocator: ByteBufferAllocator())
        guard case .message(let again) = MessageParser.parse(sent, framing: .stream, limits: MessageLimits()) else {
            Issue.record("seed \(seed): not taken again: \(sent.lines)")
            return
        }
        #expect(again.bytes == sent)
        #expect(again.viaCount == message.viaCount + (message.isRequest ? 1 : 0))
        #expect(again.bytes.slice(again.body) == message.bytes.slice(message.body))
    }

    /// Whole and cut in two, a damaged stream gives the same, and what the framer cuts out is as long as the parser says.
    private func frame(_ bytes: ByteBuffer, _ seed: Int) {
        let whole = Framed.elements([bytes])
        #expect(Framed.elements(Framed.cut(bytes, at: bytes.readableBytes / 2)) == whole, "seed \(seed)")
        for case .message(let cut) in whole {
            guard case .message(let message) = MessageParser.parse(cut, framing: .stream, limits: MessageLimits())
            else {
                continue
            }
            #expect(message.bytes == cut, "seed \(seed)")
        }
    }
}
