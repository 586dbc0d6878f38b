// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// What a resolution may yield.
package struct ResolutionPolicy: Sendable, Hashable {
    /// Whether NAPTR records of a higher order serve when those of the lowest one fail (LOC-16).
    package enum Failover: String, Sendable, Hashable, CaseIterable {
        case sameOrder = "same-order"
        case any
    }

    /// What becomes of a name that has published SIPS services and no longer does (LOC-24, RFC 3263 section 7).
    package enum TLSLoss: String, Sendable, Hashable, CaseIterable {
        /// TLS is used as long as there are SRV records of it.
        case keep
        /// TLS, or nothing.
        case refuse
        /// What is published is used.
        case ignore
    }

    /// Whether TLSA records authenticate backends (RFC 7673).
    package enum DANE: String, Sendable, Hashable, CaseIterable {
        case off
        /// Where DNSSEC secures what leads to a backend.
        case opportunistic
        /// Backends without usable TLSA records are not used.
        case require
    }

    /// Transports that may be used; their order counts where no NAPTR record says another (RFC 3263 section 4.1).
    package var transports: [SIPTransport] = [.tls, .tcp, .udp]
    package var failover = Failover.sameOrder
    /// Whether services in clear text may stand in for TLS ones of the same order.
    package var allowsDowngrade = false
    /// What to do without SIPS services; `ignore` unless some have been published lately.
    package var tlsLoss = TLSLoss.ignore
    package var dane = DANE.off
    package var usesIPv4 = true
    package var usesIPv6 = true
    /// Which family comes first inside one name: what RFC 6724 would say of this host (RFC 7984 section 4).
    package var prefersIPv6 = false
    /// Whether DNS may lead to loopback addresses (LOC-72).
    package var allowsLoopback = false
    /// Where DNS may not lead, because the edge itself listens there (LOC-72).
    package var ownListeners = OwnListeners()
    /// Whether what is not reached from a listener of the edge is not reached at all: datagrams leave from a UDP listener of
    /// their family, where the answers come (TRN-52).
    package var sendsFromListeners = false
    /// Servers that one target may have.
    package var servers = 1000
    /// NAPTR records that are looked at (LOC-27).
    package var naptrRecords = 32

    package init() {}
}

extension ResolutionPolicy {
    /// Whether a server that DNS has led to may be used by these rules, whatever the records say now.
    package func permits(_ endpoint: Endpoint, _ plan: DANEPlan?) -> Bool {
        guard dane != .require || !(plan?.records.isEmpty ?? true) else { return false }
        return transports.contains(endpoint.transport) && (endpoint.address.isIPv6 ? usesIPv6 : usesIPv4)
            && refusal(of: endpoint) == nil
    }

    /// Why DNS may not lead somewhere (LOC-72); nil when it may.
    func refusal(of endpoint: Endpoint) -> String? {
        let address = endpoint.address
        if address.isUnsendable { return "nothing can be sent there" }
        if address.isLinkLocal { return "it is link-local, as the addresses of cloud metadata are" }
        if address.isLoopback, !allowsLoopback { return "it is a loopback address; see allow_loopback" }
        if endpoint.transport == .udp, !sendsDatagrams(ipv6: address.isIPv6) {
            return "no UDP listener of \(address.isIPv6 ? "IPv6" : "IPv4") could send requests there"
        }
        return ownListeners.contains(endpoint) ? "this edge listens there itself" : nil
    }

    private func sendsDatagrams(ipv6: Bool) -> Bool {
        !sendsFromListeners || ownListeners.sendsDatagrams(ipv6: ipv6)
    }

    /// Whether datagrams could be sent to some address, so that records that lead there are worth a look.
    var sendsDatagrams: Bool { sendsDatagrams(ipv6: false) || sendsDatagrams(ipv6: true) }
}
