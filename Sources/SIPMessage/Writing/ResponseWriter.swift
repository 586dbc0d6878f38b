// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Writes the answers that the edge gives by itself (RFC 3261 section 8.2.6).
package enum ResponseWriter {
    /// Where a request came from, to be written into the topmost Via of its answer.
    package struct Source: Sendable {
        package let address: IPAddress
        package let text: ByteBuffer
        package let port: UInt16

        package init(address: IPAddress, text: ByteBuffer, port: UInt16) {
            self.address = address
            self.text = text
            self.port = port
        }
    }

    /// An answer to `request`: its Via, From, To, Call-ID and CSeq, a To tag where none is and `tag` is given (a 100
    /// has none), Timestamp in a 100, and `extra` lines, each with its CRLF (MSG-56, MSG-57).
    ///
    /// `overload` takes the place of what the client wrote of overload control into its Via.
    package static func response(
        to request: SIPMessage,
        status: UInt16,
        reason: String,
        tag: UInt64?,
        source: Source?,
        overload: OverloadFeedback? = nil,
        extra: (inout ByteBuffer) -> Void = { _ in }
    ) -> ByteBuffer {
        var output = ByteBufferAllocator().buffer(capacity: request.bodyStart &+ 256)
        writeStatusLine(status, reason, into: &output)
        var copier = LineCopier(bytes: request.bytes)
        for field in request.headers {
            switch field.name {
            case .via where field.line == request.headers[request.firstVia].line:
                if let overload {
                    copier.copyTopmostVia(field, request.topmostVia, source, overload, into: &output)
                } else {
                    copier.copyTopmostVia(field, request.topmostVia, source, into: &output)
                }
            case .via, .from, .callID, .cSeq: copier.copy(field.line, into: &output)
            case .to: copier.copyTo(field, request.to, tag, into: &output)
            case .timestamp where status == 100: copier.copy(field.line, into: &output)
            default: continue
            }
        }
        copier.flush(into: &output)
        extra(&output)
        output.writeStaticString("Content-Length: 0\r\n\r\n")
        return output
    }

    /// An answer to a message that could not be read whole, from the fields that could; nil when none may be given.
    package static func response(
        to message: MalformedMessage,
        tag: UInt64? = nil,
        source: Source?,
        extra: (inout ByteBuffer) -> Void = { _ in }
    ) -> ByteBuffer? {
        guard let status = message.status else { return nil }
        var output = ByteBuffer()
        writeStatusLine(status, message.reason.rawValue, into: &output)
        var copier = LineCopier(bytes: message.bytes)
        var isTopmost = true
        for field in message.fields {
            if field.name == .via, isTopmost, let via = message.topmostVia {
                copier.copyTopmostVia(field, via, source, into: &output)
            } else if field.name == .to {
                copier.copyTo(field, message.to, tag, into: &output)
            } else {
                copier.copy(field.line, into: &output)
            }
            if field.name == .via { isTopmost = false }
        }
        copier.flush(into: &output)
        extra(&output)
        output.writeStaticString("Content-Length: 0\r\n\r\n")
        return output
    }

    private static func writeStatusLine(_ status: UInt16, _ reason: String, into output: inout ByteBuffer) {
        output.writeStaticString("SIP/2.0 ")
        output.writeDecimal(UInt64(status))
        output.writeStaticString(" ")
        output.writeString(reason)
        output.writeStaticString("\r\n")
    }
}

/// Copies lines of a request into its answer; neighbours go in one piece.
private struct LineCopier {
    let bytes: ByteBuffer
    private var pending = ByteRange.empty

    init(bytes: ByteBuffer) { self.bytes = bytes }

    mutating func copy(_ range: ByteRange, into output: inout ByteBuffer) {
        if pending.end == range.start, !pending.isEmpty {
            pending.length &+= range.length
        } else {
            flush(into: &output)
            pending = range
        }
    }

    mutating func flush(into output: inout ByteBuffer) {
        if !pending.isEmpty { output.append(pending, of: bytes) }
        pending = .empty
    }

