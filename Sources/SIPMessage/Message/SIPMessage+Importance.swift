// SPDX-License-Identifier: Apache-2.0

/// What a request says of its own importance; whether that is believed is another question.
extension SIPMessage {
    /// Whether it is an emergency call by its Request-URI, `urn:service:sos` or a sub-service (RFC 5031).
    package var isEmergency: Bool {
        guard let uri = requestURI?.range else { return false }
        return withBytes { bytes in
            let end = uri.start &+ 15
            guard uri.end >= end, bytes.equalsIgnoringCase("urn:service:sos", from: uri.start, to: end) else {
                return false
            }
            return uri.end == end || bytes[end] == 0x2E
        }
    }

    /// Whether a Resource-Priority field names one of these namespaces, which are in lower case (RFC 4412 section 3.1).
    package func hasPriority(of namespaces: [[UInt8]]) -> Bool {
        guard !namespaces.isEmpty else { return false }
        return withBytes { bytes in
            headers.contains { field in
                guard field.name == .other,
                    bytes.equalsIgnoringCase("resource-priority", from: field.nameRange.start, to: field.nameRange.end)
                else { return false }
                return Self.names(namespaces, in: field.value, bytes)
            }
        }
    }

    /// Values are `namespace.priority`, with commas between them.
    private static func names(_ namespaces: [[UInt8]], in value: ByteRange, _ bytes: Bytes) -> Bool {
        var position = value.start
        while position < value.end {
            let start = bytes.skipBlanks(from: position, to: value.end)
            let end = bytes.find(0x2C, from: start, to: value.end) ?? value.end
            let point = bytes.find(0x2E, from: start, to: end) ?? start
            let isNamed = namespaces.contains { name in
                name.count == point &- start
                    && name.indices.allSatisfy { Bytes.lowercase(bytes[start &+ $0]) == name[$0] }
            }
            if isNamed { return true }
            position = end &+ 1
        }
        return false
    }
}
