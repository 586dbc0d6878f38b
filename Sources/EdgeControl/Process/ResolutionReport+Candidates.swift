// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPLocation
internal import SIPMessage

/// Candidates and draws: the pool that the edge would make of the target gives the shares, so that both always agree.
extension ResolutionReport {
    /// The candidates in the order of rank and priority, and how draws from each tier keep to the exact chances.
    static func draw(
        _ located: LocatedTarget,
        _ target: SIPTarget,
        draws: Int,
        using generator: inout some RandomNumberGenerator
    ) -> (candidates: [Candidate], tiers: [Tier]) {
        let whole = view(located.servers, target)
        // As a pool does it, the first server of an endpoint says how that is authenticated.
        let plans = Dictionary(located.servers.map { ($0.endpoint, $0.dane) }, uniquingKeysWith: { first, _ in first })
        let shares = whole.shares()
        var candidates: [Candidate] = []
        var tiers: [Tier] = []
        while candidates.count < whole.backends.count {
            let first = whole.backends[candidates.count]
            let servers = located.servers.filter { $0.rank == first.rank && $0.priority == first.priority }
            let view = view(servers, target)
            let expected = view.shares()
            var counts = [Int](repeating: 0, count: view.backends.count)
            for _ in 0..<draws {
                if let selection = view.select(using: &generator) { counts[selection.index] += 1 }
            }
            for (index, backend) in view.backends.enumerated() {
                let drawn = draws > 0 ? Double(counts[index]) / Double(draws) : nil
                let chances = (all: shares[candidates.count], tier: expected[index])
                candidates.append(candidate(backend, chances, drawn: drawn, plans[backend.endpoint] ?? nil))
            }
            if draws > 0 {
                let verdict = ChiSquareVerdict(counts: counts, probabilities: expected)
                tiers.append(Tier(rank: first.rank, priority: first.priority, draws: draws, verdict: verdict))
            }
        }
        return (candidates, tiers)
    }

    private static func candidate(
        _ backend: BackendView,
        _ chances: (all: Double, tier: Double),
        drawn: Double?,
        _ plan: DANEPlan?
    ) -> Candidate {
        Candidate(
            transport: backend.endpoint.transport.name,
            address: backend.endpoint.address.description,
            port: backend.endpoint.port,
            name: backend.name,
            rank: backend.rank,
            priority: backend.priority,
            weight: backend.weight,
            probability: chances.all,
            tierProbability: chances.tier,
            drawn: drawn,
            dane: plan?.description
        )
    }

    private static func view(_ servers: [LocatedServer], _ target: SIPTarget) -> PoolView {
        let id = PoolID(index: 0)
        let backends = servers.map { server in
            BackendView(
                id: BackendID(pool: id, endpoint: server.endpoint),
                name: server.name,
                referenceDomain: target.referenceDomain,
                rank: server.rank,
                priority: server.priority,
                weight: server.weight,
                addressOrder: server.addressOrder
            )
        }
        return PoolView(id: id, settings: PoolSettings(name: "resolve"), backends: backends)
    }
}
