// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage

/// A message leaves as it came, but for what was edited.
struct EditCheck {
    let message: SIPMessage
    let seed: UInt64

    func run() {
        checkUnedited()
        message.isRequest ? checkForwarding() : checkReturning()
        checkSplices()
    }

    /// Without edits, a message without folds is the same bytes; with them it is one that has none and stays the same.
    private func checkUnedited() {
        var edits = MessageEdits()
        let bytes = edits.applied(to: message, allocator: ByteBufferAllocator())
        guard let again = bytes.parsed(.datagram, limits: .none) else {
            return claim(false, "cannot be read again: \(bytes.text)")
        }
        claim(again.bytes == bytes, "what was written has another length")
        claim(!again.isFolded && again.headers.map(\.name) == message.headers.map(\.name), "other fields")
        edits.reset()
        claim(edits.applied(to: again, allocator: ByteBufferAllocator()) == bytes, "writing again gives other bytes")
        if !message.isFolded, hasUsualVersion { claim(bytes == message.bytes, "untouched, yet changed") }
        checkBody(again)
    }

    private var hasUsualVersion: Bool {
        let line = message.bytes.bytes(ByteRange(0, message.headers.first?.line.start ?? 0))
        let place = message.isRequest ? line.dropLast(2).suffix(7) : line.prefix(7)
        return place.elementsEqual("SIP/2.0".utf8)
    }

    private func checkBody(_ other: SIPMessage) {
        claim(other.bytes.bytes(other.body) == message.bytes.bytes(message.body), "another body")
    }

    /// What a proxy does to a request, each edit or not as the seed says.
    private func checkForwarding() {
        func does(_ bit: UInt64) -> Bool { seed >> bit & 1 == 1 }
        var edits = MessageEdits()
        let routes = message.routeValues(.route) ?? []
        let (first, last) = (Int(seed >> 16 & 3), does(18))
        if does(0) { edits.stampSource(on: message, address: Sample.address, text: Sample.source.text, port: 9988) }
        if does(1) { edits.removeRoutes(first: first, last: last, of: routes, in: message) }
        if does(2) { edits.lowerMaxForwards(of: message) }
        if does(3) { edits.boundMaxBreadth(of: message) }
        if does(4) { edits.push(.recordRoute, on: message) { $0.writeString("Record-Route: <sip:e.example;lr>\r\n") } }
        if does(5) { edits.pushVia(on: message) { $0.writeString("Via: SIP/2.0/TLS e.example;branch=z9hG4bKe\r\n") } }
        if does(6) { edits.replaceRequestURI(of: message) { $0.writeString("sip:new@e.example") } }
        if does(7) { edits.addContentLength(to: message) }
        if does(8) { edits.appendLine(to: message) { $0.writeString("X-Last: 1\r\n") } }
        if does(9) { edits.removeAll(.supported, of: message) }
        if does(10) { edits.appendRoute(on: message) { $0.writeString("sip:last.example;lr") } }
        let bytes = edits.applied(to: message, allocator: ByteBufferAllocator())
        guard let sent = bytes.parsed(.datagram, limits: .none) else {
            return claim(false, "cannot be forwarded: \(bytes.text)")
        }
        claim(sent.bytes == bytes && !sent.isFolded, "what was written has another shape")
        claim(sent.viaCount == message.viaCount + (does(5) ? 1 : 0), "Via values appear or vanish")
        if does(2) { claim(sent.maxForwards == message.maxForwards.map { max($0, 1) - 1 } ?? 70, "Max-Forwards") }
        if does(3) { checkBreadth(sent) }
        if does(6) { claim(sent.text(sent.requestURI?.range) == "sip:new@e.example", "the Request-URI") }
        if does(7) { claim(sent.hasContentLength, "no Content-Length") }
        if does(9) { claim(!sent.has(.supported), "Supported was not removed") }
        if does(0) { checkStamp(does(5) ? sent.secondVia : sent.topmostVia, in: sent) }
        if message.routeValues(.route) != nil {
            let low = does(1) ? min(first, routes.count) : 0
            let high = routes.count - (does(1) && last ? 1 : 0)
            var kept = (low < high ? routes[low..<high] : []).map { message.text($0.uri.range) }
            if does(10) { kept.append("sip:last.example;lr") }
            claim(sent.routeValues(.route)?.map { sent.text($0.uri.range) } == kept, "other routes than \(kept)")
        }
        checkBody(sent)
        checkUntouched(sent)
    }

