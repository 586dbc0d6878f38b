// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// Random damage to the bytes of a message, the same for the same seed (MSG-61).
struct Damage {
    private var generator: DrawGenerator

    init(seed: UInt64) { generator = DrawGenerator(seed: seed) }

    /// One or several of the bytes flipped, taken out or doubled, lengths edited, or rows swapped, doubled or taken out.
    mutating func apply(to bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 1 {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 1: bytes[place] = Array("\r\n ,;:<>\"=/@[]0\0".utf8).randomElement(using: &generator) ?? 0
            case 2: bytes.remove(at: place)
            case 3: bytes.removeLast(bytes.count - place)
            case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 20)], at: place)
            case 5: editNumber(&bytes, from: place)
            default: bytes = mixRows(bytes)
            }
        }
        return bytes
    }

    /// Another digit in the first number from there on, a length perhaps, or one digit more.
    private mutating func editNumber(_ bytes: inout [UInt8], from place: Int) {
        guard let digit = bytes[place...].firstIndex(where: { (0x30...0x39).contains($0) }) else { return }
        let other = UInt8.random(in: 0x30...0x39, using: &generator)
        if Bool.random(using: &generator) { bytes[digit] = other } else { bytes.insert(other, at: digit) }
    }

    private mutating func mixRows(_ bytes: [UInt8]) -> [UInt8] {
        var rows = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        let from = Int.random(in: 0..<rows.count, using: &generator)
        let to = Int.random(in: 0..<rows.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: rows.insert(rows[from], at: to)
        case 1: rows.swapAt(from, to)
        default: rows.remove(at: from)
        }
        return Array(rows.joined(separator: [0x0A]))
    }
}

/// What must hold of bytes that may be a message and may be none (MSG-61, MSG-62).
struct DamageCheck {
    /// Whether they were taken as a message.
    private(set) var wasTaken = false
    private(set) var problems: [String] = []

    init(_ bytes: ByteBuffer) {
        switch MessageParser.parse(bytes, framing: .datagram, limits: MessageLimits()) {
        case .malformed(let refusal):
            if (ResponseWriter.response(to: refusal, source: nil) == nil) != (refusal.status == nil) {
                problems.append("a refusal without its answer, or an answer without one")
            }
        case .message(let message):
            wasTaken = true
            forward(message)
        }
        frame(bytes)
    }

    /// What is still taken is forwarded as a message that is taken again.
    private mutating func forward(_ message: SIPMessage) {
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
            return problems.append("not taken again: \(String(buffer: sent))")
        }
        let isSame =
            again.bytes == sent && again.viaCount == message.viaCount + (message.isRequest ? 1 : 0)
            && again.bytes.slice(again.body) == message.bytes.slice(message.body)
        if !isSame { problems.append("another message: \(String(buffer: sent))") }
    }

    /// Whole and cut in two, a damaged stream gives the same, and what the framer cuts out is as long as the parser says.
    private mutating func frame(_ bytes: ByteBuffer) {
        let whole = Framed.elements([bytes])
        if Framed.elements(Framed.cut(bytes, at: bytes.readableBytes / 2)) != whole { problems.append("cut otherwise") }
        for case .message(let cut) in whole {
            guard case .message(let message) = MessageParser.parse(cut, framing: .stream, limits: MessageLimits())
            else { continue }
            if message.bytes != cut { problems.append("longer or shorter than its frame") }
        }
    }
}
