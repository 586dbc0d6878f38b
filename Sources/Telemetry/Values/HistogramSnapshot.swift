// SPDX-License-Identifier: Apache-2.0

/// A histogram in the form of the exposition: how many values were at most each bound.
package struct HistogramSnapshot: Sendable, Hashable {
    /// In seconds, ascending; values above the last are in ``count`` alone.
    package let bounds: [Double]
    /// How many values were at most the bound of the same place.
    package let cumulativeCounts: [UInt64]
    package let count: UInt64
    /// In seconds.
    package let sum: Double

    package init(bounds: [Double], cumulativeCounts: [UInt64], count: UInt64, sum: Double) {
        self.bounds = bounds
        self.cumulativeCounts = cumulativeCounts
        self.count = count
        self.sum = sum
    }
}

/// The bounds of all duration histograms, in microseconds: from a tenth of a millisecond to SIP's 32 seconds.
package enum DurationBounds {
    package static let microseconds: [UInt64] = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000, 32_000_000,
    ]

    /// The same in seconds.
    package static let seconds = microseconds.map { Double($0) / 1_000_000 }
}
