// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// Selection by load: the power of two choices.
extension PoolView {
    /// What the backend at `index` should bear beside the others of its priority, for ``BackendLoad``: 1 is the mean.
    ///
    /// Its weight, its slow start and the number of its target's addresses are in it.
    package func loadWeight(of index: Int) -> Double {
        index < loadShares.count ? loadShares[index].weight : 1
    }

    /// Draws two backends as RFC 2782 draws one, and gives the one with the lesser load; the first when they are equal,
    /// so that backends without load are chosen by their weights.
    func chooseByLoad(
        _ load: (Int) -> Double,
        using generator: inout DrawGenerator,
        wasTried: (Int) -> Bool,
        eligible: (Int) -> Bool
    ) -> Int? {
        guard let first = choose(key: nil, using: &generator, wasTried: wasTried, eligible: eligible) else {
            return nil
        }
        let home = targets[loadShares[first].target]
        // A target that the request has tried one address of is gone through before others (LOC-48).
        let staysAtHome = home.slots.contains(where: wasTried)
        func isRival(_ index: Int) -> Bool {
            guard index != first, eligible(index) else { return false }
            // A later address of a target is for failures, and so is a later priority.
            if home.slots.contains(index) { return slots[index].addressOrder == slots[first].addressOrder }
            return !staysAtHome && targets[loadShares[index].target].order == home.order
        }
        let second = choose(key: nil, using: &generator, wasTried: wasTried, eligible: isRival)
        guard let second, load(second) < load(first) else { return first }
        return second
    }
}
