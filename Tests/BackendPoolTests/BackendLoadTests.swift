// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("What a backend bears, and how soon it answers")
struct BackendLoadTests {
    fileprivate static let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("Attempts under way never become fewer than none")
    func outstanding() {
        var load = BackendLoad()
        load.end()
        #expect(load.outstanding == 0)
        load.begin()
        load.begin()
        load.end()
        #expect(load.outstanding == 1)
    }

    @Test("A slower answer counts at once, faster ones bring the average down over the window")
    func peaks() {
        var load = BackendLoad()
        var now = Self.beginning
        load.observe(.milliseconds(10), now: now)
        #expect(load.responseTime(at: now) == 10e6)
        load.observe(.milliseconds(500), now: now)
        #expect(load.responseTime(at: now) == 500e6)
        // Ten answers a second of 10 ms, for one window and for five.
        for _ in 0..<100 {
            now = now + .milliseconds(100)
            load.observe(.milliseconds(10), now: now)
        }
        #expect(abs(load.responseTime(at: now) - (10e6 + 490e6 * 0.368)) < 5e6)
        for _ in 0..<400 {
            now = now + .milliseconds(100)
            load.observe(.milliseconds(10), now: now)
        }
        #expect(load.responseTime(at: now) < 14e6)
    }

    @Test("Without answers the average fades, and comes to nothing never")
    func fading() {
        var load = BackendLoad()
        load.observe(.seconds(5), now: Self.beginning)
        let times = [0, 1, 10, 30, 100, 3600].map { load.responseTime(at: Self.beginning + .seconds($0)) }
        #expect(times == times.sorted(by: >) && times.allSatisfy { $0 > 0 })
        #expect(abs(times[1] / 5e9 - 0.9048) < 0.001 && abs(times[2] / 5e9 - 0.368) < 0.01)
        #expect(load.responseTime(at: Self.beginning - .seconds(1)) == 5e9)
    }

    @Test("A backend that has answered nothing yet gets one request, and more only when every other is as unknown")
    func unanswered() {
        var (unknown, slow) = (BackendLoad(), BackendLoad())
        slow.observe(.seconds(30), now: Self.beginning)
        func cost(_ load: BackendLoad) -> Double { load.cost(by: .latency, weight: 1, now: Self.beginning) }
        #expect(cost(unknown) < cost(slow))
        unknown.begin()
        #expect(cost(unknown) > cost(slow))
        var other = unknown
        other.begin()
        #expect(cost(unknown) < cost(other))
    }

    /// Two backends, 1,000 requests a second one at a time from an open queue, in virtual time.
    private struct Simulation {
        let pool: PoolView
        var loads = [BackendLoad(), BackendLoad()]
        var generator = SeededGenerator(seed: 5)
        var now = BackendLoadTests.beginning
        var running: [(end: NIODeadline, index: Int, duration: TimeAmount)] = []

        init(_ algorithm: SelectionAlgorithm) {
            let views = [1, 2].map { BackendView(id: .sample($0), name: "n\($0)", weight: 1) }
            pool = PoolView(
                id: PoolID(index: 0),
                settings: PoolSettings(name: "p", algorithm: algorithm),
                backends: views
            )
        }

        /// The share of the second backend while each answers after so many milliseconds.
        mutating func share(seconds: Int, milliseconds: [Int64]) -> Double {
            var second = 0
            for _ in 0..<(seconds * 1000) {
                now = now + .milliseconds(1)
                for done in running where done.end <= now {
                    loads[done.index].observe(done.duration, now: now)
                    loads[done.index].end()
                }
                running.removeAll { $0.end <= now }
                let costs = [0, 1].map { index in
                    loads[index].cost(by: pool.algorithm, weight: pool.loadWeight(of: index), now: now)
                }
                let chosen = pool.select(load: { costs[$0] }, using: &generator)
                guard let index = chosen?.index else { continue }
                second += index
                let duration = TimeAmount.milliseconds(milliseconds[index])
                loads[index].begin()
                running.append((now + duration, index, duration))
            }
            return Double(second) / Double(seconds * 1000)
        }
    }

    @Test(
        "A backend that becomes slow loses its share, and has it again when it is fast",
        arguments: BalanceTests.algorithms
    )
    func recovery(algorithm: SelectionAlgorithm) {
        var simulation = Simulation(algorithm)
        #expect(abs(simulation.share(seconds: 20, milliseconds: [10, 10]) - 0.5) < 0.05)
        #expect(simulation.share(seconds: 20, milliseconds: [10, 500]) < 0.05)
        _ = simulation.share(seconds: 60, milliseconds: [10, 10])
        #expect(abs(simulation.share(seconds: 20, milliseconds: [10, 10]) - 0.5) < 0.05)
    }
}
