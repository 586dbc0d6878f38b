// SPDX-License-Identifier: Apache-2.0

/// What a comparison of loads reads of one backend; kept apart, so that pools which draw by weight alone carry none.
struct LoadShare: Sendable {
    /// The place of its target in ``PoolView/targets``.
    let target: Int
    /// What it should bear beside the others of its priority: 1 is the mean.
    let weight: Double

    /// The shares of all backends, in the order of `slots`.
    static func all(_ targets: [SelectionTarget], _ slots: [SelectionSlot]) -> [LoadShare] {
        var shares: [LoadShare] = []
        shares.reserveCapacity(slots.count)
        var start = 0
        while start < targets.count {
            let end = targets[start...].firstIndex { $0.order != targets[start].order } ?? targets.count
            let usable = (start..<end).flatMap { weights(of: targets[$0], slots) }.filter { $0 > 0 }
            let mean = usable.isEmpty ? 1 : usable.reduce(0, +) / Double(usable.count)
            for place in start..<end {
                let own = RendezvousHash.weight(targets[place].weight, percent: 100)
                for weight in weights(of: targets[place], slots) {
                    shares.append(LoadShare(target: place, weight: (weight > 0 ? weight : own) / mean))
                }
            }
            start = end
        }
        return shares
    }

    /// The weight of a target spread over its usable addresses that are first in order; 0 for the others, which serve
    /// only when those have failed.
    private static func weights(of target: SelectionTarget, _ slots: [SelectionSlot]) -> [Double] {
        let usable = target.slots.filter { slots[$0].isUsable }
        let first = usable.first.map { slots[$0].addressOrder }
        let count = usable.count { slots[$0].addressOrder == first }
        return target.slots.map { index in
            guard slots[index].isUsable, slots[index].addressOrder == first else { return 0 }
            return RendezvousHash.weight(target.weight, percent: slots[index].percent) / Double(count)
        }
    }
}
