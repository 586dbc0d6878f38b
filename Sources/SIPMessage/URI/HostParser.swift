// SPDX-License-Identifier: Apache-2.0

/// Reads `host [":" port]` as it stands in URIs and in the Via header's sent-by.
enum HostParser {
    struct Host {
        /// The host without brackets.
        var range: ByteRange
        var address: IPAddress?
        var port: UInt16?
        /// Where reading stopped.
        var end: Int
    }

    /// The host and port that begin at `start`; nil when they break the grammar, when the port is 0 or above 65535, or
    /// when there is a zone identifier (MSG-37, MSG-38, MSG-43).
    ///
    /// `allowsBlanks` lets white space stand around the colon, as the Via header may have it.
    static func parse(_ bytes: Bytes, from start: Int, to end: Int, allowsBlanks: Bool = false) -> Host? {
        guard start < end else { return nil }
        guard var host = bytes[start] == 0x5B ? reference(bytes, start, end) : name(bytes, start, end) else {
            return nil
        }
        var position = allowsBlanks ? bytes.skipBlanks(from: host.end, to: end) : host.end
        guard position < end, bytes[position] == 0x3A else { return host }
        position += 1
        if allowsBlanks { position = bytes.skipBlanks(from: position, to: end) }
        let digits = position
        while position < end, bytes[position] &- 0x30 < 10 { position += 1 }
        guard let port = bytes.number(from: digits, to: position, limit: 65_535), port > 0 else { return nil }
        host.port = UInt16(truncatingIfNeeded: port)
        host.end = position
        return host
    }

    /// `[` IPv6 address `]`.
    private static func reference(_ bytes: Bytes, _ start: Int, _ end: Int) -> Host? {
        guard let close = bytes.find(0x5D, from: start, to: end),
            let address = IPAddress.parseIPv6(bytes, from: start + 1, to: close)
        else { return nil }
        return Host(range: ByteRange(start + 1, close), address: address, port: nil, end: close + 1)
    }

    private static func name(_ bytes: Bytes, _ start: Int, _ end: Int) -> Host? {
        var position = start
        while position < end, Bytes.isHostCharacter(bytes[position]) { position += 1 }
        guard position > start, bytes[start] != 0x2E, bytes[start] != 0x2D else { return nil }
        let address = IPAddress.parseIPv4(bytes, from: start, to: position)
        return Host(range: ByteRange(start, position), address: address, port: nil, end: position)
    }
}
