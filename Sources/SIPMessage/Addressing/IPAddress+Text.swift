// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

extension IPAddress: CustomStringConvertible {
    /// The canonical text: dotted IPv4, or IPv6 by RFC 5952, without brackets (MSG-42).
    package var description: String {
        var buffer = ByteBuffer()
        buffer.writeAddress(self)
        return String(buffer: buffer)
    }

    /// The text as it stands in a URI or a sent-by: IPv6 in brackets.
    package var hostText: String { isIPv6 ? "[\(self)]" : description }
}

extension Endpoint: CustomStringConvertible {
    /// `tcp:192.0.2.1:5060`: the name of a backend in output, metrics and commands.
    package var description: String { "\(transport.name):\(address.hostText):\(port)" }

    /// The endpoint that its own description names.
    package init?(parsing text: some StringProtocol) {
        guard let first = text.firstIndex(of: ":"), let last = text.lastIndex(of: ":"), first < last,
            let transport = SIPTransport(name: text[..<first]),
            let address = IPAddress(parsing: text[text.index(after: first)..<last]),
            let port = UInt16(text[text.index(after: last)...]), port > 0
        else { return nil }
        self.init(transport: transport, address: address, port: port)
    }
}
