// SPDX-License-Identifier: Apache-2.0

/// Reads URIs out of a message's bytes (RFC 3261 sections 19.1 and 25.1, with RFC 5954 for IPv6).
enum URIParser {
    /// The URI in `start..<end`, or nil when it is none that could be routed by.
    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> SIPURI? {
        guard let colon = bytes.find(0x3A, from: start, to: end), colon > start, colon + 1 < end else { return nil }
        for index in start..<end
        where bytes[index] <= 0x20 || bytes[index] == 0x3C || bytes[index] == 0x3E
            || bytes[index] == 0x22 || bytes[index] == 0x7F
        {
            return nil
        }
        guard isScheme(bytes, from: start, to: colon) else { return nil }
        let scheme = scheme(bytes, from: start, to: colon)
        var uri = SIPURI(scheme: scheme, range: ByteRange(start, end))
        guard uri.isSIP else { return uri }
        return parseSIP(bytes, from: colon + 1, to: end, into: &uri) ? uri : nil
    }

    private static func isScheme(_ bytes: Bytes, from start: Int, to end: Int) -> Bool {
        guard Bytes.lowercase(bytes[start]) &- 0x61 < 26 else { return false }
        for index in start..<end {
            switch bytes[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: continue
            default: return false
            }
        }
        return true
    }

    private static func scheme(_ bytes: Bytes, from start: Int, to end: Int) -> URIScheme {
        switch end - start {
        case 3 where bytes.equalsIgnoringCase("sip", from: start, to: end): .sip
        case 3 where bytes.equalsIgnoringCase("tel", from: start, to: end): .tel
        case 3 where bytes.equalsIgnoringCase("urn", from: start, to: end): .urn
        case 4 where bytes.equalsIgnoringCase("sips", from: start, to: end): .sips
        default: .other
        }
    }

    private static func parseSIP(_ bytes: Bytes, from start: Int, to end: Int, into uri: inout SIPURI) -> Bool {
        var position = start
        if let at = bytes.find(0x40, from: start, to: end) {
            guard at > start else { return false }
            uri.user = ByteRange(start, at)
            position = at + 1
        }
        guard let host = HostParser.parse(bytes, from: position, to: end) else { return false }
        uri.host = host.range
        uri.address = host.address
        uri.port = host.port
        position = host.end
        uri.parametersStart = UInt32(truncatingIfNeeded: position)
        guard position == end || bytes[position] == 0x3B || bytes[position] == 0x3F else { return false }
        position = parameters(bytes, from: position, to: end, into: &uri)
        uri.parametersEnd = UInt32(truncatingIfNeeded: position)
        uri.hasHeaders = position < end
        return position == end || bytes[position] == 0x3F
    }

    /// Reads `;name=value` pairs and returns the place where they end.
    private static func parameters(_ bytes: Bytes, from start: Int, to end: Int, into uri: inout SIPURI) -> Int {
        var position = start
        while position < end, bytes[position] == 0x3B {
            let nameStart = position + 1
            var nameEnd = nameStart
            while nameEnd < end, bytes[nameEnd] != 0x3D, bytes[nameEnd] != 0x3B, bytes[nameEnd] != 0x3F { nameEnd += 1 }
            var valueEnd = nameEnd
            if bytes[nameEnd] == 0x3D, nameEnd < end {
                valueEnd += 1
                while valueEnd < end, bytes[valueEnd] != 0x3B, bytes[valueEnd] != 0x3F { valueEnd += 1 }
            }
            let value = nameEnd + 1 < valueEnd ? ByteRange(nameEnd + 1, valueEnd) : ByteRange.empty
            note(bytes, nameStart, nameEnd, value, &uri)
            position = valueEnd
        }
        return position
    }

    @inline(__always)
    private static func note(_ bytes: Bytes, _ start: Int, _ end: Int, _ value: ByteRange, _ uri: inout SIPURI) {
        switch end - start {
        case 2:
            if bytes.equalsIgnoringCase("lr", from: start, to: end) { uri.isLoose = true }
            if bytes.equalsIgnoringCase("ob", from: start, to: end) { uri.hasOutbound = true }
            if bytes.equalsIgnoringCase("ep", from: start, to: end) { uri.pairing = value }
        case 5 where bytes.equalsIgnoringCase("maddr", from: start, to: end): uri.maddr = value
        case 9 where bytes.equalsIgnoringCase("transport", from: start, to: end): uri.transport = value
        default: break
        }
    }
}
