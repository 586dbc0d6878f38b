// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Why a backend was chosen or not")
struct ExplanationTests {
    @Test("Each backend has a standing and words")
    func standings() {
        let backends = [
            BackendView(id: .sample(1), name: "a", priority: 1, weight: 7),
            BackendView(id: .sample(2), name: "b", priority: 1, state: .down, reason: "refused", isUsable: false),
            BackendView(id: .sample(3), name: "c", priority: 1),
            BackendView(id: .sample(4), name: "d", priority: 1),
            BackendView(id: .sample(5), name: "e", priority: 2),
        ]
        let pool = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: backends)
        var tried = TriedBackends()
        tried.insert(2)
        let notes = pool.explain(tried: tried, locallyDown: { $0 == 3 })
        #expect(notes.map(\.standing) == [.eligible, .state, .tried, .locallyDown, .laterPriority])
        #expect(notes[0].words == "eligible with priority 1, weight 7")
        #expect(notes[1].words == "down: refused")
        #expect(notes[4].words == "priority 2 is not used while a lower number is usable")
    }

    @Test("LOC-54: when no backend is usable, a higher priority number is told to come later, and not to be left out")
    func panic() {
        let pool = PoolView.sample([("a", 10, 1), ("b", 10, 1), ("c", 20, 1)], down: ["a", "b", "c"])
        let notes = pool.explain()
        #expect(notes.map(\.standing) == [.panic, .panic, .laterPriority])
        #expect(notes[0].words == "tried although it is down: no backend is usable")
        #expect(notes[2].words == "no backend is usable: priority 20 is tried after the lower numbers")
    }

    @Test(
        "On random pools, exactly those explained as eligible are ever chosen",
        arguments: 1...60 as ClosedRange<UInt64>
    )
    func agreement(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let backends = (1...Int.random(in: 1...8, using: &generator)).map { place in
            BackendView(
                id: .sample(UInt32(place)),
                name: ["a", "b", "c"].randomElement(using: &generator) ?? "",
                rank: UInt16.random(in: 0...1, using: &generator),
                priority: UInt16.random(in: 1...2, using: &generator),
                weight: 4,
                addressOrder: UInt8.random(in: 0...1, using: &generator),
                isUsable: .random(using: &generator),
                isUsableInPanic: .random(using: &generator)
            )
        }
        let pool = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: backends)
        var tried = TriedBackends()
        for index in pool.backends.indices where Int.random(in: 0..<4, using: &generator) == 0 { tried.insert(index) }
        let unreachable = Int.random(in: -4..<8, using: &generator)
        var chosen: Set<Int> = []
        for _ in 0..<400 {
            let selection = pool.select(tried: tried, locallyDown: { $0 == unreachable }, using: &generator)
            if let selection { chosen.insert(selection.index) }
        }
        let notes = pool.explain(tried: tried, locallyDown: { $0 == unreachable })
        #expect(chosen == Set(notes.filter { $0.standing == .eligible || $0.standing == .panic }.map(\.index)))
    }
}
