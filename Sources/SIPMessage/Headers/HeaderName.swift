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
        func named(_ text: StaticString, _ name: HeaderName) -> HeaderName {
            bytes.equalsIgnoringCase(text, from: start, to: end) ? name : .other
        }
        let first = Bytes.lowercase(bytes[start])
        switch end - start {
        case 1: return compact(first)
        case 2: return named("to", .to)
        case 3: return named("via", .via)
        case 4:
            return first == 0x66 ? named("from", .from) : first == 0x63 ? named("cseq", .cSeq) : named("path", .path)
        case 5: return named("route", .route)
        case 6: return named("reason", .reason)
        case 7:
            switch first {
            case 0x63: return bytes[start + 4] == 0x2D ? named("call-id", .callID) : named("contact", .contact)
            case 0x65: return named("expires", .expires)
            default: return named("require", .require)
            }
        case 9: return first == 0x73 ? named("supported", .supported) : named("timestamp", .timestamp)
        case 10: return named("flow-timer", .flowTimer)
        case 11: return first == 0x6D ? named("max-breadth", .maxBreadth) : named("retry-after", .retryAfter)
        case 12:
            switch first {
            case 0x6D: return named("max-forwards", .maxForwards)
            case 0x72: return named("record-route", .recordRoute)
            default: return named("content-type", .contentType)
            }
        case 13: return first == 0x70 ? named("proxy-require", .proxyRequire) : .other
        case 14: return named("content-length", .contentLength)
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
