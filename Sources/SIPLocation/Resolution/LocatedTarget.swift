// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// One server that a target resolves to, as it is published.
package struct LocatedServer: Sendable, Hashable {
    package let endpoint: Endpoint
    /// The SRV target, or the host itself.
    package let name: String
    /// The place of its transport's NAPTR record among those in use; 0 without NAPTR.
    package let rank: UInt16
    package let priority: UInt16
    package let weight: UInt16
    /// The place of the address among those of one name.
    package let addressOrder: UInt8
}

/// What a target resolves to now.
package struct LocatedTarget: Sendable, Hashable {
    package let servers: [LocatedServer]
    /// When the first record that was used expires; nil when none was (a literal address).
    package let expiresAt: NIODeadline?
    /// When the first of the answers that led here should be asked for again, failures among them; nil without any.
    package let refreshAt: NIODeadline?
    package let isStale: Bool
    /// Whether some of its names could not be asked, so that servers may be missing here that exist (LOC-57).
    package let isPartial: Bool
    /// What was left out, and why.
    package let notes: [String]
}

/// What the resolution of a target needs next, or came to.
package enum ResolutionStep: Sendable, Hashable {
    /// These must be answered first.
    case ask([DNSQuestion])
    case resolved(LocatedTarget)
    /// The target has no server: DNS says so.
    case absent(String)
    /// It could not be asked; what was known before should go on (LOC-57).
    case failed(String)
}

/// What a resolution may yield.
package struct ResolutionPolicy: Sendable, Hashable {
    /// Transports that may be used, the preferred one first.
    package var transports: [SIPTransport] = [.tls, .tcp, .udp]
    package var usesIPv4 = true
    package var usesIPv6 = true
    /// Which family comes first inside one name: what RFC 6724 would say of this host (RFC 7984 section 4).
    package var prefersIPv6 = false
    /// Whether DNS may lead to loopback and link-local addresses (LOC-72).
    package var allowsLoopback = false
    /// Servers that one target may have.
    package var servers = 1000
    /// NAPTR records that are looked at (LOC-27).
    package var naptrRecords = 32

    package init() {}
}
