// SPDX-License-Identifier: Apache-2.0

/// Header fields that are taken out of what untrusted peers send: what only our own servers may say of a user.
///
/// P-Asserted-Identity and P-Preferred-Identity always belong to it (RFC 3325 section 5).
package struct HeaderFilter: Sendable, Hashable {
    /// What is taken out unless the operator says otherwise, besides the two identities (OVL-48).
    package static let standardNames = [
        "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Served-User", "P-User-Database",
    ]

    private var known = HeaderSet()
    /// Names that the parser does not tell apart, in lower case, long and compact.
    private var others: [[UInt8]] = []
    /// The lengths of these, as bits, so that most fields cost no comparison.
    private var lengths: UInt64 = 0

    package init(_ names: [String] = standardNames) {
        known.insert(.pAssertedIdentity)
        known.insert(.pPreferredIdentity)
        for name in names {
            switch Self.header(name) {
            case .other:
                add(Array(name.lowercased().utf8))
                if let letter = Self.compactForms[name.lowercased()] { add([letter]) }
            case let header: known.insert(header)
            }
        }
    }

    /// A filter of one field, and of nothing else.
    package init(only name: String) {
        switch Self.header(name) {
        case .other: add(Array(name.lowercased().utf8))
        case let header: known.insert(header)
        }
    }

    /// Whether a message may have any of the fields; one comparison for nearly every message.
    @inline(__always)
    package func mayConcern(_ message: SIPMessage) -> Bool {
        !known.isDisjoint(with: message.present) || !others.isEmpty
    }

    /// Whether a field may be taken out at all: none that routing needs, that a signature covers or that carries
    /// credentials (OVL-49, OVL-53).
    package static func mayRemove(_ name: String) -> Bool {
        switch header(name) {
        case .other: !untouchable.contains(name.lowercased())
        case .privacy, .pAssertedIdentity, .pPreferredIdentity, .pChargingVector, .pChargingFunctionAddresses,
            .pServedUser, .pUserDatabase, .pAccessNetworkInfo, .userAgent, .warning, .reason:
            true
        default: false
        }
    }

    /// Whether a field of that name has no meaning that is known here, so that an edge may give it one.
    package static func isFree(_ name: String) -> Bool {
        let lowercase = name.lowercased()
        return name.utf8.count > 1 && header(name) == .other && !untouchable.contains(lowercase)
            && compactForms[lowercase] == nil
    }

    func matches(_ field: HeaderField, _ bytes: Bytes) -> Bool {
        guard field.name == .other else { return known.contains(field.name) }
        let name = field.nameRange
        guard lengths & Self.bit(name.count) != 0 else { return false }
        return others.contains { other in
            other.count == name.count
                && other.indices.allSatisfy { Bytes.lowercase(bytes[name.start &+ $0]) == other[$0] }
        }
    }

    private mutating func add(_ name: [UInt8]) {
        others.append(name)
        lengths |= Self.bit(name.count)
    }

    private static func bit(_ length: Int) -> UInt64 { 1 << UInt64(min(length, 63)) }

    private static func header(_ name: String) -> HeaderName {
        Array(name.utf8).withUnsafeBytes { raw in
            Bytes(raw).map { HeaderName.parse($0, from: 0, to: $0.count) } ?? .other
        }
    }

    private static let untouchable: Set<String> = [
        "identity", "identity-info", "y", "n", "date", "authorization", "proxy-authorization", "authentication-info",
        "proxy-authentication-info", "content-encoding", "e", "event", "o",
    ]

    /// Compact forms that the parser does not fold in.
    private static let compactForms: [String: UInt8] = [
        "accept-contact": 0x61, "referred-by": 0x62, "request-disposition": 0x64, "reject-contact": 0x6A,
        "refer-to": 0x72, "subject": 0x73, "allow-events": 0x75, "session-expires": 0x78,
    ]
}

extension MessageEdits {
    /// Takes out every field that a filter names, however it is spelt and folded.
    package mutating func remove(_ filter: HeaderFilter, of message: SIPMessage) {
        guard filter.mayConcern(message) else { return }
        message.withBytes { bytes in
            for field in message.headers where filter.matches(field, bytes) { remove(field.line) }
        }
    }
}

extension SIPMessage {
    /// Whether it has a field that a filter names.
    package func has(_ filter: HeaderFilter) -> Bool {
        filter.mayConcern(self) && withBytes { bytes in headers.contains { filter.matches($0, bytes) } }
    }

    /// Whether the user asks that their identity be kept from those who are not trusted (RFC 3325 section 9.3).
    package var wantsIdentityHidden: Bool {
        guard has(.privacy) else { return false }
        return withBytes { bytes in
            headers.contains { field in
                guard field.name == .privacy else { return false }
                var position = field.value.start
                while position < field.value.end {
                    let start = bytes.skipBlanks(from: position, to: field.value.end)
                    let end = bytes.skipToken(from: start, to: field.value.end)
                    if bytes.equalsIgnoringCase("id", from: start, to: end) { return true }
                    position = max(end, start) &+ 1
                }
                return false
            }
        }
    }
}
