// SPDX-License-Identifier: Apache-2.0

/// The header fields that the edge reads or writes; every other one is `.other` and passes unread.
package enum HeaderName: UInt8, Sendable, Hashable {
    case via
    case from
    case to
    case callID
    case cSeq
    case contact
    case maxForwards
    case maxBreadth
    case route
    case recordRoute
    case path
    case require
    case proxyRequire
    case supported
    case contentLength
    case contentType
    case expires
    case timestamp
    case retryAfter
    case reason
    case flowTimer
    case privacy
    case pAssertedIdentity
    case pPreferredIdentity
    case pChargingVector
    case pChargingFunctionAddresses
    case pServedUser
    case pUserDatabase
    case pAccessNetworkInfo
    case proxyAuthenticate
    case wwwAuthenticate
    case warning
    case userAgent
    case other

    /// Whether the field holds one value and may stand in a message once only (MSG-21).
    var isSingle: Bool {
        switch self {
        case .from, .to, .callID, .cSeq, .maxForwards, .contentLength, .contentType, .expires: true
        default: false
        }
    }

    /// The field that a name, long or compact, in any case, stands for (RFC 3261 section 7.3.3).
    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> HeaderName {
        // Length and first letter leave one candidate, so one comparison decides.
        @inline(__always)
        func named(_ text: StaticString, _ name: HeaderName) -> HeaderName {
            bytes.equalsIgnoringCase(text, from: start, to: end) ? name : .other
        }
        let first = Bytes.lowercase(bytes[start])
        switch (end &- start, first) {
        case (1, _): return compact(first)
        case (2, _): return named("to", .to)
        case (3, _): return named("via", .via)
        case (4, 0x66): return named("from", .from)
        case (4, 0x63): return named("cseq", .cSeq)
        case (4, _): return named("path", .path)
        case (5, _): return named("route", .route)
        case (6, _): return named("reason", .reason)
        case (7, 0x63): return bytes[start + 4] == 0x2D ? named("call-id", .callID) : named("contact", .contact)
        case (7, 0x65): return named("expires", .expires)
        case (7, 0x70): return named("privacy", .privacy)
        case (7, 0x77): return named("warning", .warning)
        case (7, _): return named("require", .require)
        case (9, 0x73): return named("supported", .supported)
        case (9, _): return named("timestamp", .timestamp)
        case (10, 0x75): return named("user-agent", .userAgent)
        case (10, _): return named("flow-timer", .flowTimer)
        case (11, 0x6D): return named("max-breadth", .maxBreadth)
        case (11, _): return named("retry-after", .retryAfter)
        case (12, 0x6D): return named("max-forwards", .maxForwards)
        case (12, 0x72): return named("record-route", .recordRoute)
        case (12, _): return named("content-type", .contentType)
        case (13, _):
            return bytes[start + 1] == 0x2D
                ? named("p-served-user", .pServedUser) : named("proxy-require", .proxyRequire)
        case (14, _): return named("content-length", .contentLength)
        case (15, 0x70): return named("p-user-database", .pUserDatabase)
        case (16, _): return named("www-authenticate", .wwwAuthenticate)
        case (17, 0x70): return named("p-charging-vector", .pChargingVector)
        case (18, _): return named("proxy-authenticate", .proxyAuthenticate)
        case (19, _): return named("p-asserted-identity", .pAssertedIdentity)
        case (20, _): return named("p-preferred-identity", .pPreferredIdentity)
        case (21, 0x70): return named("p-access-network-info", .pAccessNetworkInfo)
        case (29, 0x70): return named("p-charging-function-addresses", .pChargingFunctionAddresses)
        default: return .other
        }
    }

    private static func compact(_ letter: UInt8) -> HeaderName {
        switch letter {
        case 0x76: .via
        case 0x66: .from
        case 0x74: .to
        case 0x69: .callID
        case 0x6D: .contact
        case 0x6B: .supported
        case 0x6C: .contentLength
        case 0x63: .contentType
        default: .other
        }
    }
}
