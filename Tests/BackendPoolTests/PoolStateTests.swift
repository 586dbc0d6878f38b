// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("State of a pool and its views")
struct PoolStateTests {
    private var pool = PoolState(id: PoolID(index: 3), settings: PoolSettings(name: "voice", affinity: .callID))
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let good = BackendOutcome.answered(status: 200)

    private var view: PoolView { pool.view(now: now) }
    private var states: [BackendState] { view.backends.map(\.state) }
    private var usable: [Bool] { view.backends.map(\.isUsable) }

    @Test("LOC-55: the first backends serve before their probes, a later one waits for its own and starts slowly")
    mutating func probeBeforeUse() {
        _ = pool.apply([.sample(1), .sample(2)], now: now)
        #expect(states == [.unknown, .unknown] && usable == [true, true])
        _ = pool.observe(probe: good, of: .sample(1), now: now)
        #expect(usable == [true, false])
        _ = pool.observe(probe: good, of: .sample(2), now: now)
        #expect(usable == [true, true] && view.backends.map(\.rampPercent) == [100, 100])
        _ = pool.apply([.sample(1), .sample(2), .sample(3)], now: now)
        #expect(usable == [true, true, false])
        now = now + .seconds(60)
        let change = pool.observe(probe: good, of: .sample(3), now: now)
        #expect(change?.backend == BackendID(pool: PoolID(index: 3), endpoint: .sample(3)))
        #expect(usable == [true, true, true] && view.backends.map(\.rampPercent) == [100, 100, 10])
        #expect(pool.nextChange(after: now) == now + .nanoseconds(3_333_333_334))
    }

    @Test(
        "LOC-51: failure memory survives a DNS refresh, and a dropped backend takes dialogs only, until it is removed"
    )
    mutating func drained() {
        _ = pool.apply([.sample(1), .sample(2)], now: now)
        _ = pool.observe(probe: good, of: .sample(2), now: now)
        _ = pool.observe(traffic: TrafficSummary(.failed(.refused)), of: .sample(1), now: now)
        _ = pool.apply([.sample(1, weight: 7), .sample(2)], now: now)
        #expect(view.backends.first { $0.endpoint == .sample(1) }?.state == .down)
        _ = pool.apply([.sample(1)], now: now)
        let dropped = view.index(of: .sample(2)).map { view.backends[$0] }
        #expect(dropped?.state == .draining && dropped?.reason == "no longer published")
        #expect(dropped?.allowsInDialog == true && dropped?.isUsableInPanic == false)
        now = now + .minutes(10)
        #expect(pool.advance(to: now).removed == [.sample(2)])
        #expect(view.index(of: .sample(2)) == nil)
        #expect(pool.observe(probe: good, of: .sample(2), now: now) == nil)
    }

    @Test("OVL-32: of two edges, each acts on what it sees of a backend itself")
    mutating func nodes() {
        var other = PoolState(id: PoolID(index: 3), settings: PoolSettings(name: "voice", affinity: .callID))
        for last in 1...2 as ClosedRange<UInt32> {
            _ = pool.apply([.sample(1), .sample(2)], now: now)
            _ = other.apply([.sample(1), .sample(2)], now: now)
            _ = pool.observe(probe: last == 1 ? .failed(.refused) : good, of: .sample(last), now: now)
            _ = other.observe(probe: good, of: .sample(last), now: now)
        }
        var generator = SeededGenerator(seed: 32)
        func drawn(_ view: PoolView) -> Set<Int> {
            Set((0..<200).compactMap { view.select(key: AffinityKey("\($0)".utf8), using: &generator)?.index })
        }
        #expect(drawn(pool.view(now: now)).count == 1 && drawn(other.view(now: now)).count == 2)
        #expect(pool.view(now: now).backends.map(\.isUsable) == [false, true])
    }

    @Test("LOC-50: at most half of a pool is ejected, and a lone backend never")
    mutating func ejectedShare() {
        let failures = (0..<3).map { _ in TrafficSummary(.failed(.timeout)) }
        for (count, ejected) in [(1, 0), (2, 1), (3, 1), (4, 2)] as [(UInt32, Int)] {
            pool = PoolState(id: PoolID(index: 0), settings: PoolSettings(name: "p"))
            _ = pool.apply((1...count).map { .sample($0) }, now: now)
            for last in 1...count {
                _ = pool.observe(probe: good, of: .sample(last), now: now)
                for failure in failures { _ = pool.observe(traffic: failure, of: .sample(last), now: now) }
            }
            #expect(states.count { $0 == .ejected } == ejected)
        }
    }

