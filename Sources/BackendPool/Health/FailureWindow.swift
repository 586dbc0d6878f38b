// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Answered and failed requests of the last ten seconds, counted by the second (LOC-50).
package struct FailureWindow: Sendable, Hashable {
    /// How many seconds are looked back at.
    package static let seconds = 10

    private var answered = [Int](repeating: 0, count: seconds)
    private var failed = [Int](repeating: 0, count: seconds)
    /// The second that was counted last, since the clock's start.
    private var newest: UInt64 = 0

    package init() {}

    /// Counts requests that ended now.
    package mutating func add(answered newAnswered: Int, failed newFailed: Int, now: NIODeadline) {
        let second = now.uptimeNanoseconds / 1_000_000_000
        forget(before: second)
        let place = Int(second % UInt64(Self.seconds))
        answered[place] &+= newAnswered
        failed[place] &+= newFailed
    }

    /// How many requests ended in the window, and the share of them that failed.
    package mutating func totals(now: NIODeadline) -> (count: Int, failedShare: Double) {
        forget(before: now.uptimeNanoseconds / 1_000_000_000)
        let failures = failed.reduce(0, &+)
        let count = answered.reduce(failures, &+)
        return (count, count == 0 ? 0 : Double(failures) / Double(count))
    }

    /// Forgets everything, as when a backend starts anew.
    package mutating func clear() {
        self = FailureWindow()
    }

    private mutating func forget(before second: UInt64) {
        guard second > newest else { return }
        let steps = min(second - newest, UInt64(Self.seconds))
        for step in 0..<steps {
            let place = Int((second - step) % UInt64(Self.seconds))
            answered[place] = 0
            failed[place] = 0
        }
        newest = second
    }
}
