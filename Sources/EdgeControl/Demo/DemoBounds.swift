// SPDX-License-Identifier: Apache-2.0

/// Whether an observed share can come from an expected one.
package enum DemoBounds {
    /// The counts out of `draws` that a share of `expected` yields in all but one of a million runs.
    ///
    /// By the normal approximation with continuity correction, which is close enough from a hundred draws on. A run has
    /// more than ten such counts and must not fail by chance.
    package static func counts(of expected: Double, draws: Int) -> ClosedRange<Int> {
        let mean = expected * Double(draws)
        let spread = 4.891_638 * (mean * (1 - expected)).squareRoot() + 0.5
        let low = max(0, (mean - spread).rounded(.up))
        let high = min(Double(draws), (mean + spread).rounded(.down))
        return Int(low)...max(Int(low), Int(high))
    }
}
