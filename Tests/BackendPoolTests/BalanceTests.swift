// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Balance by load: the power of two choices")
struct BalanceTests {
    static let algorithms: [SelectionAlgorithm] = [.leastOutstanding, .latency]

    private static let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    private func pool(
        _ backends: [BackendView],
        _ algorithm: SelectionAlgorithm,
        affinity: AffinityPolicy = .none
    ) -> PoolView {
        let settings = PoolSettings(name: "p", affinity: affinity, algorithm: algorithm)
        return PoolView(id: PoolID(index: 0), settings: settings, backends: backends)
    }

    private func backends(_ weights: [UInt16], names: [String] = ["a", "b", "c", "d"]) -> [BackendView] {
        weights.enumerated().map { place, weight in
            BackendView(id: .sample(UInt32(place + 1)), name: names[place], weight: weight)
        }
    }

    /// How often each backend is chosen in 100,000 first selections while the loads stay as they are.
    private func counts(
        _ pool: PoolView,
        key: AffinityKey? = nil,
        tried: TriedBackends = TriedBackends(),
        seed: UInt64 = 7,
        load: (Int) -> Double
    ) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        var counts = [Int](repeating: 0, count: pool.backends.count)
        for _ in 0..<100_000 {
            guard let chosen = pool.select(key: key, tried: tried, load: load, using: &generator) else { continue }
            counts[chosen.index] += 1
        }
        return counts
    }

    /// A backend with so many attempts under way, whose last answer took so long.
    private func load(_ outstanding: Int, milliseconds: Int64 = 0) -> BackendLoad {
        var load = BackendLoad()
        for _ in 0..<outstanding { load.begin() }
        if milliseconds > 0 { load.observe(.milliseconds(milliseconds), now: Self.beginning) }
        return load
    }

    @Test(
        "LOC-30: while all bear the same for their weights, 100,000 draws keep to the shares of RFC 2782",
        arguments: algorithms,
        [[1, 1, 1], [1, 2, 3], [0, 10, 20], [60, 30, 10]] as [[UInt16]]
    )
    func equalLoad(algorithm: SelectionAlgorithm, weights: [UInt16]) {
        let pool = pool(backends(weights), algorithm)
        let expected = WeightedDraw.firstPickProbabilities(weights: weights.map { UInt32($0) })
        for (share, exact) in zip(pool.shares(), expected) { #expect(abs(share - exact) < 1e-12) }
        #expect(chiSquared(counts(pool) { _ in 1 }, shares: expected) < chiSquaredBounds[1])
        // As many under way as the weight demands is the same load too.
        let loads = weights.map { load(Int($0), milliseconds: 20) }
        guard weights.allSatisfy({ (1...3).contains($0) }) else { return }
        let drawn = counts(pool) { index in
            loads[index].cost(by: algorithm, weight: pool.loadWeight(of: index), now: Self.beginning)
        }
        #expect(chiSquared(drawn, shares: expected) < chiSquaredBounds[1])
    }

    @Test("A backend with ten times the attempts under way is taken only when the draw gives no other")
    func overloaded() {
        let pool = pool(backends([1, 1, 1, 1]), .leastOutstanding)
        let loads = [50, 5, 5, 5].map { load($0) }
        func cost(_ index: Int) -> Double {
            loads[index].cost(by: .leastOutstanding, weight: pool.loadWeight(of: index), now: Self.beginning)
        }
        let counts = counts(pool, load: cost)
        #expect(counts[0] == 0)
        // Of the other pairs each is as likely: a third for each of the three.
        #expect(chiSquared(counts, shares: [0, 1.0 / 3, 1.0 / 3, 1.0 / 3]) < chiSquaredBounds[2])
        let alone = self.pool(backends([1]), .leastOutstanding)
        #expect(self.counts(alone) { _ in 50 } == [100_000])
    }

    @Test(
        "Three loads in a row: the least loaded gets every pair that it is in, the most loaded none",
        arguments: algorithms
    )
    func threeLoads(algorithm: SelectionAlgorithm) {
        let pool = pool(backends([1, 1, 1]), algorithm)
        let counts = counts(pool) { Double($0) }
        // Of the three pairs of equals two hold the first, and one the second and third.
        #expect(chiSquared(counts, shares: [2.0 / 3, 1.0 / 3, 0]) < chiSquaredBounds[1])
    }

    @Test(
        "LOC-52, LOC-53: load is compared among the usable backends of the lowest priority alone",
        arguments: algorithms
    )
    func filter(algorithm: SelectionAlgorithm) {
        let views = [
            BackendView(id: .sample(1), name: "a", priority: 1, weight: 1),
            BackendView(id: .sample(2), name: "b", priority: 1, weight: 1, state: .down, isUsable: false),
            BackendView(id: .sample(3), name: "c", priority: 1, weight: 1),
            BackendView(id: .sample(4), name: "d", priority: 2, weight: 9),
        ]
        let pool = pool(views, algorithm)
        // The idle ones are down, or of a later priority.
        let loads = [8.0, 0, 4, 0]
        #expect(counts(pool) { loads[$0] } == [0, 0, 100_000, 0])
        var tried = TriedBackends()
        tried.insert(2)
        #expect(counts(pool, tried: tried) { loads[$0] } == [100_000, 0, 0, 0])
        tried.insert(0)
        #expect(counts(pool, tried: tried) { loads[$0] } == [0, 0, 0, 100_000])
        var generator = SeededGenerator(seed: 1)
        let reachable = pool.select(locallyDown: { $0 == 2 }, load: { loads[$0] }, using: &generator)
        #expect(reachable?.index == 0)
    }

    @Test("LOC-54: in panic load is compared too", arguments: algorithms)
    func panic(algorithm: SelectionAlgorithm) {
        let views = (1...2).map { BackendView(id: .sample($0), name: "n\($0)", state: .down, isUsable: false) }
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<100 {
            let chosen = pool(views, algorithm).select(load: { $0 == 0 ? 9 : 1 }, using: &generator)
            #expect(chosen == Selection(index: 1, isPanic: true))
        }
    }

    @Test("LOC-55: in slow start a backend bears its share of the load, not more")
    func slowStart() {
        let views = [
            BackendView(id: .sample(1), name: "a", weight: 1),
            BackendView(id: .sample(2), name: "b", weight: 1, rampPercent: 10),
        ]
        let pool = pool(views, .leastOutstanding)
        #expect(chiSquared(counts(pool) { _ in 0 }, shares: [100.5 / 111, 10.5 / 111]) < chiSquaredBounds[0])
        func cost(_ index: Int, _ outstanding: Int) -> Double {
            load(outstanding).cost(by: .leastOutstanding, weight: pool.loadWeight(of: index), now: Self.beginning)
        }
        #expect(abs(cost(0, 10) - cost(1, 1)) < 1e-12)
        #expect(cost(1, 2) > cost(0, 10) && cost(1, 1) < cost(0, 11))
    }

    @Test("The addresses of one target are compared with each other, the preferred ones alone", arguments: algorithms)
    func addresses(algorithm: SelectionAlgorithm) {
        let views = [(1, 0), (2, 0), (3, 1)].map { last, order in
            BackendView(id: .sample(last), name: "n", weight: 1, addressOrder: order)
        }
        let pool = pool(views, algorithm)
        let loads = [5.0, 3, 0]
        #expect(counts(pool) { loads[$0] } == [0, 100_000, 0])
        #expect(chiSquared(counts(pool) { _ in 2 }, shares: [0.5, 0.5, 0]) < chiSquaredBounds[0])
    }

    @Test("LOC-48: a target that was begun is gone through before a less loaded one", arguments: algorithms)
    func begunTarget(algorithm: SelectionAlgorithm) {
        let views = [("n", 1), ("n", 2), ("n", 3), ("m", 4)].map { name, last in
            BackendView(id: .sample(UInt32(last)), name: name, weight: 1)
        }
        let pool = pool(views, algorithm)
        let idle = pool.index(of: .sample(4))
        let busy = pool.index(of: .sample(2))
        var tried = TriedBackends()
        tried.insert(pool.index(of: .sample(1)) ?? 0)
        let counts = counts(pool, tried: tried) { $0 == idle ? 0 : $0 == busy ? 9 : 5 }
        #expect(pool.index(of: .sample(3)).map { counts[$0] } == 100_000)
    }

    @Test("LOC-56: where a key decides, load does not", arguments: algorithms)
    func affinity(algorithm: SelectionAlgorithm) {
        let views = backends([1, 1, 1])
        let plain = pool(views, .srv, affinity: .callID)
        let balanced = pool(views, algorithm, affinity: .callID)
        var generator = SeededGenerator(seed: 1)
        for number in 0..<1000 {
            let key = AffinityKey(number: UInt64(number))
            let home = plain.select(key: key, using: &generator)
            #expect(balanced.select(key: key, load: { $0 == home?.index ? 100 : 0 }, using: &generator) == home)
        }
    }

    @Test("The weights by which load is counted are relative to the mean of a priority, and a target's are shared out")
    func loadWeights() {
        let views = [
            BackendView(id: .sample(1), name: "a", priority: 1, weight: 10),
            BackendView(id: .sample(2), name: "b", priority: 1, weight: 20),
            BackendView(id: .sample(3), name: "b", priority: 1, weight: 20),
            BackendView(id: .sample(4), name: "c", priority: 2, weight: 7),
            BackendView(id: .sample(5), name: "d", priority: 2, weight: 0, state: .down, isUsable: false),
        ]
        let pool = pool(views, .latency)
        #expect((0..<4).map { pool.loadWeight(of: $0) } == [1, 1, 1, 1])
        #expect(pool.loadWeight(of: 4) > 0 && pool.loadWeight(of: 5) == 1)
    }
}
