// SPDX-License-Identifier: Apache-2.0

/// Reads the Via header field.
enum ViaParser {
    /// The first value in `start..<end`; nil when it breaks the grammar (MSG-46 to MSG-48).
    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> Via? {
        guard let afterName = token(bytes, "sip", start, end),
            let afterVersion = token(bytes, "2.0", afterName, end, separator: 0x2F)
        else { return nil }
        var position = bytes.skipBlanks(from: afterVersion, to: end)
        guard bytes[position] == 0x2F else { return nil }
        position = bytes.skipBlanks(from: position + 1, to: end)
        let transport = position
        while position < end, Bytes.isToken(bytes[position]) { position += 1 }
        guard position > transport, position < end, Bytes.isLinearSpace(bytes[position]) else { return nil }
        var via = Via(range: ByteRange(start, end), transport: Self.transport(bytes, transport, position))
        position = bytes.skipBlanks(from: position, to: end)
        guard let host = HostParser.parse(bytes, from: position, to: end, allowsBlanks: true) else { return nil }
        via.host = host.range
        via.address = host.address
        via.port = host.port
        return parameters(bytes, from: host.end, to: end, into: &via) ? via : nil
    }

    /// Counts the values of one Via field; nil when a list element is empty (MSG-48).
    static func count(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        var count = 1
        var quoted = false
        var elementStart = start
        var index = start
        while index < end {
            switch bytes[index] {
            case 0x22: quoted.toggle()
            case 0x5C where quoted: index += 1
            case 0x2C where !quoted:
                guard bytes.trimBlanks(from: elementStart, to: index) > elementStart else { return nil }
                count += 1
                elementStart = bytes.skipBlanks(from: index + 1, to: end)
            default: break
            }
            index += 1
        }
        return elementStart < end && !quoted ? count : nil
    }

    private static func token(
        _ bytes: Bytes,
        _ text: StaticString,
        _ start: Int,
        _ end: Int,
        separator: UInt8? = nil
    ) -> Int? {
        var position = bytes.skipBlanks(from: start, to: end)
        if let separator {
            guard bytes[position] == separator else { return nil }
            position = bytes.skipBlanks(from: position + 1, to: end)
        }
        let stop = position + text.utf8CodeUnitCount
        return stop <= end && bytes.equalsIgnoringCase(text, from: position, to: stop) ? stop : nil
    }

    private static func transport(_ bytes: Bytes, _ start: Int, _ end: Int) -> SIPTransport? {
        guard end - start == 3 else { return nil }
        if bytes.equalsIgnoringCase("tls", from: start, to: end) { return .tls }
        if bytes.equalsIgnoringCase("tcp", from: start, to: end) { return .tcp }
        return bytes.equalsIgnoringCase("udp", from: start, to: end) ? .udp : nil
    }

    private static func parameters(_ bytes: Bytes, from start: Int, to end: Int, into via: inout Via) -> Bool {
        var position = start
        while true {
            let blank = bytes.skipBlanks(from: position, to: end)
            guard blank < end else {
                via.range = ByteRange(via.range.start, position)
                return true
            }
            if bytes[blank] == 0x2C {
                via.range = ByteRange(via.range.start, position)
                let next = bytes.skipBlanks(from: blank + 1, to: end)
                via.nextValueStart = UInt32(truncatingIfNeeded: next)
                return next < end && bytes[next] != 0x2C
            }
            guard bytes[blank] == 0x3B,
                let stop = parameter(
                    bytes,
                    semicolon: blank,
                    from: bytes.skipBlanks(from: blank + 1, to: end),
                    to: end,
                    &via
                )
            else { return false }
            position = stop
        }
    }

    /// Reads `name [= value]` and returns where it ends; nil for an empty name or a broken quote.
    private static func parameter(
        _ bytes: Bytes,
        semicolon: Int,
        from start: Int,
        to end: Int,
        _ via: inout Via
    ) -> Int? {
        var nameEnd = start
        while nameEnd < end, Bytes.isToken(bytes[nameEnd]) { nameEnd += 1 }
        guard nameEnd > start else { return nil }
        let equals = bytes.skipBlanks(from: nameEnd, to: end)
        guard equals < end, bytes[equals] == 0x3D else {
            note(bytes, start, nameEnd, nil, ByteRange(semicolon, nameEnd), &via)
            return nameEnd
        }
        let valueStart = bytes.skipBlanks(from: equals + 1, to: end)
        guard let valueEnd = value(bytes, from: valueStart, to: end) else { return nil }
        note(bytes, start, nameEnd, ByteRange(valueStart, valueEnd), ByteRange(semicolon, valueEnd), &via)
        return valueEnd
    }

    private static func value(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        var position = start
        if bytes[start] == 0x22 {
            return QuotedString.end(bytes, from: start, to: end)
        }
        while position < end,
            Bytes.isToken(bytes[position]) || bytes[position] == 0x5B || bytes[position] == 0x5D
                || bytes[position] == 0x3A
        {
            position += 1
        }
        return position > start ? position : nil
    }

    private static func note(
        _ bytes: Bytes,
        _ start: Int,
        _ end: Int,
        _ value: ByteRange?,
        _ whole: ByteRange,
        _ via: inout Via
    ) {
        switch end - start {
        case 6 where bytes.equalsIgnoringCase("branch", from: start, to: end):
            via.branch = value
        case 8 where bytes.equalsIgnoringCase("received", from: start, to: end):
            via.received = value
            via.receivedParameter = whole
        case 5 where bytes.equalsIgnoringCase("rport", from: start, to: end):
            via.returnPortParameter = whole
            via.returnPort = .requested
            if let value, let port = bytes.number(from: value.start, to: value.end, limit: 65_535) {
                via.returnPort = .value(UInt16(truncatingIfNeeded: port))
            }
        case 5 where bytes.equalsIgnoringCase("maddr", from: start, to: end):
            via.maddr = value
        case 5 where bytes.equalsIgnoringCase("alias", from: start, to: end):
            via.offersAlias = true
        case 4 where bytes.equalsIgnoringCase("keep", from: start, to: end):
            via.offersKeepAlive = value == nil
        default: break
        }
    }
}

/// Quoted strings (RFC 3261 section 25.1).
enum QuotedString {
    /// The place behind the closing quote of the string that opens at `start`; nil when it does not close.
    static func end(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        var index = start + 1
        while index < end {
            switch bytes[index] {
            case 0x22: return index + 1
            case 0x5C:
                guard index + 1 < end, bytes[index + 1] != 0x0D, bytes[index + 1] != 0x0A else { return nil }
                index += 2
            default: index += 1
            }
        }
        return nil
    }
}
