// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("Selection when no backend is usable (LOC-54)")
struct PanicTests {
    @Test("LOC-54: all are tried in the normal order, those of a higher priority number last, and marked as panic")
    func all() {
        let pool = PoolView.sample([("a", 10, 1), ("b", 10, 1), ("c", 20, 1)], down: ["a", "b", "c"])
        var generator = SeededGenerator(seed: 2)
        var tried = TriedBackends()
        var order: [Int] = []
        while let selection = pool.select(tried: tried, using: &generator) {
            #expect(selection.isPanic)
            order.append(selection.index)
            tried.insert(selection.index)
        }
        #expect(order.prefix(2).sorted() == [0, 1] && order.dropFirst(2) == [2])
        #expect(pool.shares() == [0, 0, 0])
    }

    @Test("While one backend is usable there is no panic, even when the request has been there")
    func noPanic() {
        let pool = PoolView.sample([("a", 10, 1), ("b", 10, 1)], down: ["b"])
        var generator = SeededGenerator(seed: 2)
        var tried = TriedBackends()
        tried.insert(0)
        #expect(pool.select(tried: tried, using: &generator) == nil)
        let last = pool.select(tried: tried, locallyDown: { $0 == 0 }, using: &generator)
        #expect(last == Selection(index: 1, isPanic: true))
    }

    @Test("PRX-85: where a request may not go it does not go even then, and that is no place that stands ready")
    func forbidden() {
        let pool = PoolView.sample([("a", 10, 1), ("b", 10, 1)], down: ["b"])
        var generator = SeededGenerator(seed: 2)
        let last = pool.select(forbidden: { $0 == 0 }, using: &generator)
        #expect(last == Selection(index: 1, isPanic: true))
        #expect(pool.select(forbidden: { $0 == 1 }, using: &generator) == Selection(index: 0, isPanic: false))
        #expect(pool.select(forbidden: { _ in true }, using: &generator) == nil)
    }

    @Test("What the operator took out, and what must be left alone, is not tried even then")
    func excluded() {
        let backends = [
            BackendView(id: .sample(1), name: "a", state: .disabled, isUsable: false, isUsableInPanic: false),
            BackendView(id: .sample(2), name: "b", state: .held, isUsable: false, isUsableInPanic: false),
        ]
        let pool = PoolView(id: PoolID(index: 0), settings: PoolSettings(name: "p"), backends: backends)
        var generator = SeededGenerator(seed: 2)
        #expect(pool.select(using: &generator) == nil)
        #expect(pool.backends.map(\.allowsInDialog) == [false, true])
    }
}
