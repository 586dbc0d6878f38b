// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// One value of Route, Record-Route or Path.
package struct RouteValue: Sendable, Hashable {
    /// The field it stands in, by its place in `SIPMessage.headers`.
    package let field: Int
    /// The value with its parameters, without commas around it.
    package let range: ByteRange
    /// The URI inside it.
    package let uri: SIPURI
}

/// What is read only when somebody asks.
extension SIPMessage {
    /// The values of every field of that name in order; nil when one of them cannot be read.
    package func routeValues(_ name: HeaderName) -> [RouteValue]? {
        guard has(name) else { return [] }
        return withBytes { bytes in
            var values: [RouteValue] = []
            for (index, field) in headers.enumerated() where field.name == name {
                var position = field.value.start
                while position < field.value.end {
                    guard
                        let value = NameAddressParser.parse(bytes, from: position, to: field.value.end, isList: true),
                        let uri = URIParser.parse(bytes, from: value.uri.start, to: value.uri.end)
                    else { return nil }
                    values.append(RouteValue(field: index, range: value.range, uri: uri))
                    position = value.nextValueStart ?? field.value.end
                }
            }
            return values
        }
    }

    /// The first Contact value; nil when there is none or it is `*`.
    package var firstContact: NameAddress? {
        guard let field = first(.contact) else { return nil }
        return withBytes { NameAddressParser.parse($0, from: field.value.start, to: field.value.end, isList: true) }
    }

    /// The URI that a name-addr holds.
    package func uri(of value: NameAddress) -> SIPURI? {
        withBytes { URIParser.parse($0, from: value.uri.start, to: value.uri.end) }
    }

    /// The value of a field of decimal digits, such as Retry-After, up to the first byte that is none; saturating.
    package func number(_ name: HeaderName) -> UInt32? {
        guard let field = first(name) else { return nil }
        return withBytes { bytes in
            let end = bytes.skipDigits(from: field.value.start, to: field.value.end)
            return bytes.saturatingNumber(from: field.value.start, to: end).map { UInt32(clamping: $0) }
        }
    }

    /// The option tags of every field of that name (Require, Proxy-Require, Supported).
    package func optionTags(_ name: HeaderName) -> [ByteRange] {
        guard has(name) else { return [] }
        return withBytes { bytes in
            var tags: [ByteRange] = []
            for field in headers where field.name == name {
                var position = field.value.start
                while position < field.value.end {
                    let comma = bytes.find(0x2C, from: position, to: field.value.end) ?? field.value.end
                    let start = bytes.skipBlanks(from: position, to: comma)
                    let end = bytes.trimBlanks(from: start, to: comma)
                    if end > start { tags.append(ByteRange(start, end)) }
                    position = comma + 1
                }
            }
            return tags
        }
    }

    /// The branch of every Via value that can be read, the topmost one among them.
    package func foreignBranches() -> [ByteRange] {
        withBytes { bytes in
            var branches: [ByteRange] = []
            for field in headers where field.name == .via {
                var position = field.value.start
                while position < field.value.end, let via = ViaParser.parse(bytes, from: position, to: field.value.end)
                {
                    if let branch = via.branch { branches.append(branch) }
                    position = via.nextValueStart.map(Int.init) ?? field.value.end
                }
            }
            return branches
        }
    }

    /// Whether the bytes of `range` are `text`, whose letters are lower case, in any case.
    package func equals(_ range: ByteRange, _ text: StaticString) -> Bool {
        withBytes { $0.equalsIgnoringCase(text, from: range.start, to: range.end) }
    }

    /// The address that the bytes of `range` spell, with or without brackets, such as the value of `received` (MSG-39).
    package func address(_ range: ByteRange) -> IPAddress? { bytes.address(range) }

    /// The transport that a URI's `transport` parameter names; nil when there is none or it is unknown.
    package func transport(of uri: SIPURI) -> SIPTransport? {
        guard let range = uri.transport else { return nil }
        if equals(range, "udp") { return .udp }
        if equals(range, "tcp") { return uri.scheme == .sips ? .tls : .tcp }
        return equals(range, "tls") ? .tls : nil
    }

    func withBytes<Result>(_ body: (Bytes) -> Result) -> Result {
        bytes.withUnsafeReadableBytes { raw in
            guard let view = Bytes(raw) else {
                var nothing: UInt8 = 0
                return withUnsafePointer(to: &nothing) { body(Bytes(base: $0, count: 0)) }
            }
            return body(view)
        }
    }
}

extension ByteBuffer {
    /// Whether two parts of two buffers hold the same bytes.
    package func equals(_ range: ByteRange, _ other: ByteBuffer, _ otherRange: ByteRange) -> Bool {
        guard range.length == otherRange.length else { return false }
        return withUnsafeReadableBytes { left in
            other.withUnsafeReadableBytes { right in
                guard range.end <= left.count, otherRange.end <= right.count else { return false }
                return left[range.start..<range.end].elementsEqual(right[otherRange.start..<otherRange.end])
            }
        }
    }
}

extension ByteBuffer {
    /// The address that the bytes of `range` spell, with or without brackets.
    package func address(_ range: ByteRange) -> IPAddress? {
        withUnsafeReadableBytes { raw in
            guard let bytes = Bytes(raw), range.end <= bytes.count, !range.isEmpty else { return nil }
            let isBracketed = range.count > 2 && bytes[range.start] == 0x5B && bytes[range.end &- 1] == 0x5D
            let inset = isBracketed ? 1 : 0
            return IPAddress.parse(bytes, from: range.start &+ inset, to: range.end &- inset)
        }
    }
}
