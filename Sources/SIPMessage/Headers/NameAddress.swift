// SPDX-License-Identifier: Apache-2.0

/// A From, To, Contact, Route or Record-Route value: an optional display name, a URI and header parameters (RFC 3261
/// section 20.10).
package struct NameAddress: Sendable, Hashable {
    /// The whole value.
    package internal(set) var range: ByteRange
    /// The URI, without angle brackets.
    package internal(set) var uri: ByteRange
    /// The `tag` parameter's value.
    package internal(set) var tag: ByteRange?
    /// Whether a `reg-id` parameter stands in it (RFC 5626 section 4.2).
    package internal(set) var hasRegistrationID = false
    /// Where the next value of a list begins.
    package internal(set) var nextValueStart: Int?
}

/// Reads name-addr and addr-spec values.
enum NameAddressParser {
    /// The value at `start`; nil when quotes or brackets do not close, or a display name holds separators (MSG-26 to
    /// MSG-28).
    ///
    /// With `isList`, a comma ends the value.
    static func parse(_ bytes: Bytes, from start: Int, to end: Int, isList: Bool = false) -> NameAddress? {
        var position = bytes.skipBlanks(from: start, to: end)
        guard position < end else { return nil }
        if bytes[position] == 0x22 {
            guard let close = QuotedString.end(bytes, from: position, to: end) else { return nil }
            position = bytes.skipBlanks(from: close, to: end)
            guard bytes[position] == 0x3C else { return nil }
        } else if let bracket = displayNameEnd(bytes, from: position, to: end) {
            position = bracket
        }
        var value = NameAddress(range: ByteRange(start, end), uri: .empty)
        if bytes[position] == 0x3C {
            guard let close = bytes.find(0x3E, from: position, to: end), close > position + 1,
                !bytes.hasBlank(from: position + 1, to: close)
            else { return nil }
            value.uri = ByteRange(position + 1, close)
            position = close + 1
        } else {
            let uri = position
            while position < end, bytes[position] != 0x3B, !Bytes.isLinearSpace(bytes[position]),
                !(isList && bytes[position] == 0x2C)
            { position += 1 }
            guard position > uri, !bytes.contains(0x2C, 0x3F, from: uri, to: position) else { return nil }
            value.uri = ByteRange(uri, position)
        }
        return parameters(bytes, from: position, to: end, isList: isList, into: &value) ? value : nil
    }

    /// The place of `<` when an unquoted display name, possibly empty, comes before it.
    private static func displayNameEnd(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        var position = start
        while position < end,
            Bytes.isToken(bytes[position]) || Bytes.isLinearSpace(bytes[position]) || bytes[position] >= 0x80
        {
            position += 1
        }
        return bytes[position] == 0x3C ? position : nil
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
            let blank = bytes.skipBlanks(from: position, to: end)
            guard blank < end else { break }
            if isList, bytes[blank] == 0x2C {
                value.nextValueStart = bytes.skipBlanks(from: blank + 1, to: end)
                break
            }
            guard bytes[blank] == 0x3B else { return false }
            let name = bytes.skipBlanks(from: blank + 1, to: end)
            var nameEnd = name
            while nameEnd < end, Bytes.isToken(bytes[nameEnd]) { nameEnd += 1 }
            guard nameEnd > name else { return false }
            position = nameEnd
            var parameter: ByteRange?
            let equals = bytes.skipBlanks(from: nameEnd, to: end)
            if equals < end, bytes[equals] == 0x3D {
                let valueStart = bytes.skipBlanks(from: equals + 1, to: end)
                guard let stop = parameterValueEnd(bytes, from: valueStart, to: end) else { return false }
                parameter = ByteRange(valueStart, stop)
                position = stop
            }
            if nameEnd - name == 3, bytes.equalsIgnoringCase("tag", from: name, to: nameEnd) { value.tag = parameter }
            if nameEnd - name == 6, bytes.equalsIgnoringCase("reg-id", from: name, to: nameEnd) {
                value.hasRegistrationID = true
            }
        }
        value.range = ByteRange(value.range.start, position)
        return true
    }

    private static func parameterValueEnd(_ bytes: Bytes, from start: Int, to end: Int) -> Int? {
        if bytes[start] == 0x22 { return QuotedString.end(bytes, from: start, to: end) }
        var position = start
        while position < end, bytes[position] != 0x3B, bytes[position] != 0x2C, !Bytes.isLinearSpace(bytes[position]) {
            position += 1
        }
        return position > start ? position : nil
    }
}

extension Bytes {
    func hasBlank(from start: Int, to end: Int) -> Bool {
        for index in start..<end where Self.isLinearSpace(base[index]) { return true }
        return false
    }

    func contains(_ first: UInt8, _ second: UInt8, from start: Int, to end: Int) -> Bool {
        for index in start..<end where base[index] == first || base[index] == second { return true }
        return false
    }
}
