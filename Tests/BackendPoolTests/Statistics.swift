// SPDX-License-Identifier: Apache-2.0

/// Pearson's chi-squared of counts against expected shares.
///
/// A share of zero must have the count zero: the result is infinite otherwise.
func chiSquared(_ counts: [Int], shares: [Double]) -> Double {
    let draws = Double(counts.reduce(0, +))
    return zip(counts, shares).reduce(0) { sum, pair in
        let expected = pair.1 * draws
        if expected == 0 { return pair.0 == 0 ? sum : .infinity }
        return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
    }
}

/// The value that chi-squared exceeds with the probability 0.001, for 1 to 5 degrees of freedom.
let chiSquaredBounds = [10.828, 13.816, 16.266, 18.467, 20.515]
