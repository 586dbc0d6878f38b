// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// Version 1 of the header: a line such as `PROXY TCP4 203.0.113.7 198.51.100.10 51000 5061`.
enum ProxyHeaderLine {
    static let word = Array("PROXY ".utf8)

    /// The longest line that there is, with its CRLF: two IPv6 addresses of full length.
    static let lengthLimit = 107

    static func read(_ bytes: ByteBuffer) -> ProxyHeaderReader.Outcome {
        let view = bytes.readableBytesView.prefix(lengthLimit)
        guard view.prefix(word.count).elementsEqual(word.prefix(view.count)) else { return .invalid(.signature) }
        guard let end = view.firstIndex(of: 0x0A) else {
            return view.count == lengthLimit ? .invalid(.length) : .needMore
        }
        let line = view[view.startIndex..<end]
        guard line.last == 0x0D else { return .invalid(.signature) }
        let length = line.count + 1
        let text = String(decoding: line.dropLast().dropFirst(word.count), as: UTF8.self)
        // What follows UNKNOWN is not looked at.
        if text == "UNKNOWN" || text.hasPrefix("UNKNOWN ") { return .header(ProxyHeader(source: nil, length: length)) }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard let family = parts.first, family == "TCP4" || family == "TCP6" else { return .invalid(.family) }
        guard parts.count == 5, let source = address(parts[1], family), address(parts[2], family) != nil,
            let port = Self.port(parts[3]), Self.port(parts[4]) != nil, !source.isUnsendable
        else { return .invalid(.address) }
        return .header(ProxyHeader(source: .init(address: source.unmapped, port: port), length: length))
    }

    private static func address(_ text: String, _ family: String) -> IPAddress? {
        guard !text.hasPrefix("["), let address = IPAddress(parsing: text), address.isIPv6 == (family == "TCP6") else {
            return nil
        }
        return address
    }

    /// Decimal without a sign and without leading zeros.
    private static func port(_ text: String) -> UInt16? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text == "0" || text.utf8.first != 0x30 else {
            return nil
        }
        return UInt16(text)
    }
}
