// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage
internal import Testing

/// Says the numbers that it was given, so that a test can walk through every outcome of a draw.
private struct Script: RandomNumberGenerator {
    var words: [UInt64]

    /// A generator whose `random(in: 0..<bounds[i])` gives `values[i]`: the standard library takes the upper half of a
    /// product.
    init(_ draws: (value: Int, bound: Int)...) {
        words = draws.map { draw in
            let step = UInt64.max / UInt64(draw.bound)
            return UInt64(draw.value) * step + step / 2
        }
    }

    mutating func next() -> UInt64 { words.isEmpty ? 0 : words.removeFirst() }
}

@Suite("The weighted draw of RFC 2782")
struct WeightedDrawTests {
    /// How often each record is first, over every outcome of the draw, in units of 1 / (outcomes × (sum + 1)).
    private static func exactCounts(_ weights: [UInt32]) -> (counts: [Int], total: Int) {
        let sum = weights.reduce(0) { $0 + Int($1) }
        let zeros = weights.count { $0 == 0 }
        let seconds = zeros > 0 ? zeros : weights.count
        var counts = [Int](repeating: 0, count: weights.count)
        for drawn in 0...sum {
            for second in 0..<seconds {
                var script = Script((drawn, sum + 1), (second, seconds))
                if let index = WeightedDraw.pick(count: weights.count, using: &script, weight: { weights[$0] }) {
                    counts[index] += 1
                }
            }
        }
        return (counts, (sum + 1) * seconds)
    }

    @Test(
        "V-SRV-01 to V-SRV-05b: over all outcomes, each record is first exactly as often as the algorithm says",
        arguments: [
            ([1, 3], [3, 7], 10), ([1, 1], [1, 1], 2), ([0, 10, 20], [1, 10, 20], 31), ([0, 0], [1, 1], 2),
            ([0, 0, 10], [1, 1, 20], 22), ([0, 1], [1, 1], 2), ([10, 20, 30], [31, 61, 91], 183),
            ([60, 30, 10], [181, 91, 31], 303), ([5], [1], 1),
        ] as [([UInt32], [Int], Int)]
    )
    func exact(_ weights: [UInt32], _ numerators: [Int], _ denominator: Int) {
        let (counts, total) = Self.exactCounts(weights)
        for (count, numerator) in zip(counts, numerators) { #expect(count * denominator == numerator * total) }
        let probabilities = WeightedDraw.firstPickProbabilities(weights: weights)
        for (probability, numerator) in zip(probabilities, numerators) {
            #expect(abs(probability - Double(numerator) / Double(denominator)) < 1e-12)
        }
    }

    @Test("V-SRV-05: the complete orders of 10, 20 and 30")
    func orders() {
        func order(_ weights: [UInt32]) -> Double {
            weights.indices.dropLast().reduce(1) { product, index in
                product * WeightedDraw.firstPickProbabilities(weights: Array(weights[index...]))[0]
            }
        }
        let expected: [([UInt32], Double)] = [
            ([10, 20, 30], 1_271 / 18_666), ([10, 30, 20], 31 / 306), ([20, 10, 30], 7 / 82),
            ([20, 30, 10], 61 / 246), ([30, 10, 20], 637 / 3_782), ([30, 20, 10], 3_731 / 11_346),
        ]
        for (weights, probability) in expected { #expect(abs(order(weights) - probability) < 1e-12, "\(weights)") }
        #expect(abs(expected.reduce(0) { $0 + $1.1 } - 1) < 1e-12)
    }

    @Test(
        "V-SRV-05b, V-SRV-05c: 100 000 draws fit the exact probabilities",
        arguments: [[60, 30, 10], [65_535, 1], [0, 0, 10]] as [[UInt32]]
    )
    func draws(_ weights: [UInt32]) {
        var generator = DrawGenerator(seed: 2_782)
        var counts = [Int](repeating: 0, count: weights.count)
        for _ in 0..<100_000 {
            if let index = WeightedDraw.pick(count: weights.count, drawing: &generator, weight: { weights[$0] }) {
                counts[index] += 1
            }
        }
        #expect(counts.reduce(0, +) == 100_000)
        let expected = WeightedDraw.firstPickProbabilities(weights: weights).map { $0 * 100_000 }
        let statistic = zip(counts, expected).reduce(0.0) { $0 + ($1.1 - Double($1.0)) * ($1.1 - Double($1.0)) / $1.1 }
        // α = 0.001 with two degrees of freedom; a fixed seed, so it holds always or never.
        #expect(statistic < 13.8, "\(counts)")
    }

    @Test("V-SRV-06: a record without weight takes no part; without any there is nothing to pick")
    func absent() {
        let weights: [UInt32?] = [10, 20, nil]
        var counts = [0, 0, 0]
        for drawn in 0...30 {
            for second in 0..<2 {
                var script = Script((drawn, 31), (second, 2))
                if let index = WeightedDraw.pick(count: 3, using: &script, weight: { weights[$0] }) {
                    counts[index] += 1
                }
            }
        }
        #expect(counts == [21, 41, 0])
        var generator = DrawGenerator(seed: 1)
        #expect(WeightedDraw.pick(count: 3, drawing: &generator) { _ in nil } == nil)
        #expect(WeightedDraw.pick(count: 0, drawing: &generator) { _ in 1 } == nil)
        #expect(WeightedDraw.pick(count: -1, drawing: &generator) { _ in 1 } == nil)
    }

    @Test("The largest weights do not overflow")
    func largest() {
        var generator = DrawGenerator(seed: 1)
        for _ in 0..<100 {
            let index = WeightedDraw.pick(count: 1_000, drawing: &generator) { _ in UInt32.max }
            #expect(index.map { (0..<1_000).contains($0) } == true)
        }
    }

    @Test("The draw generator's numbers are those of SplitMix64")
    func generator() {
        var generator = DrawGenerator(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in generator.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ]
        )
    }
}
