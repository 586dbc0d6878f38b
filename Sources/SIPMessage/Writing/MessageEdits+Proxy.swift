// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The edits of a proxy (RFC 3261 sections 16.4, 16.6 and 16.7), by name.
extension MessageEdits {
    /// Puts a whole Via line, CRLF included, above the topmost one.
    package mutating func pushVia(on message: SIPMessage, _ write: (inout ByteBuffer) -> Void) {
        splice(at: message.headers[message.firstVia].line.start, write)
    }

    /// Takes the topmost Via value off, with its line when it stands there alone.
    package mutating func popVia(of message: SIPMessage) {
        let field = message.headers[message.firstVia]
        guard let next = message.topmostVia.nextValueStart else { return remove(field.line) }
        remove(ByteRange(field.value.start, Int(next)))
    }

    /// Writes where a request came from into its topmost Via, as `ViaStamp` says.
    package mutating func stampSource(on message: SIPMessage, address: IPAddress, text: ByteBuffer, port: UInt16) {
        let stamp = ViaStamp(via: message.topmostVia, source: address)
        if let change = stamp.received {
            splice(at: change.range.start, removing: change.range.count) { if change.writes { $0.writeReceived(text) } }
        }
        if let change = stamp.returnPort {
            splice(at: change.range.start, removing: change.range.count) { $0.writeReturnPort(port) }
        }
    }

    /// Lowers Max-Forwards by one, or adds 70 where it is absent or above 255 (PRX-27, MSG-24).
    package mutating func lowerMaxForwards(of message: SIPMessage) {
        guard let field = message.first(.maxForwards) else {
            return splice(at: message.endOfVias) { $0.writeStaticString("Max-Forwards: 70\r\n") }
        }
        let value = message.maxForwards.map { $0 > 0 ? $0 - 1 : 0 } ?? 70
        splice(at: field.value.start, removing: field.value.count) { $0.writeDecimal(UInt64(value)) }
    }

    /// Leaves exactly one Max-Breadth of at most 60 in the request (PRX-46, RFC 5393 section 5.3.3).
    package mutating func boundMaxBreadth(of message: SIPMessage) {
        guard let field = message.first(.maxBreadth) else {
            return splice(at: message.endOfVias) { $0.writeStaticString("Max-Breadth: 60\r\n") }
        }
        for other in message.headers where other.name == .maxBreadth && other.line != field.line { remove(other.line) }
        let value = message.withBytes { $0.number(from: field.value.start, to: field.value.end, limit: 60) }
        guard value == nil else { return }
        splice(at: field.value.start, removing: field.value.count) { $0.writeStaticString("60") }
    }

    /// Puts whole lines of Route, Record-Route or Path above the ones of that name, or below the Vias (MSG-55).
    package mutating func push(_ name: HeaderName, on message: SIPMessage, _ write: (inout ByteBuffer) -> Void) {
        splice(at: message.first(name)?.line.start ?? message.endOfVias, write)
    }

    /// Takes the first `count` Route values off, across lines and lists.
    package mutating func popRoutes(_ count: Int, of values: [RouteValue], in message: SIPMessage) {
        removeRoutes(first: count, of: values, in: message)
    }

    /// Takes the last Route value off.
    ///
    /// To take off first ones as well, use `removeRoutes`.
    package mutating func popLastRoute(of values: [RouteValue], in message: SIPMessage) {
        removeRoutes(first: 0, last: true, of: values, in: message)
    }

    /// Takes the first `count` Route values off, and the last one too when `last` says so (PRX-15), across lines and
    /// lists; a line that loses all its values goes whole.
    package mutating func removeRoutes(
        first count: Int,
        last: Bool = false,
        of values: [RouteValue],
        in message: SIPMessage
    ) {
        let end = values.count - (last ? 1 : 0)
        let kept = max(0, count) < end ? max(0, count)..<end : 0..<0
        guard kept.count < values.count else { return }
        var index = 0
        while index < values.count {
            let field = values[index].field
            var next = index
            while next < values.count, values[next].field == field { next += 1 }
            let line = message.headers[field]
            let stay = kept.clamped(to: index..<next)
            if stay.isEmpty {
                remove(line.line)
            } else {
                if stay.lowerBound > index { remove(ByteRange(line.value.start, values[stay.lowerBound].range.start)) }
                if stay.upperBound < next { remove(ByteRange(values[stay.upperBound - 1].range.end, line.value.end)) }
            }
            index = next
        }
    }

    /// Adds a Route value behind all others.
    package mutating func appendRoute(on message: SIPMessage, _ write: (inout ByteBuffer) -> Void) {
        let last = message.headers.last { $0.name == .route }
        splice(at: last?.line.end ?? message.endOfVias) { buffer in
            buffer.writeStaticString("Route: <")
            write(&buffer)
            buffer.writeStaticString(">\r\n")
        }
    }

    /// Puts another URI into the request line.
    package mutating func replaceRequestURI(of message: SIPMessage, _ write: (inout ByteBuffer) -> Void) {
        guard let uri = message.requestURI else { return }
        splice(at: uri.range.start, removing: uri.range.count, write)
    }

    /// Adds Content-Length where a stream needs it and the sender, on a datagram, left it out (MSG-54).
    package mutating func addContentLength(to message: SIPMessage) {
        guard !message.hasContentLength else { return }
        splice(at: message.bodyStart - 2) { buffer in
            buffer.writeStaticString("Content-Length: ")
            buffer.writeDecimal(UInt64(message.body.count))
            buffer.writeStaticString("\r\n")
        }
    }

    /// Takes every field of that name out.
    package mutating func removeAll(_ name: HeaderName, of message: SIPMessage) {
        guard message.has(name) else { return }
        for field in message.headers where field.name == name { remove(field.line) }
    }

    /// Replaces status code and reason phrase of a response, as for a lone 503 (PRX-57).
    package mutating func replaceStatus(of message: SIPMessage, with status: UInt16, _ reason: StaticString) {
        guard case .response(_, let phrase) = message.startLine else { return }
        splice(at: 8, removing: phrase.end - 8) { buffer in
            buffer.writeDecimal(UInt64(status))
            buffer.writeStaticString(" ")
            buffer.writeStaticString(reason)
        }
    }

    /// Adds a whole line, CRLF included, at the end of the header section.
    package mutating func appendLine(to message: SIPMessage, _ write: (inout ByteBuffer) -> Void) {
        splice(at: message.bodyStart - 2, write)
    }
}

extension SIPMessage {
    /// The place below the last of the Via lines that stand together at the top.
    package var endOfVias: Int {
        var index = firstVia
        while index + 1 < headers.count, headers[index + 1].name == .via { index += 1 }
        return headers[index].line.end
    }
}