    /// The To line, with a tag when it has none; in one that cannot be read, whatever looks like a tag is one.
    mutating func copyTo(_ field: HeaderField, _ to: NameAddress?, _ tag: UInt64?, into output: inout ByteBuffer) {
        let isTagged = to.map { $0.tag != nil } ?? bytes.holdsTag(field.value)
        guard let tag, !isTagged else { return copy(field.line, into: &output) }
        copy(ByteRange(field.line.start, field.value.end), into: &output)
        flush(into: &output)
        output.writeStaticString(";tag=")
        output.writeHexadecimal(tag, digits: 16)
        output.writeStaticString("\r\n")
    }

    /// The topmost Via line, with where the request came from.
    mutating func copyTopmostVia(
        _ field: HeaderField,
        _ via: Via,
        _ source: ResponseWriter.Source?,
        into output: inout ByteBuffer
    ) {
        guard let source else { return copy(field.line, into: &output) }
        let stamp = ViaStamp(via: via, source: source.address)
        var position = field.line.start
        let isPortFirst = (stamp.returnPort?.range.offset ?? .max) < (stamp.received?.range.offset ?? .max)
        for turn in 0..<2 {
            let isPort = (turn == 0) == isPortFirst
            guard let change = isPort ? stamp.returnPort : stamp.received else { continue }
            copy(ByteRange(position, change.range.start), into: &output)
            flush(into: &output)
            if change.writes, isPort { output.writeReturnPort(source.port) }
            if change.writes, !isPort { output.writeReceived(source.text) }
            position = change.range.end
        }
        copy(ByteRange(position, field.line.end), into: &output)
    }

    /// The same with `overload` behind all other parameters, in place of those that the client wrote.
    mutating func copyTopmostVia(
        _ field: HeaderField,
        _ via: Via,
        _ source: ResponseWriter.Source?,
        _ overload: OverloadFeedback,
        into output: inout ByteBuffer
    ) {
        flush(into: &output)
        let stamp = source.map { ViaStamp(via: via, source: $0.address) }
        let message = bytes
        var position = field.line.start
        message.withUnsafeReadableBytes { raw in
            guard let view = Bytes(raw) else { return }
            ViaParser.forEachParameter(of: via, view) { name, _, whole in
                let isReceived = whole == stamp?.received?.range
                let isPort = whole == stamp?.returnPort?.range
                if isReceived || isPort {
                    output.append(ByteRange(position, whole.start), of: message)
                    if isReceived, let source, stamp?.received?.writes == true { output.writeReceived(source.text) }
                    if isPort, let source { output.writeReturnPort(source.port) }
                } else if OverloadParameters.isName(view, from: name.start, to: name.end) {
                    output.append(ByteRange(position, view.endOfText(before: whole.start, from: position)), of: message)
                } else {
                    return
                }
                position = whole.end
            }
        }
        output.append(ByteRange(position, via.range.end), of: message)
        if let source, let added = stamp?.received, added.range.isEmpty { output.writeReceived(source.text) }
        overload.write(into: &output)
        copy(ByteRange(via.range.end, field.line.end), into: &output)
    }
}

extension ByteBuffer {
    /// Whether `tag=` stands somewhere in the range.
    fileprivate func holdsTag(_ range: ByteRange) -> Bool {
        withUnsafeReadableBytes { raw in
            guard let bytes = Bytes(raw), range.end <= bytes.count, range.count >= 4 else { return false }
            return (range.start...(range.end &- 4)).contains { start in
                bytes[start &+ 3] == 0x3D && bytes.equalsIgnoringCase("tag", from: start, to: start &+ 3)
            }
        }
    }
}

extension Bytes {
    /// Where the text before `end` ends: what is taken out takes the fold before it along, for two folds in a row would be a
    /// line of blanks.
    fileprivate func endOfText(before end: Int, from start: Int) -> Int {
        var place = end
        while place > start, Self.isLinearSpace(self[place &- 1]) { place &-= 1 }
        return place
    }
}
