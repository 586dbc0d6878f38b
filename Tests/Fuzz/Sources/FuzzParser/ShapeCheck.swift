// SPDX-License-Identifier: Apache-2.0

internal import FuzzSupport
internal import NIOCore
internal import SIPMessage

/// Every range of a message lies where it says it lies.
struct ShapeCheck {
    let message: SIPMessage

    func run() {
        let bytes = message.bytes
        claim(message.bodyStart <= bytes.readableBytes, "the body begins behind the message")
        claim(bytes.hasSoundLineEnds(before: message.bodyStart), "a line end that is no CRLF was taken")
        claim(message.headers.contains { $0.name == .via }, "no Via")
        checkTiling()
        checkStartLine()
        checkVia(message.topmostVia, in: message.headers[message.firstVia].value)
        for (value, name) in [(message.from, HeaderName.from), (message.to, .to)] {
            guard let field = message.first(name) else { return claim(false, "no \(name)") }
            check(value, in: field.value)
        }
        claim(message.callID.lies(in: message.first(.callID)?.value ?? .empty), "Call-ID lies elsewhere")
        let cSeq = message.first(.cSeq)?.value ?? .empty
        claim(message.cSeq.numberText.lies(in: cSeq) && message.cSeq.methodText.lies(in: cSeq), "CSeq lies elsewhere")
    }

    /// The fields follow one another without a gap, from the start line to the empty line.
    private func checkTiling() {
        var position = message.headers.first?.line.start ?? 0
        for field in message.headers {
            claim(field.line.start == position, "a gap before a field")
            claim(field.nameRange.start == position && !field.nameRange.isEmpty, "a name is not at its line's start")
            claim(field.value.start > field.nameRange.end, "a value without a colon")
            claim(field.value.end <= field.line.end - 2, "a value reaches over its line")
            position = field.line.end
            claim(message.has(field.name) || field.name == .other, "a field that is not said to be there")
        }
        claim(position == message.bodyStart - 2, "bytes between the last field and the body")
    }

    private func checkStartLine() {
        let line = ByteRange(0, (message.headers.first?.line.start ?? 0) - 2)
        switch message.startLine {
        case .request(let method, let text, let uri):
            claim(method == message.method && text.lies(in: line), "the method lies elsewhere")
            claim(uri.range.lies(in: line) && uri.range.start == text.end + 1, "the Request-URI lies elsewhere")
            check(uri)
        case .response(let status, let reason):
            claim((100...699).contains(status), "status \(status)")
            claim(reason.lies(in: line), "the reason phrase lies elsewhere")
        }
    }

    func checkVia(_ via: Via, in field: ByteRange) {
        claim(via.range.lies(in: field) && !via.host.isEmpty && via.host.lies(in: via.range), "a Via lies elsewhere")
        for part in [via.branch, via.received, via.receivedParameter, via.returnPortParameter, via.maddr] {
            if let part { claim(part.lies(in: via.range), "a Via parameter lies elsewhere") }
        }
        if let next = via.nextValueStart {
            claim(next > via.range.end && next < field.end, "the next Via lies elsewhere")
        }
        claim(via.port != 0, "port 0")
    }

    func check(_ value: NameAddress, in field: ByteRange) {
        claim(value.range.lies(in: field) && value.uri.lies(in: value.range), "a name-addr lies elsewhere")
        if let tag = value.tag { claim(tag.lies(in: value.range) && !tag.isEmpty, "a tag lies elsewhere") }
        if let next = value.nextValueStart {
            claim(next > value.range.end && next <= field.end, "the next value lies elsewhere")
        }
        if let uri = message.uri(of: value) { check(uri) }
    }

    func check(_ uri: SIPURI) {
        guard uri.isSIP else { return }
        let (begin, end) = (Int(uri.parametersStart), Int(uri.parametersEnd))
        claim(begin <= end && end <= uri.range.end && begin > uri.range.start, "URI parameters lie elsewhere")
        claim(uri.user.isEmpty || uri.user.lies(in: uri.range), "a user part lies elsewhere")
        claim(!uri.host.isEmpty && uri.host.lies(in: ByteRange(uri.range.start, begin)), "a host lies elsewhere")
        for part in [uri.transport, uri.maddr, uri.pairing] {
            if let part, !part.isEmpty { claim(part.lies(in: ByteRange(begin, end)), "a URI parameter lies elsewhere") }
        }
        claim(uri.port != 0, "port 0")
        claim(uri.isEquivalent(in: message.bytes, to: uri, in: message.bytes), "a URI does not equal itself")
        claim(uri.hostEquals(message.bytes.text(uri.host), in: message.bytes), "a host does not equal itself")
    }
}
