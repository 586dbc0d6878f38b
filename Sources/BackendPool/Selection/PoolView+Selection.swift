// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

extension PoolView {
    /// The backend for a request's next attempt, or nil when there is none left to try; allocates nothing.
    ///
    /// It is taken from the lowest priority number that has a usable backend which the request has not tried; there,
    /// another address of a target that it has tried one of (LOC-48), else a target by weight (RFC 2782, filtered first:
    /// LOC-53) or, with `key`, by rendezvous (LOC-56). A pool that balances by load draws two and takes the less loaded
    /// one, unless there is a key. When no backend is usable at all, they are tried in the same way with health
    /// ignored, whatever their priority (LOC-54).
    ///
    /// - Parameters:
    ///   - key: what the pool's affinity policy takes of the request; nil draws.
    ///   - tried: where the request has been.
    ///   - locallyDown: what the worker knows of a backend and the snapshot does not yet: it cannot be reached now.
    ///   - forbidden: where the request may not go, even when no other backend is usable.
    ///   - load: what a backend bears now, the less the better; asked of two backends, and only where load decides.
    package func select(
        key: AffinityKey? = nil,
        tried: TriedBackends = TriedBackends(),
        locallyDown: (Int) -> Bool = { _ in false },
        forbidden: (Int) -> Bool = { _ in false },
        load: (Int) -> Double = { _ in 0 },
        using generator: inout some RandomNumberGenerator
    ) -> Selection? {
        let seed = generator.next()
        return select(
            key: key,
            tried: tried,
            locallyDown: locallyDown,
            forbidden: forbidden,
            load: load,
            seed: seed
        )
    }

    /// The same with one random number, from which all draws of this selection are made.
    package func select(
        key: AffinityKey? = nil,
        tried: TriedBackends = TriedBackends(),
        locallyDown: (Int) -> Bool = { _ in false },
        forbidden: (Int) -> Bool = { _ in false },
        load: (Int) -> Double = { _ in 0 },
        seed: UInt64
    ) -> Selection? {
        var generator = DrawGenerator(seed: seed)
        func wasTried(_ index: Int) -> Bool { tried.contains(index) }
        func isUsable(_ index: Int) -> Bool { slots[index].isUsable && !forbidden(index) && !locallyDown(index) }
        func isLeft(_ index: Int) -> Bool { isUsable(index) && !tried.contains(index) }
        func isLeftInPanic(_ index: Int) -> Bool {
            slots[index].isUsableInPanic && !tried.contains(index) && !forbidden(index)
        }

        func pick(_ eligible: (Int) -> Bool) -> Int? {
            if comparesLoad, key == nil {
                return chooseByLoad(load, using: &generator, wasTried: wasTried, eligible: eligible)
            }
            return choose(key: key, using: &generator, wasTried: wasTried, eligible: eligible)
        }

        if let found = pick(isLeft) { return Selection(index: found, isPanic: false) }
        guard !slots.indices.contains(where: isUsable) else { return nil }
        return pick(isLeftInPanic).map { Selection(index: $0, isPanic: true) }
    }

    /// The first tier with an eligible backend decides.
    func choose(
        key: AffinityKey?,
        using generator: inout DrawGenerator,
        wasTried: (Int) -> Bool,
        eligible: (Int) -> Bool
    ) -> Int? {
        var start = 0
        while start < targets.count {
            var tier = TierSummary()
            var end = start
            while end < targets.count, targets[end].order == targets[start].order {
                let members = summary(of: targets[end], wasTried: wasTried, eligible: eligible)
                if members.count > 0, members.hasTried {
                    return address(of: targets[end], key: key, using: &generator, eligible: eligible)
                }
                tier.add(weight: targets[end].weight, members: members)
                end &+= 1
            }
            if tier.count > 0 {
                let place = target(in: start..<end, tier, key: key, using: &generator, eligible: eligible)
                return place.flatMap { address(of: targets[$0], key: key, using: &generator, eligible: eligible) }
            }
            start = end
        }
        return nil
    }

    /// What can be said of one target's addresses.
    func summary(
        of target: SelectionTarget,
        wasTried: (Int) -> Bool,
        eligible: (Int) -> Bool
    ) -> TargetSummary {
        var members = TargetSummary()
        for index in target.slots {
            if eligible(index) {
                members.count &+= 1
                members.percent = max(members.percent, slots[index].percent)
            } else if wasTried(index) {
                members.hasTried = true
            }
        }
        return members
    }

    /// The target of one tier that the draw, or the key, falls on.
    func target(
        in range: Range<Int>,
        _ tier: TierSummary,
        key: AffinityKey?,
        using generator: inout DrawGenerator,
        eligible: (Int) -> Bool
    ) -> Int? {
        func members(_ place: Int) -> TargetSummary {
            summary(of: targets[place], wasTried: { _ in false }, eligible: eligible)
        }
        guard let key else {
            let drawn = WeightedDraw.pick(count: range.count, drawing: &generator) { offset in
                let place = range.lowerBound &+ offset
                return tier.effectiveWeight(targets[place].weight, members(place))
            }
            return drawn.map { range.lowerBound &+ $0 }
        }
        var best: Int?
        var leastCost = Double.infinity
        for place in range {
            let members = members(place)
            guard members.count > 0 else { continue }
            let weight = RendezvousHash.weight(targets[place].weight, percent: members.percent)
            let cost = RendezvousHash.cost(key: key.hash, member: targets[place].seed, weight: weight)
            if cost < leastCost { (best, leastCost) = (place, cost) }
        }
        return best
    }

    /// One address of a target: of those first in order, each as likely as its slow start allows.
    func address(
        of target: SelectionTarget,
        key: AffinityKey?,
        using generator: inout DrawGenerator,
        eligible: (Int) -> Bool
    ) -> Int? {
        if target.slots.count == 1 { return target.slots.lowerBound }
        var best: Int?
        var leastCost = Double.infinity
        var first = UInt8.max
        for index in target.slots where eligible(index) {
            // Equal addresses take turns by the draw (LOC-45); the sort has put the preferred ones in front (LOC-41).
            if best != nil, slots[index].addressOrder != first { break }
            first = slots[index].addressOrder
            let number = key.map { $0.hash } ?? generator.next()
            let cost = RendezvousHash.cost(key: number, member: slots[index].seed, weight: Double(slots[index].percent))
            if cost < leastCost { (best, leastCost) = (index, cost) }
        }
        return best
    }
}
