// SPDX-License-Identifier: Apache-2.0

/// Pearson's chi-squared test of draws against their exact probabilities, at the level 0.001.
package struct ChiSquareVerdict: Encodable, Sendable, Hashable {
    /// Expected counts below this one are thrown together: the test holds only for larger ones.
    static let leastExpected = 5.0
    /// What chi-squared exceeds with the probability 0.001, for 1 to 10 degrees of freedom.
    private static let criticalValues = [
        10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877, 29.588,
    ]

    package let statistic: Double
    package let degreesOfFreedom: Int
    /// 0 where there is nothing to compare.
    package let criticalValue: Double
    package let held: Bool

    /// Compares counts with the probabilities of the same order.
    package init(counts: [Int], probabilities: [Double]) {
        let total = Double(counts.reduce(0, +))
        var cells: [(count: Double, expected: Double)] = []
        var rest = (count: 0.0, expected: 0.0)
        for (count, probability) in zip(counts, probabilities) {
            let cell = (count: Double(count), expected: probability * total)
            if cell.expected < Self.leastExpected {
                rest = (rest.count + cell.count, rest.expected + cell.expected)
            } else {
                cells.append(cell)
            }
        }
        // A rest that is small even so counts with the smallest cell beside it.
        if rest.expected >= Self.leastExpected || cells.isEmpty {
            cells.append(rest)
        } else if let least = cells.indices.min(by: { cells[$0].expected < cells[$1].expected }) {
            cells[least] = (cells[least].count + rest.count, cells[least].expected + rest.expected)
        }
        let sum = cells.reduce(0.0) { sum, cell in
            cell.expected > 0 ? sum + (cell.count - cell.expected) * (cell.count - cell.expected) / cell.expected : sum
        }
        statistic = sum
        degreesOfFreedom = max(cells.count - 1, 0)
        criticalValue = Self.critical(degreesOfFreedom)
        // Without a choice every draw is the only one, up to rounding.
        held = degreesOfFreedom == 0 || sum < criticalValue
    }

    /// The critical value; beyond the table by Wilson's and Hilferty's approximation, good to 0.1 % there.
    private static func critical(_ degrees: Int) -> Double {
        guard degrees > 0 else { return 0 }
        if degrees <= criticalValues.count { return criticalValues[degrees - 1] }
        let part = 2 / (9 * Double(degrees))
        let root = 1 - part + 3.090_232 * part.squareRoot()
        return Double(degrees) * root * root * root
    }
}
