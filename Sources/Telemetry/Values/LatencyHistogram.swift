// SPDX-License-Identifier: Apache-2.0

internal import Histogram

/// Durations with two significant digits, for percentiles; about 10 KiB, one worker has a few of them.
package struct LatencyHistogram: Sendable {
    /// The longest duration told apart: what takes longer counts as this.
    package static let longest: UInt64 = 64_000_000

    private var histogram = Histogram<UInt32>(
        lowestDiscernibleValue: 1,
        highestTrackableValue: longest,
        numberOfSignificantValueDigits: .two
    )
    private var sum: UInt64 = 0

    package init() {}

    /// How many durations were recorded.
    package var count: UInt64 { histogram.totalCount }

    /// Counts a duration; a negative one counts as zero.
    package mutating func record(nanoseconds: Int64) {
        let microseconds = UInt64(max(nanoseconds, 0)) / 1000
        histogram.record(min(microseconds, Self.longest))
        sum &+= microseconds
    }

    /// The duration in seconds that `percent` of all were within; 0 when none was recorded.
    package func percentile(_ percent: Double) -> Double {
        count == 0 ? 0 : Double(histogram.valueAtPercentile(min(max(percent, 0), 100))) / 1_000_000
    }

    /// Adds another worker's durations.
    package mutating func merge(_ other: LatencyHistogram) {
        histogram.add(other.histogram)
        sum &+= other.sum
    }

    /// The histogram in the form of the exposition; a bound is exact to the two digits that are kept.
    package var snapshot: HistogramSnapshot {
        var cumulative = [UInt64](repeating: 0, count: DurationBounds.microseconds.count)
        for step in histogram.recordedValues() {
            for (place, bound) in DurationBounds.microseconds.enumerated() where step.value <= bound {
                cumulative[place] &+= step.countAddedInThisIterationStep
            }
        }
        return HistogramSnapshot(
            bounds: DurationBounds.seconds,
            cumulativeCounts: cumulative,
            count: count,
            sum: Double(sum) / 1_000_000
        )
    }
}
