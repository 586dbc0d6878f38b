// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Writing a URI that stood elsewhere, or was meant otherwise, into a request line.
extension SIPMessage {
    /// What else than headers and `method` is left out of a URI that becomes the Request-URI.
    package enum RequestURIForm {
        case whole
        /// What said where the request was to go is left out too: `maddr`, `transport`, and a port that is not the
        /// default one (RFC 3261 section 16.4).
        case withoutPlace
    }

    /// Writes a URI of this message as a Request-URI: without headers and the `method` parameter, which may not stand
    /// there (RFC 3261 section 19.1.1, table 1, PRX-29).
    package func writeRequestURI(_ uri: SIPURI, _ form: RequestURIForm = .whole, into buffer: inout ByteBuffer) {
        guard uri.isSIP, form == .withoutPlace || uri.hasMethod || uri.hasHeaders else {
            buffer.writeImmutableBuffer(bytes.slice(uri.range))
            return
        }
        let isDefault = uri.port == nil || uri.port == (uri.scheme == .sips ? 5061 : 5060)
        let hostEnd = form == .whole || isDefault ? Int(uri.parametersStart) : endOfHost(uri)
        buffer.writeImmutableBuffer(bytes.slice(ByteRange(uri.range.start, hostEnd)))
        var start = Int(uri.parametersStart)
        let end = Int(uri.parametersEnd)
        while start < end {
            let next = self.next(0x3B, in: start + 1..<end) ?? end
            let parameter = ByteRange(start, next)
            if mayStay(parameter, form) { buffer.writeImmutableBuffer(bytes.slice(parameter)) }
            start = next
        }
    }

    /// Where the port begins, with its colon.
    private func endOfHost(_ uri: SIPURI) -> Int {
        let end = uri.host.end
        return bytes.getInteger(at: bytes.readerIndex + end, as: UInt8.self) == 0x5D ? end + 1 : end
    }

    /// Whether a parameter, which begins with its semicolon, may stand in the Request-URI.
    private func mayStay(_ parameter: ByteRange, _ form: RequestURIForm) -> Bool {
        let start = parameter.start + 1
        let name = ByteRange(start, next(0x3D, in: start..<max(start, parameter.end)) ?? parameter.end)
        if equals(name, "method") { return false }
        return form == .whole || !(equals(name, "maddr") || equals(name, "transport"))
    }

    private func next(_ byte: UInt8, in range: Range<Int>) -> Int? {
        range.first { bytes.getInteger(at: bytes.readerIndex + $0, as: UInt8.self) == byte }
    }
}
