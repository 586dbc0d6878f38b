// SPDX-License-Identifier: Apache-2.0

extension PoolView {
    /// The expected share of each backend in new requests, in the order of ``backends``.
    ///
    /// It is exact by RFC 2782, or by the weights alone where affinity decides (LOC-56), and 0 for all but the usable
    /// backends of the lowest priority.
    package func shares() -> [Double] {
        var shares = [Double](repeating: 0, count: backends.count)
        guard let order = targets.first(where: { $0.slots.contains { slots[$0].isUsable } })?.order else {
            return shares
        }
        var tier = TierSummary()
        let tierTargets = targets.filter { $0.order == order }
        let summaries = tierTargets.map {
            summary(of: $0, wasTried: { _ in false }, eligible: { self.slots[$0].isUsable })
        }
        for (target, members) in zip(tierTargets, summaries) { tier.add(weight: target.weight, members: members) }
        let shareOf = settings.affinity == .none ? drawShares(tier) : rendezvousShares(zip(tierTargets, summaries))
        for (target, members) in zip(tierTargets, summaries) where members.count > 0 {
            spread(shareOf(target, members), over: target, in: &shares)
        }
        return shares
    }

    private typealias ShareRule = (SelectionTarget, TargetSummary) -> Double

    /// The chance of each stretch of the draw, and of the one place r = 0 (see ``TargetDraw``).
    private func drawShares(_ tier: TierSummary) -> ShareRule {
        let places = Double(tier.total &+ 1)
        return { target, members in
            let weight = tier.effectiveWeight(target.weight, members)
            let sharers = tier.weightless > 0 ? (weight == 0 ? Double(tier.weightless) : .infinity) : Double(tier.count)
            return (Double(weight) + 1 / sharers) / places
        }
    }

    private func rendezvousShares(_ tier: some Sequence<(SelectionTarget, TargetSummary)>) -> ShareRule {
        let sum = tier.filter { $0.1.count > 0 }
            .reduce(0) { $0 + RendezvousHash.weight($1.0.weight, percent: $1.1.percent) }
        return { RendezvousHash.weight($0.weight, percent: $1.percent) / sum }
    }

    /// Splits a target's share among its addresses that are first in order.
    private func spread(_ share: Double, over target: SelectionTarget, in shares: inout [Double]) {
        let usable = target.slots.filter { slots[$0].isUsable }
        guard let first = usable.first.map({ slots[$0].addressOrder }) else { return }
        let members = usable.filter { slots[$0].addressOrder == first }
        let sum = members.reduce(0) { $0 + Double(slots[$1].percent) }
        for index in members { shares[index] = share * Double(slots[index].percent) / sum }
    }
}
