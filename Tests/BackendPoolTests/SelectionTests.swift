// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Selection by priority and weight (RFC 2782)")
struct SelectionTests {
    /// Weights in the order of the names, and the exact probabilities of the first choice.
    static let vectors: [(weights: [UInt16], shares: [Double])] = [
        ([1, 3], [3.0 / 10, 7.0 / 10]),
        ([1, 1], [1.0 / 2, 1.0 / 2]),
        ([0, 10, 20], [1.0 / 31, 10.0 / 31, 20.0 / 31]),
        ([0, 0], [1.0 / 2, 1.0 / 2]),
        ([0, 0, 10], [1.0 / 22, 1.0 / 22, 10.0 / 11]),
        ([10, 0, 0], [10.0 / 11, 1.0 / 22, 1.0 / 22]),
        ([0, 1], [1.0 / 2, 1.0 / 2]),
        ([10, 20, 30], [31.0 / 183, 61.0 / 183, 91.0 / 183]),
        ([60, 30, 10], [181.0 / 303, 91.0 / 303, 31.0 / 303]),
        ([65535, 1], [131071.0 / 131074, 3.0 / 131074]),
    ]

    @Test(
        """
        LOC-30, V-SRV-01, V-SRV-04b, V-SRV-04c, V-SRV-05, V-SRV-05b, V-SRV-05c: shares are exact, and 100,000 draws \
        keep to them at the level 0.001
        """,
        arguments: vectors
    )
    func distribution(weights: [UInt16], expected: [Double]) {
        let names = ["a", "b", "c"]
        let pool = PoolView.sample(zip(names, weights).map { ($0, 10, $1) })
        for (share, exact) in zip(pool.shares(), expected) { #expect(abs(share - exact) < 1e-12) }
        let drawn = pool.drawnCounts(100_000, seed: 7)
        let counts = names.prefix(weights.count).map { drawn[$0] ?? 0 }
        #expect(chiSquared(counts, shares: expected) < chiSquaredBounds[weights.count - 2])
    }

    @Test("LOC-31, V-SRV-02: weights 1 and 1 share evenly, 50 % within 0.5 over 100,000 draws", arguments: [1, 2, 3])
    func evenPair(seed: UInt64) {
        let drawn = PoolView.sample([("a", 10, 1), ("b", 10, 1)]).drawnCounts(100_000, seed: seed)
        #expect(abs(Double(drawn["a"] ?? 0) / 100_000 - 0.5) < 0.005)
    }

    @Test("LOC-32, V-SRV-03, V-SRV-04: a zero weight keeps a small chance, and only zeros share evenly")
    func zeroWeights() {
        let beside = PoolView.sample([("z", 10, 0), ("a", 10, 10), ("b", 10, 20)]).drawnCounts(100_000, seed: 5)
        let counts = ["z", "a", "b"].map { beside[$0] ?? 0 }
        #expect(chiSquared(counts, shares: [1.0 / 31, 10.0 / 31, 20.0 / 31]) < chiSquaredBounds[1])
        let zeros = PoolView.sample([("x", 10, 0), ("y", 10, 0), ("z", 10, 0)]).drawnCounts(99_999, seed: 6)
        #expect(chiSquared(["x", "y", "z"].map { zeros[$0] ?? 0 }, shares: [1.0 / 3, 1.0 / 3, 1.0 / 3]) < 13.816)
    }

    @Test("LOC-45: three addresses of one name take turns: 100 of 300 requests each, within 35", arguments: 1...5)
    func plainAddresses(seed: Int) {
        let pool = PoolView.sample([("n", 0, 0), ("n", 0, 0), ("n", 0, 0)])
        var generator = SeededGenerator(seed: UInt64(seed))
        var counts = [0, 0, 0]
        for _ in 0..<300 {
            if let selection = pool.select(using: &generator) { counts[selection.index] += 1 }
        }
        #expect(counts.allSatisfy { (65...135).contains($0) }, "\(counts)")
    }

    @Test("V-SRV-06, LOC-53: a backend that is down is filtered out before the draw")
    func filterFirst() {
        let pool = PoolView.sample([("a", 10, 10), ("b", 10, 20), ("c", 10, 30)], down: ["c"])
        let exact = [21.0 / 62, 41.0 / 62, 0]
        for (share, expected) in zip(pool.shares(), exact) { #expect(abs(share - expected) < 1e-12) }
        let drawn = pool.drawnCounts(100_000, seed: 3)
        let counts = ["a", "b", "c"].map { drawn[$0] ?? 0 }
        #expect(chiSquared(counts, shares: exact) < chiSquaredBounds[0])
    }

    @Test("V-SRV-07, LOC-52: the lowest priority with a usable backend serves, and a recovered one takes over at once")
    func tiers() {
        let all = PoolView.sample([("a", 10, 1), ("b", 10, 1), ("c", 20, 5)])
        #expect(all.drawnCounts(1000)["c"] == nil)
        #expect(all.shares() == [0.5, 0.5, 0])
        #expect(all.marking(down: ["a"]).drawnCounts(1000) == ["b": 1000])
        #expect(all.marking(down: ["a", "b"]).drawnCounts(1000) == ["c": 1000])
        #expect(all.marking(down: ["a", "b"]).shares() == [0, 0, 1])
        #expect(all.marking(down: ["a"]).marking(down: []).drawnCounts(1000)["c"] == nil)
    }

    @Test("RFC 2782: after a failed try the rest is drawn anew by weight, then the next priority serves")
    func failover() {
        let pool = PoolView.sample([("a", 10, 60), ("b", 10, 30), ("c", 10, 10), ("d", 20, 0)])
        var tried = TriedBackends()
        tried.insert(0)
        let counts = ["b", "c"].map { pool.drawnCounts(100_000, tried: tried)[$0] ?? 0 }
        #expect(chiSquared(counts, shares: [61.0 / 82, 21.0 / 82]) < chiSquaredBounds[0])
        tried.insert(1)
        tried.insert(2)
        #expect(pool.drawnCounts(10, tried: tried) == ["d": 10])
        tried.insert(3)
        #expect(pool.drawnCounts(10, tried: tried).isEmpty)
    }

    @Test("A worker that cannot reach a backend passes it over before the snapshot knows")
    func locallyDown() {
        let pool = PoolView.sample([("a", 10, 1), ("b", 10, 1), ("c", 20, 1)])
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<100 {
            let selection = pool.select(locallyDown: { $0 == 0 }, using: &generator)
            #expect(selection == Selection(index: 1, isPanic: false))
        }
        #expect(pool.select(locallyDown: { $0 < 2 }, using: &generator) == Selection(index: 2, isPanic: false))
    }

    @Test("An empty pool has nothing to choose")
    func empty() {
        var generator = SeededGenerator(seed: 1)
        let pool = PoolView.sample([])
        #expect(pool.select(using: &generator) == nil)
        #expect(pool.select(key: AffinityKey(number: 1), using: &generator) == nil)
        #expect(pool.shares().isEmpty && pool.explain().isEmpty && !pool.hasUsable)
    }

    @Test("In slow start a weight of 1 or 0 has a tenth of its share: hundredths are weighed", arguments: [0, 1])
    func slowStart(weight: UInt16) {
        let backends = [
            BackendView(id: .sample(1), name: "a", weight: weight),
            BackendView(id: .sample(2), name: "b", weight: weight, rampPercent: 10),
        ]
        let pool = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: backends)
        let shares = [100.5 / 111, 10.5 / 111]
        for (share, expected) in zip(pool.shares(), shares) { #expect(abs(share - expected) < 1e-12) }
        let drawn = pool.drawnCounts(100_000)
        #expect(chiSquared(["a", "b"].map { drawn[$0] ?? 0 }, shares: shares) < chiSquaredBounds[0])
    }

    @Test(
        "The bit set of tried backends holds any index and counts each once",
        arguments: [0, 1, 63, 64, 127, 128, 999]
    )
    func triedSet(index: Int) {
        var tried = TriedBackends()
        tried.insert(-1)
        #expect(tried == TriedBackends())
        tried.insert(index)
        tried.insert(index)
        #expect(tried.count == 1)
        #expect((-1...1100).filter(tried.contains) == [index])
    }
}
