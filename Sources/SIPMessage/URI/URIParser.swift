// SPDX-License-Identifier: Apache-2.0

/// Reads URIs out of a message's bytes (RFC 3261 sections 19.1 and 25.1, with RFC 5954 for IPv6).
enum URIParser {
    /// The URI in `start..<end`, or nil when it is none that could be routed by.
    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> SIPURI? {
        guard start >= 0, end <= bytes.count, let colon = schemeEnd(bytes, from: start, to: end), colon &+ 1 < end
        else { return nil }
        var uri = SIPURI(scheme: scheme(bytes, from: start, to: colon), range: ByteRange(start, end))
        var at: Int?
        for index in (colon &+ 1)..<end {
            let byte = bytes.base[index]
            if byte == 0x40, at == nil { at = index }
            if CharacterClass.contains(byte, CharacterClass.forbiddenInURI) { return nil }
        }
        guard uri.isSIP else { return uri }
        return parseSIP(bytes, from: colon &+ 1, at: at, to: end, into: &uri) ? uri : nil
    }

    /// The place of the colon behind a scheme.
    private static func schemeEnd(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        guard start < end, Bytes.lowercase(bytes[start]) &- 0x61 < 26 else { return nil }
        var position = start &+ 1
        while position < end {
            switch bytes.base[position] {
            case 0x3A: return position
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: position &+= 1
            default: return nil
            }
        }
        return nil
    }

    private static func scheme(_ bytes: Bytes, from start: Int, to end: Int) -> URIScheme {
        switch end &- start {
        case 3 where bytes.equalsIgnoringCase("sip", from: start, to: end): .sip
        case 3 where bytes.equalsIgnoringCase("tel", from: start, to: end): .tel
        case 3 where bytes.equalsIgnoringCase("urn", from: start, to: end): .urn
        case 4 where bytes.equalsIgnoringCase("sips", from: start, to: end): .sips
        default: .other
        }
    }

    private static func parseSIP(
        _ bytes: Bytes,
        from start: Int,
        at: Int?,
        to end: Int,
        into uri: inout SIPURI
    ) -> Bool {
        var position = start
        if let at {
            guard at > start else { return false }
            uri.user = ByteRange(start, at)
            position = at &+ 1
        }
        guard let host = HostParser.parse(bytes, from: position, to: end) else { return false }
        uri.host = host.range
        uri.address = host.address
        uri.port = host.port
        position = host.end
        uri.parametersStart = UInt32(truncatingIfNeeded: position)
        uri.parametersEnd = UInt32(truncatingIfNeeded: position)
        guard position < end else { return true }
        guard let stop = parameters(bytes, from: position, to: end, into: &uri) else { return false }
        uri.parametersEnd = UInt32(truncatingIfNeeded: stop)
        uri.hasHeaders = stop < end
        return stop == end || bytes[stop] == 0x3F
    }

    /// Reads `;name=value` pairs and returns the place where they end; nil when one that routing reads is repeated.
    private static func parameters(_ bytes: Bytes, from start: Int, to end: Int, into uri: inout SIPURI) -> Int? {
        var position = start
        while position < end, bytes[position] == 0x3B {
            let name = position &+ 1
            var nameEnd = name
            while nameEnd < end, bytes[nameEnd] != 0x3D, bytes[nameEnd] != 0x3B, bytes[nameEnd] != 0x3F {
                nameEnd &+= 1
            }
            var valueEnd = nameEnd
            if nameEnd < end, bytes[nameEnd] == 0x3D {
                valueEnd &+= 1
                while valueEnd < end, bytes[valueEnd] != 0x3B, bytes[valueEnd] != 0x3F { valueEnd &+= 1 }
            }
            let value = nameEnd &+ 1 < valueEnd ? ByteRange(nameEnd &+ 1, valueEnd) : ByteRange.empty
            guard note(bytes, name, nameEnd, value, &uri) else { return nil }
            position = valueEnd
        }
        return position
    }

    /// Keeps what routing reads; false when the parameter stood there before (RFC 3261 section 19.1.1).
    private static func note(_ bytes: Bytes, _ start: Int, _ end: Int, _ value: ByteRange, _ uri: inout SIPURI) -> Bool
    {
        switch end &- start {
        case 2:
            if bytes.equalsIgnoringCase("lr", from: start, to: end) { uri.isLoose = true }
            if bytes.equalsIgnoringCase("ob", from: start, to: end) { uri.hasOutbound = true }
            if bytes.equalsIgnoringCase("ep", from: start, to: end) { uri.pairing = value }
        case 5 where bytes.equalsIgnoringCase("maddr", from: start, to: end):
            guard uri.maddr == nil else { return false }
            uri.maddr = value
        case 6 where bytes.equalsIgnoringCase("method", from: start, to: end): uri.hasMethod = true
        case 9 where bytes.equalsIgnoringCase("transport", from: start, to: end):
            guard uri.transport == nil else { return false }
            uri.transport = value
        default: break
        }
        return true
    }
}
