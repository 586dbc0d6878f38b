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
        guard end - start > 1 else { return compact(Bytes.lowercase(bytes[start])) }
        let (name, text) = candidate(bytes, start, end - start)
        return bytes.equalsIgnoringCase(text, from: start, to: end) ? name : .other
    }

    /// The one known field that a name of that length and first letter can be.
    private static func candidate(_ bytes: Bytes, _ start: Int, _ length: Int) -> (HeaderName, StaticString) {
        let first = Bytes.lowercase(bytes[start])
        switch (length, first) {
        case (2, _): return (.to, "to")
        case (3, _): return (.via, "via")
        case (4, 0x66): return (.from, "from")
        case (4, 0x63): return (.cSeq, "cseq")
        case (4, _): return (.path, "path")
        case (5, _): return (.route, "route")
        case (6, _): return (.reason, "reason")
        case (7, 0x63): return bytes[start + 4] == 0x2D ? (.callID, "call-id") : (.contact, "contact")
        case (7, 0x65): return (.expires, "expires")
        case (7, 0x70): return (.privacy, "privacy")
        case (7, 0x77): return (.warning, "warning")
        case (7, _): return (.require, "require")
        case (9, 0x73): return (.supported, "supported")
        case (9, _): return (.timestamp, "timestamp")
        case (10, 0x75): return (.userAgent, "user-agent")
        case (10, _): return (.flowTimer, "flow-timer")
        case (11, 0x6D): return (.maxBreadth, "max-breadth")
        case (11, _): return (.retryAfter, "retry-after")
        case (12, 0x6D): return (.maxForwards, "max-forwards")
        case (12, 0x72): return (.recordRoute, "record-route")
        case (12, _): return (.contentType, "content-type")
        case (13, _): return (.proxyRequire, "proxy-require")
        case (14, _): return (.contentLength, "content-length")
        case (16, _): return (.wwwAuthenticate, "www-authenticate")
        case (18, _): return (.proxyAuthenticate, "proxy-authenticate")
        case (19, _): return (.pAssertedIdentity, "p-asserted-identity")
        case (20, _): return (.pPreferredIdentity, "p-preferred-identity")
        default: return (.other, "")
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
