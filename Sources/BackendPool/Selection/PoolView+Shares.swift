// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

extension PoolView {
    /// The expected share of each backend in new requests, in the order of ``backends``.
    ///
    /// It is exact by RFC 2782, or by the weights alone where affinity decides (LOC-56), and 0 for all but the usable
    /// backends of the lowest priority. Where load decides it is what RFC 2782 gives, and what they get while they bear
    /// the same for their weights.
    package func shares() -> [Double] {
        var shares = [Double](repeating: 0, count: backends.count)
        guard let order = targets.first(where: { $0.slots.contains { slots[$0].isUsable } })?.order else {
            return shares
        }
        let summaries = targets.compactMap { target -> (target: SelectionTarget, members: TargetSummary)? in
            guard target.order == order else { return nil }
            let members = summary(of: target, wasTried: { _ in false }, eligible: { slots[$0].isUsable })
            return members.count > 0 ? (target, members) : nil
        }
        let parts = settings.affinity == .none ? drawShares(summaries) : rendezvousShares(summaries)
        for (summary, part) in zip(summaries, parts) { spread(part, over: summary.target, in: &shares) }
        return shares
    }

    private typealias Tier = [(target: SelectionTarget, members: TargetSummary)]

    private func drawShares(_ targets: Tier) -> [Double] {
        var tier = TierSummary()
        for (target, members) in targets { tier.add(weight: target.weight, members: members) }
        let weights = targets.compactMap { tier.effectiveWeight($0.target.weight, $0.members) }
        return WeightedDraw.firstPickProbabilities(weights: weights)
    }

    private func rendezvousShares(_ targets: Tier) -> [Double] {
        let rates = targets.map { RendezvousHash.weight($0.target.weight, percent: $0.members.percent) }
        let sum = rates.reduce(0, +)
        return rates.map { $0 / sum }
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
