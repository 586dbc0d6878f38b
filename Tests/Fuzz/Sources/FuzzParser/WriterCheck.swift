// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage

/// Where the answers of these checks go to.
enum Sample {
    static let address = IPAddress.v6(high: 0x2001_0DB8_0000_0000, low: 7)
    static var source: ResponseWriter.Source {
        var text = ByteBuffer()
        text.writeAddress(address)
        return ResponseWriter.Source(address: address, text: text, port: 9988)
    }
}

/// What the edge makes out of a message can be read again, and says the same.
struct WriterCheck {
    let message: SIPMessage

    func run() {
        checkAnswer(status: 100, tag: nil, source: nil)
        checkAnswer(status: 486, tag: 0xABCD, source: Sample.source)
        guard message.isRequest else { return }
        let cancel = RequestWriter.cancel(message, reason: nil)
        checkDerived(cancel, .cancel)
        guard
            let final = ResponseWriter.response(to: message, status: 486, reason: "Busy", tag: 1, source: nil)
                .parsed(.stream)
        else { return claim(false, "an answer cannot be read") }
        checkDerived(RequestWriter.ack(for: message, response: final), .ack)
    }

    private func checkAnswer(status: UInt16, tag: UInt64?, source: ResponseWriter.Source?) {
        guard message.isRequest else { return }
        let bytes = ResponseWriter.response(to: message, status: status, reason: "Busy Here", tag: tag, source: source)
        guard let answer = bytes.parsed(.stream) else { return claim(false, "an answer cannot be read: \(bytes.text)") }
        claim(answer.status == status && answer.bytes == bytes, "an answer of another shape")
        claim(answer.bytes.bytes(answer.callID) == message.bytes.bytes(message.callID), "another Call-ID")
        claim(answer.cSeq.number == message.cSeq.number && answer.viaCount == message.viaCount, "another CSeq or Via")
        claim((answer.to.tag != nil) == (tag != nil || message.to.tag != nil), "a To tag too many or too few")
        guard let source else { return }
        let via = message.topmostVia
        let isNeeded = via.returnPort != .absent || via.address?.unmapped != source.address
        let received = answer.topmostVia.received.flatMap { answer.address($0) }
        claim(received == (isNeeded ? source.address : nil), "received is wrong")
        claim(via.returnPort == .absent || answer.topmostVia.returnPort == .value(source.port), "rport is wrong")
    }

    private func checkDerived(_ bytes: ByteBuffer, _ method: SIPMethod) {
        guard let request = bytes.parsed(.stream) else { return claim(false, "cannot be read: \(bytes.text)") }
        claim(request.method == method && request.cSeq.number == message.cSeq.number, "another method or CSeq")
        claim(request.viaCount == 1, "\(request.viaCount) Via values in a request made from another one")
        claim(
            request.bytes.bytes(request.topmostVia.range) == message.bytes.bytes(message.topmostVia.range),
            "another Via than in the request"
        )
    }
}

/// The answer to a message that could not be taken.
struct RefusalCheck {
    let malformed: MalformedMessage
    let input: ByteBuffer

    func run() {
        claim(malformed.bytes == input, "other bytes than received")
        if let via = malformed.topmostVia {
            claim(via.range.end <= input.readableBytes && via.host.lies(in: via.range), "a Via lies elsewhere")
        }
        for source in [nil, Sample.source] {
            let answer = ResponseWriter.response(to: malformed, tag: 7, source: source)
            claim((answer == nil) == (malformed.status == nil), "an answer without a status, or none with one")
            guard let answer else { continue }
            claim(!malformed.isResponse, "a response is answered")
            claim(answer.hasSoundLineEnds(before: answer.readableBytes), "a broken line end goes out: \(answer.text)")
            let bytes = Array(answer.readableBytesView)
            claim(bytes.suffix(4) == [0x0D, 0x0A, 0x0D, 0x0A], "an answer without an end")
            claim(!hasEmptyLine(bytes.dropLast()), "an answer with two ends")
        }
    }

    private func hasEmptyLine(_ bytes: ArraySlice<UInt8>) -> Bool {
        let line: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard bytes.count >= 4 else { return false }
        return (bytes.startIndex...bytes.endIndex - 4).contains { bytes[$0..<$0 + 4].elementsEqual(line) }
    }
}

extension ByteBuffer {
    /// All of it, for a message to the developer.
    var text: String { String(buffer: self) }
}