    @Test("States that change by time alone are reported once, with their cause, at the time foretold")
    mutating func timeAlone() throws {
        _ = pool.apply([.sample(1)], now: now)
        _ = pool.observe(probe: good, of: .sample(1), now: now)
        let held = TrafficSummary(.answered(status: 503, retryAfter: .seconds(10)))
        #expect(pool.observe(traffic: held, of: .sample(1), now: now)?.to == .held)
        #expect(pool.nextChange(after: now) == now + .seconds(2))
        now = now + .seconds(2)
        #expect(pool.advance(to: now).changes.isEmpty)
        now = try #require(pool.nextChange(after: now))
        let changes = pool.advance(to: now).changes
        #expect(changes.map(\.to) == [.up] && changes.map(\.reason) == ["the time of Retry-After is over"])
        #expect(pool.advance(to: now).changes.isEmpty && pool.nextChange(after: now) == nil)
    }

    @Test("OVL-35: a drained backend's affinity keys move, the others' stay, dialogs go on")
    mutating func operatorDrain() {
        _ = pool.apply((1...4).map { .sample($0) }, now: now)
        for last in 1...4 as ClosedRange<UInt32> { _ = pool.observe(probe: good, of: .sample(last), now: now) }
        let before = view
        #expect(pool.setAdministrative(.draining, of: .sample(2), now: now)?.reason == "drained by the operator")
        let after = view
        var generator = SeededGenerator(seed: 1)
        for number in 0..<1000 as Range<UInt64> {
            let key = AffinityKey(number: number)
            let home = before.select(key: key, using: &generator)?.index
            let next = after.select(key: key, using: &generator)?.index
            #expect(home == 1 ? next != 1 : next == home)
        }
        #expect(after.backends[1].allowsInDialog)
    }

    @Test("OVL-31: probes go to all that are published and not disabled; a reload keeps what is known")
    mutating func probesAndReload() {
        var generator = SeededGenerator(seed: 1)
        _ = pool.apply([.sample(1), .sample(2), .sample(3)], now: now)
        _ = pool.apply([.sample(1), .sample(2)], now: now)
        _ = pool.setAdministrative(.disabled, of: .sample(2), now: now)
        let delays = (1...4).map { pool.probeDelay(of: .sample($0), now: now, using: &generator) }
        #expect(delays == [.zero, nil, nil, nil])
        var policy = HealthPolicy()
        policy.isProbing = false
        pool.reconfigure(settings: PoolSettings(name: "other"), policy: policy)
        #expect(pool.probeDelay(of: .sample(1), now: now, using: &generator) == nil)
        #expect(view.name == "other" && states == [.unknown, .disabled, .draining])
    }
    @Test("OVL-31: where probing ends, what only a probe could take back is forgotten, and that is told")
    mutating func probingEnds() {
        let endpoints = (1...4).map { Endpoint.sample($0) }
        _ = pool.apply([.sample(1), .sample(2), .sample(3), .sample(4)], now: now)
        _ = pool.observe(probe: .failed(.refused), of: endpoints[0], now: now)
        _ = pool.observe(probe: .answered(status: 503), of: endpoints[1], now: now)
        _ = pool.observe(traffic: TrafficSummary(.failed(.refused)), of: endpoints[2], now: now)
        _ = pool.observe(probe: good, of: endpoints[3], now: now)
        #expect(states == [.down, .down, .down, .up] && usable == [false, false, false, true])
        var policy = HealthPolicy()
        policy.isProbing = false
        pool.reconfigure(settings: pool.settings, policy: policy)
        #expect(states == [.unknown, .unknown, .unknown, .up] && usable == [true, true, true, true])
        let changes = pool.advance(to: now).changes
        #expect(changes.map(\.to) == [.unknown, .unknown, .unknown])
        #expect(changes.map(\.reason) == ["no longer probed", "no longer probed", "no longer probed"])
        // A probe that was under way has nothing more to say; traffic has.
        #expect(pool.observe(probe: .failed(.refused), of: endpoints[0], now: now) == nil)
        #expect(pool.observe(traffic: TrafficSummary(.answered(status: 200)), of: endpoints[0], now: now)?.to == .up)
    }

    @Test("OVL-31: other rules for probes change no verdict")
    mutating func otherProbes() {
        _ = pool.apply([.sample(1)], now: now)
        _ = pool.observe(probe: .failed(.refused), of: .sample(1), now: now)
        var policy = HealthPolicy()
        policy.interval = .seconds(1)
        pool.reconfigure(settings: pool.settings, policy: policy)
        #expect(states == [.down] && pool.advance(to: now).changes.isEmpty)
    }
}
