// SPDX-License-Identifier: Apache-2.0

/// The weighted choice of RFC 2782 inside one priority: its integer form, with a fresh shuffle for every draw.
///
/// Records of weight zero come first, in random order; then the others, in random order; a running sum is kept; a
/// uniform integer from 0 to the total, both included, picks the first record whose running sum reaches it (LOC-30).
/// Without the shuffle the first record would have one chance too many (LOC-31).
package enum WeightedDraw {
    /// Picks one of the records 0 to `count` - 1 for which `weight` gives a weight; nil when there is none.
    ///
    /// A record without weight takes no part, so that a caller can filter without copying. It shuffles by drawing: the
    /// record that stands first in a random order is itself a uniform draw, so the walk needs no copy of the list. Cost
    /// is linear, without allocation.
    @inlinable
    package static func pick(
        count: Int,
        using generator: inout some RandomNumberGenerator,
        weight: (Int) -> UInt32?
    ) -> Int? {
        var total: UInt64 = 0
        var zeros = 0
        var records = 0
        for index in 0..<max(count, 0) {
            guard let value = weight(index) else { continue }
            records += 1
            total += UInt64(value)
            if value == 0 { zeros += 1 }
        }
        guard records > 0 else { return nil }
        let drawn = UInt64.random(in: 0...total, using: &generator)
        if drawn == 0 {
            let wanted = Int.random(in: 0..<(zeros > 0 ? zeros : records), using: &generator)
            return nth(wanted, count: count) { index in
                guard let value = weight(index) else { return false }
                return zeros == 0 || value == 0
            }
        }
        // Every record but the first of the order owns exactly its weight of the numbers 1...total, in whatever order
        // they stand, so the walk may take them in list order.
        var sum: UInt64 = 0
        for index in 0..<count {
            sum += UInt64(weight(index) ?? 0)
            if sum >= drawn { return index }
        }
        return nil
    }

    /// The same with a concrete generator, for the hot path: it is specialised here.
    package static func pick(
        count: Int,
        drawing generator: inout DrawGenerator,
        weight: (Int) -> UInt32?
    ) -> Int? {
        pick(count: count, using: &generator, weight: weight)
    }

    @inlinable
    static func nth(_ wanted: Int, count: Int, where matches: (Int) -> Bool) -> Int? {
        var left = wanted
        for index in 0..<count where matches(index) {
            if left == 0 { return index }
            left -= 1
        }
        return nil
    }

    /// The exact probability that each record is picked first.
    ///
    /// With k zero weights, each has 1/(k(S+1)) and every other w/(S+1); without any, each has (w + 1/n)/(S+1).
    package static func firstPickProbabilities(weights: [UInt32]) -> [Double] {
        let total = weights.reduce(0.0) { $0 + Double($1) } + 1
        let zeros = weights.count { $0 == 0 }
        return weights.map { weight in
            if zeros == 0 { return (Double(weight) + 1 / Double(weights.count)) / total }
            return (weight == 0 ? 1 / Double(zeros) : Double(weight)) / total
        }
    }
}
