// SPDX-License-Identifier: Apache-2.0

/// Reads name-addr and addr-spec values.
enum NameAddressParser {
    /// The value at `start`; nil when quotes or brackets do not close, or a display name holds separators (MSG-26 to
    /// MSG-28).
    ///
    /// With `isList`, a comma ends the value.
    static func parse(_ bytes: Bytes, from start: Int, to end: Int, isList: Bool = false) -> NameAddress? {
        guard start < end, end <= bytes.count else { return nil }
        guard let bracket = displayNameEnd(bytes, from: start, to: end) else {
            return addressSpecification(bytes, from: start, to: end, isList: isList)
        }
        guard bracket < end, bytes[bracket] == 0x3C, let close = closingBracket(bytes, from: bracket &+ 1, to: end)
        else {
            return nil
        }
        var value = NameAddress(range: ByteRange(start, end), uri: ByteRange(bracket &+ 1, close))
        return parameters(bytes, from: close &+ 1, to: end, isList: isList, into: &value) ? value : nil
    }

    /// Where the display name, quoted or not and possibly empty, ends; nil when the value has none and no brackets.
    private static func displayNameEnd(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        let first = bytes[start]
        if first == 0x3C { return start }
        if first == 0x22 {
            guard let close = QuotedString.end(bytes, from: start, to: end) else { return end }
            return bytes.skipBlanks(from: close, to: end)
        }
        var position = start
        while position < end {
            let byte = bytes.base[position]
            guard Bytes.isToken(byte) || Bytes.isLinearSpace(byte) || byte >= 0x80 else { break }
            position &+= 1
        }
        return position < end && bytes[position] == 0x3C ? position : nil
    }

    /// The place of `>`, when what stands before it can be a URI: something with a scheme, no white space.
    private static func closingBracket(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        var hasScheme = false
        var position = start
        while position < end {
            let byte = bytes.base[position]
            if byte == 0x3E { return hasScheme ? position : nil }
            if byte <= 0x20 || byte == 0x3C || byte == 0x22 { return nil }
            if byte == 0x3A, position > start { hasScheme = true }
            position &+= 1
        }
        return nil
    }

    /// A URI without brackets: what follows the first `;` belongs to the header field, and `,` and `?` may not stand in
    /// it (RFC 3261 section 20).
    private static func addressSpecification(
        _ bytes: Bytes,
        from start: Int,
        to end: Int,
        isList: Bool
    ) -> NameAddress? {
        var hasScheme = false
        var position = start
        scan: while position < end {
            let byte = bytes.base[position]
            switch byte {
            case 0x3B, 0x20, 0x09, 0x0D, 0x0A: break scan
            case 0x2C where isList: break scan
            case 0x00...0x1F, 0x22, 0x2C, 0x3C, 0x3E, 0x3F: return nil
            case 0x3A where position > start: hasScheme = true
            default: break
            }
            position &+= 1
        }
        guard hasScheme else { return nil }
        var value = NameAddress(range: ByteRange(start, end), uri: ByteRange(start, position))
        return parameters(bytes, from: position, to: end, isList: isList, into: &value) ? value : nil
    }

    private static func parameters(
        _ bytes: Bytes,
        from start: Int,
        to end: Int,
        isList: Bool,
        into value: inout NameAddress
    ) -> Bool {
        var position = start
        while true {
            let mark = bytes.skipBlanks(from: position, to: end)
            guard mark < end, bytes[mark] == 0x3B else {
                value.range = ByteRange(value.range.start, position)
                guard mark < end else { return true }
                value.nextValueStart = bytes.skipBlanks(from: mark &+ 1, to: end)
                return isList && bytes[mark] == 0x2C
            }
            let name = bytes.skipBlanks(from: mark &+ 1, to: end)
            guard let stop = parameter(bytes, from: name, to: end, into: &value) else { return false }
            position = stop
        }
    }

    /// Reads `name [= value]` and returns where it ends.
    private static func parameter(
        _ bytes: Bytes,
        from name: Int,
        to end: Int,
        into value: inout NameAddress
    ) -> Int? {
        let nameEnd = bytes.skipToken(from: name, to: end)
        guard nameEnd > name else { return nil }
        var stop = nameEnd
        var content: ByteRange?
        let equals = bytes.skipBlanks(from: nameEnd, to: end)
        if equals < end, bytes[equals] == 0x3D {
            let start = bytes.skipBlanks(from: equals &+ 1, to: end)
            guard let valueEnd = valueEnd(bytes, from: start, to: end) else { return nil }
            content = ByteRange(start, valueEnd)
            stop = valueEnd
        }
        if nameEnd &- name == 3, bytes.equalsIgnoringCase("tag", from: name, to: nameEnd) {
            guard value.tag == nil, let content else { return nil }
            value.tag = content
        }
        if nameEnd &- name == 6, bytes.equalsIgnoringCase("reg-id", from: name, to: nameEnd) {
            value.hasRegistrationID = true
        }
        return stop
    }

    private static func valueEnd(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        guard start < end else { return nil }
        if bytes[start] == 0x22 { return QuotedString.end(bytes, from: start, to: end) }
        var position = start
        while position < end {
            let byte = bytes.base[position]
            if byte == 0x3B || byte == 0x2C || Bytes.isLinearSpace(byte) { break }
            position &+= 1
        }
        return position > start ? position : nil
    }
}
