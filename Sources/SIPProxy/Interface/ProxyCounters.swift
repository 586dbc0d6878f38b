// SPDX-License-Identifier: Apache-2.0

package import BackendPool

/// What one core counts as it works: plain numbers that it alone writes.
///
/// A copy is taken for the metrics.
package struct ProxyCounters: Sendable {
    /// A timer of RFC 3261 sections 16.6 and 17 or RFC 6026, or the first-response limit (LOC-63).
    package enum Timer: Int, Sendable, Hashable, CaseIterable {
        case a, b, c, d, e, f, g, h, i, j, k, l, m
        case firstResponse
    }

    /// Responses sent to clients without repeats, by class from 1xx to 6xx: those of next hops.
    package private(set) var relayedResponses = [UInt64](repeating: 0, count: 6)
    /// The same: those made here.
    package private(set) var ownResponses = [UInt64](repeating: 0, count: 6)
    /// Timers that ran out, by `Timer.rawValue`.
    package private(set) var timers = [UInt64](repeating: 0, count: Timer.allCases.count)
    /// Requests sent on to another next hop, by why the attempt before had failed.
    package private(set) var failovers: [AttemptFailure: UInt64] = [:]
    /// Attempts at a backend that is not usable because none was (LOC-54), by pool.
    package private(set) var panics: [PoolID: UInt64] = [:]
    /// Named next hops that could not be used, by `NextHopFailure.rawValue`.
    package private(set) var nextHopFailures = [UInt64](repeating: 0, count: NextHopFailure.allCases.count)
    /// Times that a request was held back from a backend that asked for it (RFC 7339), by pool.
    package private(set) var throttles: [PoolID: UInt64] = [:]
    /// Overload feedback that could not be used, by pool.
    package private(set) var ignoredFeedback: [PoolID: UInt64] = [:]
    /// Times that the only usable backend of a pool began to ask for nearly no requests (OVL-19), by pool.
    package private(set) var overloadAlarms: [PoolID: UInt64] = [:]
    /// Requests whose flow was gone before they were answered (RFC 5626 section 5.3.1).
    package private(set) var goneFlows: UInt64 = 0

    package init() {}

    mutating func relayed(_ status: UInt16) { relayedResponses[Self.place(status)] &+= 1 }

    mutating func answered(_ status: UInt16) { ownResponses[Self.place(status)] &+= 1 }

    mutating func fired(_ timer: Timer) { timers[timer.rawValue] &+= 1 }

    mutating func failedOver(_ failure: AttemptFailure) { failovers[failure, default: 0] &+= 1 }

    mutating func panicked(_ pool: PoolID) { panics[pool, default: 0] &+= 1 }

    mutating func throttled(_ pool: PoolID) { throttles[pool, default: 0] &+= 1 }

    mutating func ignoredFeedback(_ pool: PoolID) { ignoredFeedback[pool, default: 0] &+= 1 }

    mutating func alarmed(_ pool: PoolID) { overloadAlarms[pool, default: 0] &+= 1 }

    mutating func failedNextHop(_ failure: NextHopFailure) { nextHopFailures[failure.rawValue] &+= 1 }

    mutating func lostFlow() { goneFlows &+= 1 }

    private static func place(_ status: UInt16) -> Int { min(max(Int(status) / 100, 1), 6) - 1 }
}
