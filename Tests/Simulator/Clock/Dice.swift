// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import TestSupport

/// All the chance of one world.
package final class Dice {
    package var generator: SeededGenerator

    package init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// True in so many of a hundred cases.
    package func chance(_ percent: Double) -> Bool { Double.random(in: 0..<100, using: &generator) < percent }

    package func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    /// A time between so many seconds.
    package func time(_ least: Double, _ most: Double) -> TimeAmount {
        .nanoseconds(Int64(Double.random(in: least...max(least, most), using: &generator) * 1e9))
    }

    /// A time of that mean, most of them short.
    package func wait(mean: Double) -> TimeAmount {
        let draw = Double.random(in: 0.000_1..<1, using: &generator)
        return .nanoseconds(Int64(min(-logarithm(draw) * mean, mean * 8) * 1e9))
    }

    package func pick<Element>(_ choices: [Element]) -> Element? { choices.randomElement(using: &generator) }

    package func pick<Element>(_ first: Element, _ others: Element...) -> Element {
        let place = number(0...others.count)
        return place == 0 ? first : others[place - 1]
    }

    /// The natural logarithm of a number in 0..<1, without the C library.
    private func logarithm(_ value: Double) -> Double {
        // ln(x) = 2·artanh((x−1)/(x+1)) for the significand, and ln 2 for each power of two.
        let ratio = (value.significand - 1) / (value.significand + 1)
        let square = ratio * ratio
        var term = ratio
        var sum = 0.0
        for power in stride(from: 1.0, to: 30, by: 2) {
            sum += term / power
            term *= square
        }
        return 2 * sum + Double(value.exponent) * 0.693_147_180_559_945_3
    }
}
