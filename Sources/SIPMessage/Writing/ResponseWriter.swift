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
    package static func response(
        to request: SIPMessage,
        status: UInt16,
        reason: String,
        tag: UInt64?,
        source: Source?,
        extra: (inout ByteBuffer) -> Void = { _ in }
    ) -> ByteBuffer {
        var output = ByteBuffer()
        output.reserveCapacity(512)
        statusLine(status, reason, into: &output)
        for (index, field) in request.headers.enumerated() {
            switch field.name {
            case .via where index == request.firstVia: writeTopmostVia(of: request, field, source, into: &output)
            case .via, .from, .callID, .cSeq: output.writeImmutableBuffer(request.bytes.slice(field.line))
            case .to: writeTo(of: request, field, tag, into: &output)
            case .timestamp where status == 100: output.writeImmutableBuffer(request.bytes.slice(field.line))
            default: continue
            }
        }
        extra(&output)
        output.writeStaticString("Content-Length: 0\r\n\r\n")
        return output
    }

    /// An answer to a message that could not be read whole, from the lines that could.
    package static func response(to message: MalformedMessage, source: Source?) -> ByteBuffer? {
        guard let status = message.status else { return nil }
        var output = ByteBuffer()
        statusLine(status, message.reason.rawValue, into: &output)
        output.writeImmutableBuffer(message.answerLines)
        output.writeStaticString("Content-Length: 0\r\n\r\n")
        return output
    }

    private static func statusLine(_ status: UInt16, _ reason: String, into output: inout ByteBuffer) {
        output.writeStaticString("SIP/2.0 ")
        output.writeDecimal(UInt64(status))
        output.writeStaticString(" ")
        output.writeString(reason)
        output.writeStaticString("\r\n")
    }

    private static func writeTo(
        of request: SIPMessage,
        _ field: HeaderField,
        _ tag: UInt64?,
        into output: inout ByteBuffer
    ) {
        guard let tag, request.to.tag == nil else {
            output.writeImmutableBuffer(request.bytes.slice(field.line))
            return
        }
        output.writeImmutableBuffer(request.bytes.slice(ByteRange(field.line.start, field.value.end)))
        output.writeStaticString(";tag=")
        output.writeHexadecimal(tag, digits: 16)
        output.writeStaticString("\r\n")
    }

    private static func writeTopmostVia(
        of request: SIPMessage,
        _ field: HeaderField,
        _ source: Source?,
        into output: inout ByteBuffer
    ) {
        guard let source else {
            output.writeImmutableBuffer(request.bytes.slice(field.line))
            return
        }
        let via = request.topmostVia
        let cuts = [via.receivedParameter, via.returnPortParameter].compactMap { $0 }.sorted { $0.offset < $1.offset }
        var position = field.line.start
        for cut in cuts {
            output.writeImmutableBuffer(request.bytes.slice(ByteRange(position, cut.start)))
            position = cut.end
        }
        output.writeImmutableBuffer(request.bytes.slice(ByteRange(position, max(position, via.range.end))))
        let wantsPort = via.returnPort != .absent
        if wantsPort || via.address?.unmapped != source.address.unmapped {
            output.writeStaticString(";received=")
            output.writeImmutableBuffer(source.text)
            if wantsPort {
                output.writeStaticString(";rport=")
                output.writeDecimal(UInt64(source.port))
            }
        }
        output.writeImmutableBuffer(request.bytes.slice(ByteRange(max(position, via.range.end), field.line.end)))
    }
}
