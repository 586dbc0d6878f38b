// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers
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
    }

    private struct Counts {
        var total = 0
        var bySource: [IPAddress: Int] = [:]
        var byIdentity: [String: Int] = [:]
    }

    private let counts = NIOLockedValueBox(Counts())

    package init() {}

    /// Client connections that are open now.
    package var total: Int { counts.withLockedValue { $0.total } }

    /// Takes a place for a connection from `source`, or says which limit forbids it.
    package func admit(_ source: IPAddress, total limit: Int, perSource sourceLimit: Int) -> Refusal? {
        counts.withLockedValue { counts in
            guard counts.total < limit else { return .total }
            let open = counts.bySource[source, default: 0]
            guard open < sourceLimit else { return .perSource }
            counts.total += 1
            counts.bySource[source] = open + 1
            return nil
        }
    }

    /// Gives the place of a closed connection back.
    package func release(_ source: IPAddress) {
        counts.withLockedValue { counts in
            counts.total -= 1
            let open = counts.bySource[source, default: 1] - 1
            counts.bySource[source] = open > 0 ? open : nil
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
