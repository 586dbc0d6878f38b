// SPDX-License-Identifier: Apache-2.0

/// Reads the Via header field.
enum ViaParser {
    /// The first value in `start..<end`; nil when it breaks the grammar (MSG-46 to MSG-48).
    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> Via? {
        var isSound = true
        guard let via = read(bytes, from: start, to: end, isSound: &isSound), isSound else { return nil }
        return via
    }

    /// The first value in `start..<end` as far as its sent-by can be read, so that even a request with broken
    /// parameters can be answered; `isSound` turns false for those.
    static func read(_ bytes: Bytes, from start: Int, to end: Int, isSound: inout Bool) -> Via? {
        guard let protocolEnd = sentProtocol(bytes, from: start, to: end, isSound: &isSound) else { return nil }
        let transport = bytes.skipBlanks(from: protocolEnd, to: end)
        let transportEnd = bytes.skipToken(from: transport, to: end)
        guard transportEnd > transport, transportEnd < end, Bytes.isLinearSpace(bytes[transportEnd]) else { return nil }
        let sentBy = bytes.skipBlanks(from: transportEnd, to: end)
        guard let host = HostParser.parse(bytes, from: sentBy, to: end, allowsBlanks: true) else { return nil }
        var via = Via(range: ByteRange(start, end), transport: Self.transport(bytes, transport, transportEnd))
        via.host = host.range
        via.address = host.address
        via.port = host.port
        if !parameters(bytes, from: host.end, to: end, into: &via) { isSound = false }
        return via
    }

    /// Counts the values in `start..<end`; nil when a list element or a parameter is empty, or a quote stays open
    /// (MSG-48).
    static func count(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        var count = 1
        var isEmpty = true
        var index = start
        while index < end {
            let byte = bytes.base[index]
            switch byte {
            case 0x2C, 0x3B:
                guard !isEmpty else { return nil }
                isEmpty = true
                if byte == 0x2C { count &+= 1 }
            case 0x20, 0x09, 0x0D, 0x0A: break
            case 0x22:
                guard let close = QuotedString.end(bytes, from: index, to: end) else { return nil }
                isEmpty = false
                index = close
                continue
            default: isEmpty = false
            }
            index &+= 1
        }
        return isEmpty ? nil : count
    }

    /// Where `SIP / 2.0 /` ends; white space may stand around the slashes.
    ///
    /// Another version is not sound, but the sender of such a request can be told so (MSG-T29).
    private static func sentProtocol(_ bytes: Bytes, from start: Int, to end: Int, isSound: inout Bool) -> Int? {
        if start &+ 8 <= end, bytes.hasPrefix("SIP/2.0/", at: start) { return start &+ 8 }
        guard bytes.equalsIgnoringCase("sip", from: start, to: min(start &+ 3, end)),
            let version = slash(bytes, from: start &+ 3, to: end)
        else { return nil }
        let versionEnd = bytes.skipToken(from: version, to: end)
        if !bytes.equalsIgnoringCase("2.0", from: version, to: versionEnd) { isSound = false }
        return versionEnd > version ? slash(bytes, from: versionEnd, to: end) : nil
    }

    private static func slash(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        let slash = bytes.skipBlanks(from: start, to: end)
        guard slash < end, bytes[slash] == 0x2F else { return nil }
        return bytes.skipBlanks(from: slash &+ 1, to: end)
    }

    private static func transport(_ bytes: Bytes, _ start: Int, _ end: Int) -> SIPTransport? {
        guard end &- start == 3 else { return nil }
        if bytes.equalsIgnoringCase("tls", from: start, to: end) { return .tls }
        if bytes.equalsIgnoringCase("tcp", from: start, to: end) { return .tcp }
        return bytes.equalsIgnoringCase("udp", from: start, to: end) ? .udp : nil
    }

