// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How long a backend that refused a connection is left alone before the next try (TRN-50).
///
/// Failures 1, 2, 3 … wait 100 ms, 200 ms, 400 ms … up to 5 s, each with up to 20 % taken off at random so that edges
/// that lost a backend together do not come back together. Who has nowhere else to go waits no longer than after the first
/// failure: 100 ms.
package struct ConnectBackoff: Sendable {
    /// The wait after the first failure.
    package static let first = TimeAmount.milliseconds(100)
    /// The longest wait.
    package static let longest = TimeAmount.seconds(5)

    private var failures = 0
    private var retryAt: NIODeadline?
    /// When one may be tried for who has nowhere else to go; nil: at once.
    package private(set) var lastResortAt: NIODeadline?

    package init() {}

    /// Whether a new connection may be tried at `now`.
    package func allows(now: NIODeadline) -> Bool {
        guard let retryAt else { return true }
        return now >= retryAt
    }

    /// Notes a failed connection attempt.
    package mutating func failed(now: NIODeadline, using generator: inout some RandomNumberGenerator) {
        let doublings = min(failures, 16)
        failures += 1
        let full = min(Self.longest.nanoseconds, Self.first.nanoseconds << doublings)
        let taken = Int64.random(in: 0...(full / 5), using: &generator)
        retryAt = now + .nanoseconds(full - taken)
        lastResortAt = now + .nanoseconds(Self.first.nanoseconds - taken / (full / Self.first.nanoseconds))
    }

    /// Notes a connection that came up.
    package mutating func succeeded() {
        failures = 0
        retryAt = nil
        lastResortAt = nil
    }
}
