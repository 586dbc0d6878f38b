// SPDX-License-Identifier: Apache-2.0

/// A request method; those that the edge treats in their own way by name, every other one as `.other`.
///
/// Methods compare case-sensitively (RFC 3261 section 7.1), so `invite` is `.other`.
package enum SIPMethod: UInt8, Sendable, Hashable, CaseIterable {
    case invite
    case ack
    case bye
    case cancel
    case options
    case register
    case prack
    case subscribe
    case notify
    case publish
    case info
    case refer
    case message
    case update
    case other

    /// The method's name; empty for `.other`, whose name only the message has.
    package var name: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .publish: "PUBLISH"
        case .info: "INFO"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .update: "UPDATE"
        case .other: ""
        }
    }

    /// The method that the bytes from `start` to `end` name.
    static func parse(_ bytes: Bytes, from start: Int, to end: Int) -> SIPMethod {
        func named(_ candidate: SIPMethod) -> SIPMethod {
            let name = candidate.name
            return end - start == name.utf8CodeUnitCount && bytes.hasPrefix(name, at: start) ? candidate : .other
        }
        switch (bytes[start], end - start) {
        case (0x49, 6): return named(.invite)
        case (0x49, 4): return named(.info)
        case (0x41, _): return named(.ack)
        case (0x42, _): return named(.bye)
        case (0x43, _): return named(.cancel)
        case (0x4F, _): return named(.options)
        case (0x52, 8): return named(.register)
        case (0x52, _): return named(.refer)
        case (0x50, 5): return named(.prack)
        case (0x50, _): return named(.publish)
        case (0x53, _): return named(.subscribe)
        case (0x4E, _): return named(.notify)
        case (0x4D, _): return named(.message)
        case (0x55, _): return named(.update)
        default: return .other
        }
    }
}
