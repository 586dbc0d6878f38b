// SPDX-License-Identifier: Apache-2.0

package import SIPLocation
package import SIPMessage

/// One entry of `pools`.
package struct PoolSettingsEntry: Sendable, Hashable {
    package enum Probe: String, Sendable, Hashable, CaseIterable {
        case options
        case none
    }

    package enum Affinity: String, Sendable, Hashable, CaseIterable {
        case none
        case callID = "call-id"
        case from
        case to
        case source
        case flow
    }

    package enum Balance: String, Sendable, Hashable, CaseIterable {
        case srv
        case leastOutstanding = "least-outstanding"
        case latency
    }

    /// Whether connections over TLS are offered to backends for their requests (TLS-36), and those that they offer used.
    package enum ConnectionReuse: String, Sendable, Hashable, CaseIterable {
        /// Used, and offered but to those who stand behind a `peer` listener.
        case auto
        case always
        case never
    }

    /// Which addresses of a name are used, and which first (LOC-40, LOC-41).
    package enum Families: String, Sendable, Hashable, CaseIterable {
        /// Those that the host has, in the order of RFC 6724.
        case auto
        case ipv4
        case ipv6
        case preferIPv4 = "prefer-ipv4"
        case preferIPv6 = "prefer-ipv6"
    }

    /// `ejection`: when live traffic takes a backend out (LOC-50).
    package struct Ejection: Sendable, Hashable {
        package var consecutiveFailures = 3
        package var failurePercent = 50
        package var minimumRequests = 20
        package var baseTime = Duration.seconds(5)
        package var maximumTime = Duration.seconds(60)
        package var maximumPercent = 50

        package init() {}
    }

    package var name: String
    package var target: String
    /// The TLS profile shown to backends.
    package var tls: String?
    package var verifyName = true
    /// Names that a backend's certificate may prove in the place of the target's (TLS-13).
    package var verifyNames: [String] = []
    package var acceptsWildcards = false
    /// The preferred one first.
    package var transports: [SIPTransport] = [.tls, .tcp, .udp]
    package var families = Families.auto
    package var naptrFailover = ResolutionPolicy.Failover.sameOrder
    package var allowsDowngrade = false
    package var tlsLoss = ResolutionPolicy.TLSLoss.keep
    /// Whether TLSA records authenticate backends (RFC 7673).
    package var dane = ResolutionPolicy.DANE.off
    package var affinity = Affinity.none
    /// What decides where affinity does not.
    package var balance = Balance.srv
    package var probe = Probe.options
    package var interval = Duration.seconds(5)
    /// How far an interval strays either way, in per cent.
    package var jitterPercent = 20
    package var timeout = Duration.seconds(2)
    package var fall = 2
    package var rise = 1
    /// Statuses that a probe may be answered with; empty: every final one but 503.
    package var acceptedStatuses: [UInt16] = []
    package var probeBeforeUse = true
    package var ejection = Ejection()
    package var retryAfterLimit = Duration.seconds(300)
    package var slowStart = Duration.seconds(30)
    package var connections = 2
    package var queue = 1024
    package var inviteLimit = Duration.seconds(4)
    package var otherLimit = Duration.seconds(4)
    package var retryCodes: [UInt16] = []
    package var tries = 3
    /// The share of its requests that may be tried anew after they have reached a backend.
    package var retryPercent = 10
    package var allowsLoopback = false
    /// Whether requests go to backends over TLS or not at all.
    package var requiresTLS = false
    /// Whether backends answer the keep-alive of RFC 5626.
    package var answersKeepAlive = false
    /// Whether connections to backends begin with a PROXY protocol header of version 2.
    package var sendsProxyProtocol = false
    /// Whether backends may ask, over TLS, that less be sent (RFC 7339).
    package var controlsOverload = false
    /// Whether connections over TLS carry requests both ways, whoever has opened them (RFC 5923).
    package var connectionReuse = ConnectionReuse.auto
    /// Whether responses by UDP may come from any address.
    package var acceptsAnySource = false
    /// The listener that is named towards the backends.
    package var via: String?
    /// Whether its backends are believed and confided in like our own servers (RFC 3325).
    package var trust = true
}
