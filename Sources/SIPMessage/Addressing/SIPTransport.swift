// SPDX-License-Identifier: Apache-2.0

/// A transport that this edge speaks SIP over (RFC 3261 section 18; TLS means TLS over TCP).
package enum SIPTransport: UInt8, Sendable, Hashable, CaseIterable, Comparable {
    case udp = 1
    case tcp = 2
    case tls = 3

    /// Whether the transport delivers every byte in order, so that no transaction timer repeats a message on it.
    @inlinable
    package var isReliable: Bool { self != .udp }

    /// Whether the hop is protected, as a SIPS URI demands of it (RFC 5630 section 3.1).
    @inlinable
    package var isSecure: Bool { self == .tls }

    /// The port that a URI without one stands for (RFC 3261 section 19.1.2).
    @inlinable
    package var defaultPort: UInt16 { self == .tls ? 5061 : 5060 }

    /// The token of the Via header's sent-protocol: `UDP`, `TCP`, `TLS`.
    package var viaToken: String {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        }
    }

    /// The word used in configuration, metrics and output: `udp`, `tcp`, `tls`.
    package var name: String {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        }
    }

    /// The transport that a configuration word names, in any case; nil for a word that names none.
    package init?(name: some StringProtocol) {
        switch name.lowercased() {
        case "udp": self = .udp
        case "tcp": self = .tcp
        case "tls": self = .tls
        default: return nil
        }
    }

    @inlinable
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
