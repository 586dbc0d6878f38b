// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

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
