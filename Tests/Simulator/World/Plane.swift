// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// The control plane: pools from DNS, health from probes and traffic, and a snapshot for every change.
final class Plane {
    private unowned let world: World
    private(set) var states: [PoolState] = []
    private var proxy: ProxySettings
    private var policy: ForwardingPolicy
    private var generation: UInt64 = 0
    private var tokenKey: UInt8 = 1
    private var isPublishing = false
    private var reconfiguredAt = Agenda.beginning - .hours(1)
    /// By pool and backend.
    private var standings: [[(first: Standing, last: Standing)]]
    /// Whether the time still goes on that the run is about.
    var isActive = true

    init(_ world: World) {
        self.world = world
        let settings = world.settings
        proxy = settings.proxy(world.dice)
        policy = settings.forwarding(world.dice)
        let none = Array(repeating: (first: Standing(), last: Standing()), count: settings.backends)
        standings = Array(repeating: none, count: settings.pools)
        for index in 0..<settings.pools {
            let id = PoolID(index: .init(index))
            var state = PoolState(
                id: id,
                settings: settings.pool(index, world.dice),
                policy: settings.health(world.dice)
            )
            _ = state.apply(world.dns.records(index), now: world.agenda.now)
            states.append(state)
        }
    }

    private var now: NIODeadline { world.agenda.now }

    func start() {
        noteStanding(from: Agenda.beginning - .minutes(1))
        world.edge.hear = { [unowned self] in hear($0) }
        for backend in world.backends { for endpoint in backend.endpoints { probeLater(endpoint, backend) } }
        follow()
    }

    // MARK: Snapshots

    func snapshot() -> ProxySnapshot {
        generation += 1
        let routes = [
            RouteRule(methods: ["MESSAGE"], action: .pool(PoolID(index: .init(states.count - 1)))),
            RouteRule(action: .pool(PoolID(index: 0))),
        ]
        return ProxySnapshot(
            generation: generation,
            listeners: Listeners.all,
            routes: routes,
            pools: states.map { $0.view(now: now) },
            policies: states.map { _ in policy },
            settings: proxy,
            tokens: .simulated(key: tokenKey)
        )
    }

    /// Sees to it that the edge works by what is known now, a little later.
    private func publish() {
        guard !isPublishing else { return }
        isPublishing = true
        world.agenda.after(world.dice.time(0, 0.01)) { [self] in
            isPublishing = false
            world.edge.adopt(snapshot())
            noteStanding(from: now)
        }
    }

    private func noteStanding(from time: NIODeadline) {
        for (pool, view) in world.edge.snapshot.pools.enumerated() {
            for backend in world.backends {
                let views = backend.endpoints.compactMap { view.index(of: $0) }.map { view.backends[$0] }
                let stands = views.contains { $0.isUsable || $0.isUsableInPanic }
                standings[pool][backend.index].last.note(stands, from: time, now: now)
                standings[pool][backend.index].first.note(views.contains { $0.isUsable }, from: time, now: now)
            }
        }
    }

    /// How a pool stands to a backend: whether it is among those chosen first, and whether it is one at last, when none
    /// of the first is there.
    func standing(_ backend: Backend, in pool: Int) -> (first: Standing, last: Standing) {
        standings[pool][backend.index]
    }

    func wasReconfigured(since time: NIODeadline) -> Bool { reconfiguredAt >= time }

    func reload() {
        world.count.reloads += 1
        reconfiguredAt = now
        proxy = world.settings.proxy(world.dice)
        tokenKey = world.dice.pick(1, 2)
        for index in states.indices {
            states[index].reconfigure(settings: world.settings.pool(index, world.dice), policy: states[index].policy)
        }
        publish()
    }

    /// Takes what DNS says.
    func refresh() {
        world.count.dnsChanges += 1
        for index in states.indices {
            _ = states[index].apply(world.dns.records(index), now: now)
        }
        publish()
    }

