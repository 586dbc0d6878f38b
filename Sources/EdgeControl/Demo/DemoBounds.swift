// SPDX-License-Identifier: Apache-2.0

/// Whether an observed share can come from an expected one.
package enum DemoBounds {
    /// Standard deviations that all but one of a million counts keep within; of a hundred counts in a run, none fails
    /// by chance.
    package static let oneInAMillion = 4.891_638
    /// Standard deviations that 99.9 % of counts keep within.
    package static let oneInAThousand = 3.290_527

    /// The counts out of `draws` that a share of `expected` yields within so many standard deviations.
    ///
    /// By the normal approximation with continuity correction, which is close enough from a hundred draws on.
    package static func counts(
        of expected: Double,
        draws: Int,
        deviations: Double = oneInAMillion
    ) -> ClosedRange<Int> {
        let mean = expected * Double(draws)
        let spread = deviations * (mean * (1 - expected)).squareRoot() + 0.5
        let low = max(0, (mean - spread).rounded(.up))
        let high = min(Double(draws), (mean + spread).rounded(.down))
        return Int(low)...max(Int(low), Int(high))
    }
}
