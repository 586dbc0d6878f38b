// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Selection among the addresses of SRV targets")
struct AddressSelectionTests {
    /// A pool of (name, rank, priority, weight, address order) with the addresses 192.0.2.1 and on.
    private func pool(_ rows: [(String, UInt16, UInt16, UInt16, UInt8)]) -> PoolView {
        let backends = rows.enumerated().map { place, row in
            BackendView(
                id: .sample(UInt32(place + 1)),
                name: row.0,
                rank: row.1,
                priority: row.2,
                weight: row.3,
                addressOrder: row.4
            )
        }
        return PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: backends)
    }

    /// The indices that one request tries until nothing is left.
    private func trace(_ pool: PoolView, seed: UInt64, key: AffinityKey? = nil) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        var tried = TriedBackends()
        var order: [Int] = []
        while let selection = pool.select(key: key, tried: tried, using: &generator) {
            order.append(selection.index)
            tried.insert(selection.index)
        }
        return order
    }

    @Test("RFC 2782 weighs targets: three addresses share what one address of an equal target has alone (LOC-45)")
    func weightIsTheTargets() {
        let pool = pool([("a", 0, 1, 10, 0), ("a", 0, 1, 10, 0), ("a", 0, 1, 10, 0), ("b", 0, 1, 10, 0)])
        let exact = [1.0 / 6, 1.0 / 6, 1.0 / 6, 1.0 / 2]
        for (share, expected) in zip(pool.shares(), exact) { #expect(abs(share - expected) < 1e-12) }
        var generator = SeededGenerator(seed: 5)
        var counts = [0, 0, 0, 0]
        for _ in 0..<100_000 { counts[pool.select(using: &generator)?.index ?? 0] += 1 }
        #expect(chiSquared(counts, shares: exact) < chiSquaredBounds[2])
    }

    @Test(
        "LOC-42: a request has one address at a time, of the preferred family first, and the next only after that failed"
    )
    func oneAtATime() {
        let pool = pool([("a", 0, 10, 1, 0), ("a", 0, 10, 1, 1), ("b", 0, 20, 1, 0)])
        for seed in 1...20 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            for _ in 0..<20 { #expect(pool.select(using: &generator) == Selection(index: 0, isPanic: false)) }
            #expect(trace(pool, seed: seed) == [0, 1, 2])
        }
    }

    @Test(
        "LOC-48: a target's addresses are exhausted first, then its priority, then the next NAPTR record",
        arguments: 1...50
    )
    func exhaustion(seed: UInt64) {
        var rows: [(String, UInt16, UInt16, UInt16, UInt8)] = []
        for rank in [0, 1] as [UInt16] {
            for priority in [10, 20] as [UInt16] {
                for name in ["a", "a", "b", "b"] { rows.append((name, rank, priority, 5, 0)) }
            }
        }
        let pool = pool(rows)
        for key in [nil, AffinityKey(number: seed)] {
            let order = trace(pool, seed: seed, key: key)
            #expect(order.sorted() == Array(0..<16))
            for place in stride(from: 0, to: 16, by: 4) {
                #expect(order[place..<place + 4].allSatisfy { place..<place + 4 ~= $0 })
            }
            for place in stride(from: 0, to: 16, by: 2) {
                #expect(pool.backends[order[place]].name == pool.backends[order[place + 1]].name)
            }
        }
    }

    @Test("LOC-41: an address that RFC 6724 puts behind is used only when those before it are gone")
    func addressOrder() {
        let pool = pool([("a", 0, 1, 10, 1), ("a", 0, 1, 10, 0), ("a", 0, 1, 10, 0)])
        #expect(pool.shares() == [0.5, 0.5, 0])
        for seed in 1...50 as ClosedRange<UInt64> {
            #expect(trace(pool, seed: seed).last == 2)
            #expect(trace(pool, seed: seed, key: AffinityKey(number: seed)).last == 2)
        }
    }

    @Test("Backends are sorted by rank, priority, name, address and port, and found by endpoint")
    func sorting() {
        let pool = pool([("b", 0, 2, 0, 0), ("a", 1, 1, 0, 0), ("b", 0, 1, 0, 0), ("a", 0, 2, 0, 0)])
        #expect(pool.backends.map { "\($0.rank) \($0.priority) \($0.name)" } == ["0 1 b", "0 2 a", "0 2 b", "1 1 a"])
        #expect(pool.index(of: .sample(3)) == 0)
        #expect(pool.index(of: .sample(2)) == 3)
        #expect(pool.index(of: .sample(9)) == nil)
    }
}