    // MARK: Health

    private func hear(_ event: ProxyEvent) {
        switch event {
        case .attempt(let target, let failure, let retryAfter, _): observe(target, failure, retryAfter)
        case .finished: world.count.finished += 1
        case .dropped(let reason): world.count.drops[reason.rawValue, default: 0] += 1
        case .limit, .refused, .badToken, .overloadAlarm, .pathUnused:
            world.count.drops["limit or token", default: 0] += 1
        }
    }

    private func observe(_ target: BackendTarget, _ failure: AttemptFailure?, _ retryAfter: UInt32?) {
        guard let pool = target.pool, Int(pool.index) < states.count else { return }
        let outcome: BackendOutcome =
            switch failure {
            case nil: .answered(status: 200)
            case .status: .answered(status: 503, retryAfter: retryAfter.map { .seconds(Int64($0)) })
            case .refused: .failed(.refused)
            case .connectTimeout: .failed(.connectTimeout)
            case .closed: .failed(.closed)
            default: .failed(.timeout)
            }
        world.agenda.after(world.dice.time(0, 0.005)) { [self] in
            let change = states[Int(pool.index)].observe(
                traffic: TrafficSummary(outcome),
                of: target.endpoint,
                now: now
            )
            if let change { note(change) }
        }
    }

    private func note(_ change: HealthChange) {
        world.trace("\(change.backend.endpoint.address) is \(change.to): \(change.reason)")
        publish()
    }

    private func probeLater(_ endpoint: Endpoint, _ backend: Backend) {
        let delay = states.compactMap {
            $0.probeDelay(of: endpoint, now: now, using: &world.dice.generator)
        }.first
        world.agenda.after(max(delay ?? .seconds(5), .milliseconds(10))) { [self] in
            guard isActive else { return }
            probe(endpoint, backend)
        }
    }

    private func probe(_ endpoint: Endpoint, _ backend: Backend) {
        let (outcome, time): (BackendOutcome, TimeAmount) =
            switch backend.mode {
            case .healthy: (.answered(status: 200), .milliseconds(20))
            case .slow(let seconds) where seconds < 2: (.answered(status: 200), .milliseconds(1000))
            case .hangs, .slow, .dark: (.failed(.timeout), .seconds(2))
            case .down: (.failed(.refused), .milliseconds(2))
            case .busy(let seconds):
                (.answered(status: 503, retryAfter: seconds.map { .seconds(Int64($0)) }), .milliseconds(20))
            }
        world.agenda.after(time) { [self] in
            if world.settings.isProbing {
                for index in states.indices {
                    if let change = states[index].observe(probe: outcome, of: endpoint, now: now) { note(change) }
                }
            }
            probeLater(endpoint, backend)
        }
    }

    /// Follows what time alone changes.
    private func follow() {
        let times = states.compactMap { $0.nextChange(after: now) }
        let next = min(times.min() ?? now + .seconds(1), now + .seconds(1))
        world.agenda.at(max(next, now + .milliseconds(10))) { [self] in
            guard isActive else { return }
            for index in states.indices { _ = states[index].advance(to: now) }
            if times.contains(where: { $0 <= now }) { publish() }
            follow()
        }
    }
}

/// Whether the edge's snapshot holds a backend for something, and since when.
struct Standing {
    private(set) var since: NIODeadline?
    private(set) var endedAt = Agenda.beginning - .hours(1)

    mutating func note(_ holds: Bool, from time: NIODeadline, now: NIODeadline) {
        if holds, since == nil { since = time }
        guard !holds, since != nil else { return }
        since = nil
        endedAt = now
    }

    /// Whether it has held since that time.
    func holds(since time: NIODeadline) -> Bool { since.map { $0 < time } ?? false }

    /// Whether it has held at any moment since that time.
    func held(since time: NIODeadline) -> Bool { since != nil || endedAt >= time }
}
