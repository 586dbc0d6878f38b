// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Whether a backend is left alone after failures of live traffic, and until when (LOC-50, OVL-14).
///
/// Closed until it is opened; open for a time; then half-open: the next outcome closes it or opens it for twice as long.
package struct Circuit: Sendable, Hashable {
    /// When the time that it was last opened for is over; nil while closed.
    package private(set) var openUntil: NIODeadline?
    private var lastOpenTime: TimeAmount?
    private var closedAt: NIODeadline?

    package init() {}

    /// Whether the backend is to be left alone at `now`.
    package func isOpen(at now: NIODeadline) -> Bool {
        openUntil.map { now < $0 } ?? false
    }

    /// Whether the next outcome decides.
    package func isHalfOpen(at now: NIODeadline) -> Bool {
        openUntil.map { now >= $0 } ?? false
    }

    /// Opens it and returns for how long: twice as long as before, unless it has been closed for the longest time.
    package mutating func open(now: NIODeadline, policy: HealthPolicy) -> TimeAmount {
        var time = policy.ejectTime
        let hasRested = closedAt.map { now - $0 >= policy.ejectLimit } ?? false
        if let last = lastOpenTime, !hasRested { time = last + last }
        time = min(time, policy.ejectLimit)
        lastOpenTime = time
        openUntil = now + time
        closedAt = nil
        return time
    }

    /// Closes it after a good outcome.
    package mutating func close(now: NIODeadline) {
        guard openUntil != nil else { return }
        openUntil = nil
        closedAt = now
    }
}
