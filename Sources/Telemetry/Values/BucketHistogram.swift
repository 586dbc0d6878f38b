// SPDX-License-Identifier: Apache-2.0

/// Durations counted by the bounds of the exposition: small enough for one per backend.
package struct BucketHistogram: Sendable, Hashable {
    private var counts = [UInt64](repeating: 0, count: DurationBounds.microseconds.count + 1)
    private var sum: UInt64 = 0

    package init() {}

    /// Counts a duration; a negative one, as from a clock that was set, counts as zero.
    package mutating func record(nanoseconds: Int64) {
        let microseconds = UInt64(max(nanoseconds, 0)) / 1000
        var place = 0
        while place < DurationBounds.microseconds.count, microseconds > DurationBounds.microseconds[place] {
            place &+= 1
        }
        counts[place] &+= 1
        sum &+= microseconds
    }

    /// How many durations were counted.
    package var count: UInt64 { counts.reduce(0, &+) }

    /// Adds another worker's counts.
    package mutating func merge(_ other: BucketHistogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        sum &+= other.sum
    }

    /// The histogram in the form of the exposition.
    package var snapshot: HistogramSnapshot {
        var cumulative: [UInt64] = []
        var total: UInt64 = 0
        for count in counts {
            total &+= count
            cumulative.append(total)
        }
        return HistogramSnapshot(
            bounds: DurationBounds.seconds,
            cumulativeCounts: cumulative.dropLast(),
            count: total,
            sum: Double(sum) / 1_000_000
        )
    }
}
