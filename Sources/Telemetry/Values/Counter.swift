// SPDX-License-Identifier: Apache-2.0

/// A number that only grows; owned by one worker, so that counting is one addition without a lock.
package struct Counter: Sendable, Hashable {
    package var value: UInt64 = 0

    @inlinable
    package init() {}

    /// Counts one.
    @inlinable
    package mutating func increment() { add(1) }

    /// Counts `number`; the sum wraps after 2^64, as Prometheus' `rate` expects of a restart.
    @inlinable
    package mutating func add(_ number: UInt64) { value &+= number }

    /// Adds another worker's count.
    package mutating func merge(_ other: Counter) { add(other.value) }
}
