// SPDX-License-Identifier: Apache-2.0

/// A number that rises and falls, such as the connections that are open; owned by one worker.
package struct Gauge: Sendable, Hashable {
    package var value: Int64 = 0

    @inlinable
    package init() {}

    /// One more.
    @inlinable
    package mutating func increment() { value &+= 1 }

    /// One less.
    @inlinable
    package mutating func decrement() { value &-= 1 }

    /// Sets it to a count taken elsewhere.
    @inlinable
    package mutating func set(_ number: Int) { value = Int64(number) }

    /// Adds another worker's number.
    package mutating func merge(_ other: Gauge) { value &+= other.value }
}
