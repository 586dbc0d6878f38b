// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// When a pool's target is resolved again.
enum RefreshTime {
    /// The shortest time between two resolutions of one pool.
    static let shortest = Duration.milliseconds(100)
    /// For a target that rests on no record: a literal address never changes.
    static let longest = Duration.seconds(3600)

    /// How long to wait for the time at which the first answer is due: 80 to 90 % of its TTL, or when what failed may be
    /// tried again (LOC-61, LOC-62).
    static func delay(until refreshAt: NIODeadline?, now: NIODeadline) -> Duration {
        guard let refreshAt else { return longest }
        return max(shortest, .nanoseconds((refreshAt - now).nanoseconds))
    }
}