    private static func parameters(_ bytes: Bytes, from start: Int, to end: Int, into via: inout Via) -> Bool {
        var position = start
        while true {
            let mark = bytes.skipBlanks(from: position, to: end)
            guard mark < end, bytes[mark] == 0x3B else {
                via.range = ByteRange(via.range.start, position)
                guard mark < end else { return true }
                let next = bytes.skipBlanks(from: mark &+ 1, to: end)
                guard bytes[mark] == 0x2C, next < end, bytes[next] != 0x2C else { return false }
                via.nextValueStart = UInt32(truncatingIfNeeded: next)
                return true
            }
            let name = bytes.skipBlanks(from: mark &+ 1, to: end)
            guard let stop = parameter(bytes, semicolon: mark, from: name, to: end, &via) else {
                via.range = ByteRange(via.range.start, position)
                return false
            }
            position = stop
        }
    }

    /// Reads `name [= value]` and returns where it ends; nil for an empty name, a broken quote or a repeated parameter.
    private static func parameter(
        _ bytes: Bytes,
        semicolon: Int,
        from start: Int,
        to end: Int,
        _ via: inout Via
    ) -> Int? {
        guard let (name, value) = nameAndValue(bytes, from: start, to: end) else { return nil }
        let stop = value?.end ?? name.end
        let isNew = note(bytes, name.start, name.end, value, ByteRange(semicolon, stop), &via)
        return isNew ? stop : nil
    }

    /// Reads `name [= value]`; nil for an empty name or a broken value.
    static func nameAndValue(_ bytes: Bytes, from start: Int, to end: Int) -> (name: ByteRange, value: ByteRange?)? {
        let nameEnd = bytes.skipToken(from: start, to: end)
        guard nameEnd > start else { return nil }
        let name = ByteRange(start, nameEnd)
        let equals = bytes.skipBlanks(from: nameEnd, to: end)
        guard equals < end, bytes[equals] == 0x3D else { return (name, nil) }
        let valueStart = bytes.skipBlanks(from: equals &+ 1, to: end)
        guard let valueEnd = valueEnd(bytes, from: valueStart, to: end) else { return nil }
        return (name, ByteRange(valueStart, valueEnd))
    }

    /// Where a value ends: a quoted string, a token or an address, with or without brackets (MSG-39).
    private static func valueEnd(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        guard start < end else { return nil }
        if bytes[start] == 0x22 { return QuotedString.end(bytes, from: start, to: end) }
        var position = bytes.skipToken(from: start, to: end)
        while position < end, bytes[position] == 0x3A || bytes[position] == 0x5B || bytes[position] == 0x5D {
            position = bytes.skipToken(from: position &+ 1, to: end)
        }
        return position > start ? position : nil
    }

    /// Keeps what the edge reads; false when the parameter stood there before (MSG-17).
    private static func note(
        _ bytes: Bytes,
        _ start: Int,
        _ end: Int,
        _ value: ByteRange?,
        _ whole: ByteRange,
        _ via: inout Via
    ) -> Bool {
        switch end &- start {
        case 6 where bytes.equalsIgnoringCase("branch", from: start, to: end):
            guard via.branch == nil, let value else { return false }
            via.branch = value
        case 8 where bytes.equalsIgnoringCase("received", from: start, to: end):
            guard via.receivedParameter == nil else { return false }
            via.received = value
            via.receivedParameter = whole
        case 5 where bytes.equalsIgnoringCase("rport", from: start, to: end):
            guard via.returnPortParameter == nil else { return false }
            via.returnPortParameter = whole
            let port = value.flatMap { bytes.number(from: $0.start, to: $0.end, limit: 65_535) }
            via.returnPort = port.map { .value(UInt16(truncatingIfNeeded: $0)) } ?? .requested
        case 5 where bytes.equalsIgnoringCase("maddr", from: start, to: end):
            guard via.maddr == nil else { return false }
            via.maddr = value ?? ByteRange(end, end)
        case 5 where bytes.equalsIgnoringCase("alias", from: start, to: end): via.offersAlias = true
        case 4 where bytes.equalsIgnoringCase("keep", from: start, to: end): via.offersKeepAlive = value == nil
        case 2, 6, 7, 11: if OverloadParameters.isName(bytes, from: start, to: end) { via.hasOverload = true }
        default: break
        }
        return true
    }
}
