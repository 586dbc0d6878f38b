// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("What a pool remembers of its target: the family that works, and SIPS services")
struct MemoryTests {
    private var pool = PoolState(id: PoolID(index: 0), settings: PoolSettings(name: "p"))
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let six = Endpoint(transport: .udp, address: .v6(high: 0x2001_0DB8_0000_0000, low: 1), port: 5060)
    private let four = Endpoint.sample(1, transport: .udp)
    private let good = BackendOutcome.answered(status: 200)

    /// A UDP target of both families, IPv6 preferred; probes are off, so that traffic alone tells.
    private mutating func start() {
        var policy = HealthPolicy()
        policy.isProbing = false
        pool.reconfigure(settings: PoolSettings(name: "p"), policy: policy)
        let candidates = [(six, 0), (four, 1)].map { endpoint, order in
            BackendCandidate(
                endpoint: endpoint,
                service: "_sip._udp.x.example",
                name: "a.example",
                referenceDomain: "x.example",
                addressOrder: UInt8(order)
            )
        }
        _ = pool.apply(candidates, now: now)
    }

    private var first: Endpoint? {
        var generator = SeededGenerator(seed: 1)
        let view = pool.view(now: now)
        return view.select(using: &generator).map { view.backends[$0.index].endpoint }
    }

    @Test("LOC-44: a target whose IPv6 fails and whose IPv4 serves is begun with IPv4 for ten minutes")
    mutating func family() {
        start()
        #expect(first == six)
        _ = pool.observe(traffic: TrafficSummary(.failed(.timeout)), of: six, now: now)
        #expect(first == six)
        _ = pool.observe(traffic: TrafficSummary(good), of: four, now: now)
        #expect(first == four)
        let end = now + .minutes(10)
        #expect(pool.nextChange(after: now) == end)
        now = end - .nanoseconds(1)
        #expect(first == four)
        now = end
        #expect(first == six)
    }

    @Test("LOC-44: an answer of the other family alone changes nothing, while the preferred one is well")
    mutating func noFailure() {
        start()
        _ = pool.observe(traffic: TrafficSummary(good), of: four, now: now)
        #expect(first == six)
        _ = pool.observe(traffic: TrafficSummary(.failed(.timeout)), of: six, now: now)
        _ = pool.observe(traffic: TrafficSummary(good), of: six, now: now)
        _ = pool.observe(traffic: TrafficSummary(good), of: four, now: now)
        #expect(first == six)
    }

    @Test("LOC-44: when the remembered family fails in turn, the other is tried, and remembered when it serves")
    mutating func back() {
        start()
        _ = pool.observe(traffic: TrafficSummary(.failed(.timeout)), of: six, now: now)
        _ = pool.observe(traffic: TrafficSummary(good), of: four, now: now)
        _ = pool.observe(traffic: TrafficSummary(.failed(.timeout)), of: four, now: now)
        _ = pool.observe(traffic: TrafficSummary(good), of: six, now: now)
        #expect(first == six)
    }

    @Test("LOC-24: the loss of SIPS services is told once, their return too, and TLS is kept to for 24 hours")
    func tls() {
        var memory = TLSMemory()
        #expect(memory.observe(false, now: now) == nil && !memory.isLost && !memory.holds(at: now))
        #expect(memory.observe(true, now: now) == nil && memory.holds(at: now))
        #expect(memory.observe(nil, now: now + .hours(1)) == nil && !memory.isLost)
        #expect(memory.observe(false, now: now + .hours(1)) == .lost)
        #expect(memory.observe(false, now: now + .hours(2)) == nil && memory.isLost)
        #expect(memory.holds(at: now + .hours(24) - .nanoseconds(1)) && !memory.holds(at: now + .hours(24)))
        #expect(memory.observe(true, now: now + .hours(30)) == .returned && !memory.isLost)
        #expect(memory.holds(at: now + .hours(53)))
    }

    @Test("LOC-51: with another target the backends that it names too keep their health, and the others drain")
    mutating func retargeted() {
        _ = pool.apply([.sample(1), .sample(2)], now: now)
        _ = pool.observe(probe: good, of: .sample(2), now: now)
        _ = pool.observe(traffic: TrafficSummary(.failed(.refused)), of: .sample(1), now: now)
        var other = pool.retargeted(settings: PoolSettings(name: "q"), policy: HealthPolicy(), now: now)
        #expect(other.view(now: now).name == "q" && !other.view(now: now).hasUsable)
        let change = other.apply([.sample(1), .sample(3)], now: now)
        #expect(change.returned == [.sample(1)] && change.added == [.sample(3)])
        #expect([1, 2, 3].map { other.state(of: .sample($0), now: now) } == [.down, .draining, .unknown])
        #expect(pool.state(of: .sample(2), now: now) == .up)
    }
}
