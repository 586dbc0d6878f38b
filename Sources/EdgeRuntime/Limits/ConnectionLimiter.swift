// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers
package import NIOCore
package import SIPMessage

/// Counts client connections in all and by source address, over all workers, and refuses those above the limits.
///
/// It is asked once a connection, which costs a TLS handshake anyway, so a lock shared by the workers is in place here
/// and an exact count is worth more than the lock.
package final class ConnectionLimiter: Sendable {
    /// Why a connection is refused.
    package enum Refusal: Sendable {
        case total
        case perSource
        /// TLS handshakes under way, in all and of one source.
        case handshakes
        case handshakesPerSource
        /// New connections a second of one source.
        case rate
    }

    /// What holds for connections whose handshake is still to come (OVL-22).
    package struct Handshakes: Sendable {
        /// Under way at a time.
        package var total = Int.max
        package var perSource = Int.max
        /// The rate of new connections that is in them; nil for sources that have none.
        package var rates: SourceLimits?
        /// Whether this connection begins with a TLS handshake.
        package var isSecure = false

        package init() {}
    }

    private struct Open {
        var connections = 0
        var handshakes = 0
    }

    private struct Counts {
        var total = 0
        var handshakes = 0
        var bySource: [IPAddress: Open] = [:]
        var byIdentity: [String: Int] = [:]
        var rates: SourceTable?

        /// Takes one new connection off a source's rate.
        mutating func takes(_ source: IPAddress, _ limits: SourceLimits, now: NIODeadline) -> Bool {
            var connections = SourceLimits()
            connections.other = limits.handshakes
            connections.burst = limits.burst
            connections.networkFactor = limits.networkFactor
            if rates == nil { rates = SourceTable(connections, seed: .random(in: .min ... .max)) }
            if rates?.limits != connections { rates?.adopt(connections) }
            return rates?.charge(source, isProven: true, .other, bytes: 0, now: now) == .admitted
        }
    }

    private let counts = NIOLockedValueBox(Counts())

    package init() {}

    /// Client connections that are open now.
    package var total: Int { counts.withLockedValue { $0.total } }

    /// TLS handshakes of clients that are under way.
    package var handshakes: Int { counts.withLockedValue { $0.handshakes } }

    /// Takes a place for a connection from `source`, or says which limit forbids it.
    package func admit(
        _ source: IPAddress,
        total limit: Int,
        perSource sourceLimit: Int,
        _ handshakes: Handshakes = Handshakes(),
        now: NIODeadline = .uptimeNanoseconds(0)
    ) -> Refusal? {
        counts.withLockedValue { counts in
            guard counts.total < limit else { return .total }
            var open = counts.bySource[source] ?? Open()
            guard open.connections < sourceLimit else { return .perSource }
            if handshakes.isSecure {
                guard counts.handshakes < handshakes.total else { return .handshakes }
                guard open.handshakes < handshakes.perSource else { return .handshakesPerSource }
            }
            if let rates = handshakes.rates, !counts.takes(source, rates, now: now) { return .rate }
            counts.total += 1
            open.connections += 1
            if handshakes.isSecure {
                counts.handshakes += 1
                open.handshakes += 1
            }
            counts.bySource[source] = open
            return nil
        }
    }

    /// A connection's TLS handshake is over, or it closed before that.
    package func handshakeEnded(_ source: IPAddress) {
        counts.withLockedValue { counts in
            counts.handshakes -= 1
            counts.bySource[source]?.handshakes -= 1
        }
    }

    /// Gives the place of a closed connection back.
    package func release(_ source: IPAddress) {
        counts.withLockedValue { counts in
            counts.total -= 1
            guard var open = counts.bySource[source] else { return }
            open.connections -= 1
            counts.bySource[source] = open.connections > 0 ? open : nil
        }
    }

    /// Takes a place for a connection of whom a certificate proves, unless that one has `limit` already.
    package func admit(_ identity: String, limit: Int) -> Bool {
        counts.withLockedValue { counts in
            let open = counts.byIdentity[identity, default: 0]
            guard open < limit else { return false }
            counts.byIdentity[identity] = open + 1
            return true
        }
    }

    /// Gives that place back.
    package func release(_ identity: String) {
        counts.withLockedValue { counts in
            let open = counts.byIdentity[identity, default: 1] - 1
            counts.byIdentity[identity] = open > 0 ? open : nil
        }
    }
}
