// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore

/// How much of each pool's traffic this worker may try anew (PRX-58), so that a pool in trouble is not sent a multiple of
/// what it cannot bear.
///
/// Counted are the last five to ten seconds, in two halves.
struct RetryBudgets {
    /// Retries that a pool has in any case, so that where little is asked nothing is lost.
    static let floor: UInt64 = 100
    /// Length of one half.
    static let half = TimeAmount.seconds(5)

    private struct Half {
        var requests: UInt64 = 0
        var retries: UInt64 = 0
    }

    private struct Window {
        var begin: NIODeadline
        var current = Half()
        var last = Half()

        mutating func roll(to now: NIODeadline) {
            let age = now - begin
            guard age >= RetryBudgets.half else { return }
            let isRecent = age < RetryBudgets.half * 2
            last = isRecent ? current : Half()
            current = Half()
            begin = isRecent ? begin + RetryBudgets.half : now
        }
    }

    /// By `PoolID.index`.
    private var windows: [Window] = []

    /// Takes the pools of a new snapshot: those that stay keep their counts.
    mutating func adopt(_ pools: [PoolView], now: NIODeadline) {
        if windows.count > pools.count { windows.removeLast(windows.count - pools.count) }
        while windows.count < pools.count { windows.append(Window(begin: now)) }
    }

    /// A new request for a pool.
    mutating func begin(_ pool: PoolID, now: NIODeadline) {
        let place = Int(pool.index)
        guard place < windows.count else { return }
        windows[place].roll(to: now)
        windows[place].current.requests &+= 1
    }

    /// Whether a pool has a retry left, when these may be so many per cent of its requests; 100 bounds nothing.
    mutating func allows(_ pool: PoolID, percent: UInt8, now: NIODeadline) -> Bool {
        let place = Int(pool.index)
        guard percent < 100, place < windows.count else { return true }
        windows[place].roll(to: now)
        let (current, last) = (windows[place].current, windows[place].last)
        let share = (current.requests &+ last.requests) &* UInt64(percent) / 100
        return current.retries &+ last.retries < max(Self.floor, share)
    }

    /// A retry was made, right after it was allowed.
    mutating func spend(_ pool: PoolID) {
        let place = Int(pool.index)
        if place < windows.count { windows[place].current.retries &+= 1 }
    }
}