    private func checkStamp(_ via: Via?, in sent: SIPMessage) {
        guard let via else { return claim(false, "the stamped Via cannot be read") }
        let old = message.topmostVia
        let isNeeded = old.returnPort != .absent || old.address?.unmapped != Sample.address
        claim(via.received.flatMap { sent.address($0) } == (isNeeded ? Sample.address : nil), "received is wrong")
        claim(via.returnPort == (old.returnPort == .absent ? .absent : .value(9988)), "rport is wrong")
        claim(sent.text(via.branch) == message.text(old.branch), "another branch")
    }

    private func checkBreadth(_ sent: SIPMessage) {
        let fields = sent.headers.filter { $0.name == .maxBreadth }
        let text = fields.first.flatMap { sent.text($0.value) } ?? ""
        claim(fields.count == 1 && !text.isEmpty, "\(fields.count) Max-Breadth fields")
        claim(text.utf8.allSatisfy { (0x30...0x39).contains($0) }, "Max-Breadth \(text)")
        claim(sent.number(.maxBreadth).map { $0 <= 60 } == true, "Max-Breadth \(text)")
    }

    /// Fields that no edit speaks of stay the same bytes in the same order (MSG-18).
    private func checkUntouched(_ sent: SIPMessage) {
        func untouched(_ message: SIPMessage) -> [[UInt8]] {
            let touched: Set<HeaderName> = [
                .via, .route, .recordRoute, .maxForwards, .maxBreadth, .supported, .contentLength,
            ]
            return message.headers.filter { !touched.contains($0.name) }.map { message.bytes.bytes($0.line) }
        }
        guard !message.isFolded else { return }
        let added = Array("X-Last: 1\r\n".utf8)
        claim(untouched(sent).filter { $0 != added } == untouched(message).filter { $0 != added }, "a field changed")
    }

    /// What a proxy does to a response.
    private func checkReturning() {
        var edits = MessageEdits()
        edits.popVia(of: message)
        if seed & 1 == 1 { edits.replaceStatus(of: message, with: 500, "Server Internal Error") }
        let bytes = edits.applied(to: message, allocator: ByteBufferAllocator())
        guard message.secondVia != nil else { return }
        guard let sent = bytes.parsed(.datagram, limits: .none) else {
            // Below the topmost one, only what a value must have is read ahead.
            guard case .malformed(let refused) = MessageParser.parse(bytes, framing: .datagram, limits: MessageLimits())
            else { return }
            return claim(refused.reason == .via, "cannot be returned: \(bytes.text)")
        }
        claim(sent.viaCount == message.viaCount - 1, "not one Via value was taken off")
        claim(sent.text(sent.topmostVia.branch) == message.text(message.secondVia?.branch), "another branch")
        claim(sent.status == (seed & 1 == 1 ? 500 : message.status), "another status")
        checkBody(sent)
    }

    /// Splices at random places do what a plain replacement of bytes does.
    private func checkSplices() {
        guard !message.isFolded, hasUsualVersion else { return }
        var generator = DrawGenerator(seed: seed)
        var edits = MessageEdits()
        var expected: [UInt8] = []
        let bytes = Array(message.bytes.readableBytesView)
        var position = 0
        while position < bytes.count {
            let step = Int.random(in: 1...max(1, bytes.count / 3), using: &generator)
            let next = min(bytes.count, position + step)
            expected += bytes[position..<next]
            let end = min(bytes.count, next + Int.random(in: 0...20, using: &generator))
            let text = [UInt8](repeating: 0x2A, count: Int.random(in: 0...5, using: &generator))
            edits.splice(at: next, removing: end - next) { $0.writeBytes(text) }
            expected += text
            position = end
        }
        let result = edits.applied(to: message, allocator: ByteBufferAllocator())
        claim(Array(result.readableBytesView) == expected, "splices gave other bytes")
    }
}

extension SIPMessage {
    /// The text of a range.
    func text(_ range: ByteRange?) -> String? { range.map { bytes.text($0) } }
}
