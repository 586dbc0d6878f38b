// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Affinity by weighted rendezvous hashing (LOC-56)")
struct RendezvousTests {
    private static func key(_ number: Int) -> AffinityKey { AffinityKey("call-\(number)@host".utf8) }

    /// The target that each of `count` keys goes to.
    private func homes(_ pool: PoolView, count: Int = 10_000) -> [String] {
        var generator = SeededGenerator(seed: 1)
        return (0..<count).map { number in
            let selection = pool.select(key: Self.key(number), using: &generator)
            return selection.map { pool.backends[$0.index].name } ?? ""
        }
    }

    @Test("The hash is fixed: values computed apart from this code, in another language")
    func goldenHashes() {
        #expect(AffinityKey("".utf8).hash == 0xCA9F_6857_0E70_3967)
        #expect(AffinityKey("a84b4c76e66710@pc33.atlanta.example.com".utf8).hash == 0x0428_34BF_B655_92A6)
        #expect(StableHash.mix(1) == 0x64AA_0AAD_47C9_9B7D)
        let bytes = Array("call-1@host".utf8)
        #expect(AffinityKey(bytes.lazy.map { $0 }) == bytes.withUnsafeBytes { AffinityKey(bytes: $0) })
    }

    @Test("LOC-56: every edge computes the same targets and addresses: choices computed apart, with another logarithm")
    func goldenChoices() {
        let targets = PoolView.sample([
            ("n1.example.net", 1, 1), ("N2.example.net", 1, 2), ("n3.example.net", 1, 3), ("n4.example.net", 1, 0),
        ])
        let chosen = [2, 2, 1, 2, 2, 1, 2, 2, 2, 2, 0, 2, 1, 1, 0, 2].map { "\($0 + 1)" }
        #expect(homes(targets, count: 16).map { $0.dropFirst().prefix(1) } == chosen.map { $0[...] })
        let addresses = PoolView.sample([("n", 1, 1), ("n", 1, 1), ("n", 1, 1)])
        var generator = SeededGenerator(seed: 1)
        let places = (0..<16).map { addresses.select(key: Self.key($0), using: &generator)?.index }
        #expect(places == [0, 1, 2, 2, 1, 2, 0, 0, 0, 1, 1, 0, 2, 0, 0, 0])
    }

    @Test("LOC-56: 10,000 keys, 1 of 4 removed: its keys move, 25 % within 2, no others, and evenly to the rest")
    func movement() {
        let four = PoolView.sample([("a", 1, 5), ("b", 1, 5), ("c", 1, 5), ("d", 1, 5)])
        let before = homes(four)
        for (gone, pool) in [
            ("b", four.marking(down: ["b"])), ("d", .sample([("a", 1, 5), ("b", 1, 5), ("c", 1, 5)])),
        ] {
            let after = homes(pool)
            let moved = zip(before, after).filter { $0 != $1 }
            #expect(moved.allSatisfy { $0.0 == gone })
            #expect(abs(Double(moved.count) / 10_000 - 0.25) < 0.02)
            let heirs = ["a", "b", "c", "d"].filter { $0 != gone }.map { heir in moved.count { $0.1 == heir } }
            #expect(chiSquared(heirs, shares: [1.0 / 3, 1.0 / 3, 1.0 / 3]) < chiSquaredBounds[1], "\(heirs)")
        }
    }

    @Test(
        "LOC-56: losing any one of n backends moves its 1/n of 20,000 keys and no other, evenly, at the level 0.001",
        arguments: 2...6
    )
    func anyLoss(count: Int) {
        let names = (0..<count).map { "n\($0)" }
        let whole = PoolView.sample(names.map { ($0, 1, 5) })
        let before = homes(whole, count: 20_000)
        for gone in names {
            let moved = zip(before, homes(whole.marking(down: [gone]), count: 20_000)).filter { $0 != $1 }
            #expect(moved.allSatisfy { $0.0 == gone })
            let share = 1 / Double(count)
            #expect(
                chiSquared([moved.count, 20_000 - moved.count], shares: [share, 1 - share]) < chiSquaredBounds[0],
                "\(gone) of \(count): \(moved.count)"
            )
            let heirs = names.filter { $0 != gone }.map { heir in moved.count { $0.1 == heir } }
            #expect(heirs.reduce(0, +) == moved.count)
            guard heirs.count > 1 else { continue }
            let even = heirs.map { _ in 1 / Double(heirs.count) }
            #expect(chiSquared(heirs, shares: even) < chiSquaredBounds[heirs.count - 2], "\(gone): \(heirs)")
        }
    }

    @Test("LOC-56: the same holds for one name with four addresses, as a pool of plain A records is")
    func movementOfAddresses() {
        let four = PoolView.sample([("n", 1, 0), ("n", 1, 0), ("n", 1, 0), ("n", 1, 0)])
        let three = PoolView.sample([("n", 1, 0), ("n", 1, 0), ("n", 1, 0)])
        var generator = SeededGenerator(seed: 1)
        let moved = (0..<10_000).filter { number in
            let before = four.select(key: Self.key(number), using: &generator)?.index
            let after = three.select(key: Self.key(number), using: &generator)?.index
            if before != 3 { #expect(before == after) }
            return before != after
        }
        #expect(abs(Double(moved.count) / 10_000 - 0.25) < 0.02)
    }

    @Test("LOC-56: keys spread in proportion to the weights, and shares() says so")
    func proportion() {
        let pool = PoolView.sample([("a", 1, 10), ("b", 1, 20), ("c", 1, 30), ("d", 1, 40)], affinity: .callID)
        let shares = [0.1, 0.2, 0.3, 0.4]
        for (share, expected) in zip(pool.shares(), shares) { #expect(abs(share - expected) < 1e-12) }
        let found = homes(pool, count: 100_000)
        let counts = ["a", "b", "c", "d"].map { name in found.count { $0 == name } }
        #expect(chiSquared(counts, shares: shares) < chiSquaredBounds[2])
    }

    @Test("A zero weight has a small share beside others, and equal ones share evenly")
    func zeroWeights() {
        let beside = PoolView.sample([("z", 1, 0), ("a", 1, 1)], affinity: .from)
        #expect(abs(beside.shares()[1] - 1.0 / 65) < 1e-12)
        let alone = PoolView.sample([("y", 1, 0), ("z", 1, 0)], affinity: .from)
        let found = homes(alone, count: 100_000)
        let counts = ["y", "z"].map { name in found.count { $0 == name } }
        #expect(chiSquared(counts, shares: [0.5, 0.5]) < chiSquaredBounds[0])
    }

    @Test("LOC-56: a key whose backend fails goes to its second choice, always the same")
    func secondChoice() {
        let pool = PoolView.sample([("a", 1, 1), ("b", 1, 1), ("c", 1, 1)])
        var (first, second) = (SeededGenerator(seed: 1), SeededGenerator(seed: 99))
        for number in 0..<200 {
            var tried = TriedBackends()
            guard let home = pool.select(key: Self.key(number), using: &first) else { continue }
            tried.insert(home.index)
            let next = pool.select(key: Self.key(number), tried: tried, using: &first)
            #expect(next != nil && next != home)
            #expect(next == pool.select(key: Self.key(number), tried: tried, using: &second))
            let name = pool.backends[home.index].name
            let without = pool.marking(down: [name]).select(key: Self.key(number), using: &first)
            #expect(next == without)
        }
    }
}
