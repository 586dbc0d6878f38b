// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// What DNS says, when it says anything.
final class NameService {
    enum Mode {
        case answers, fails, slow
    }

    private unowned let world: World
    private(set) var mode = Mode.answers
    private var troubledAt = Agenda.beginning - .hours(1)
    /// The backends that each pool's records name, with priority and weight.
    private var zones: [[(backend: Int, priority: UInt16, weight: UInt16)]] = []

    init(_ world: World) {
        self.world = world
        for pool in 0..<world.settings.pools {
            zones.append([])
            change(pool)
        }
    }

    func wasTroubled(since time: NIODeadline) -> Bool { mode != .answers || troubledAt >= time }

    func become(_ mode: Mode) {
        self.mode = mode
        troubledAt = world.agenda.now
    }

    /// The records of a pool become others.
    func change(_ pool: Int) {
        let dice = world.dice
        var all = Array(0..<world.settings.backends)
        all.shuffle(using: &dice.generator)
        let count = dice.number(max(1, all.count - 2)...all.count)
        zones[pool] = all.prefix(count).map { (UInt16($0), dice.pick(1, 1, 2), UInt16(dice.number(0...10))) }
            .map { (Int($0), $1, $2) }
    }

    func records(_ pool: Int) -> [BackendCandidate] {
        zones[pool].flatMap { entry in
            let backend = world.backends[entry.backend]
            return backend.endpoints.enumerated().map { place, endpoint in
                BackendCandidate(
                    endpoint: endpoint,
                    service: "_sip._\(endpoint.transport.name).example.com",
                    name: backend.host,
                    referenceDomain: "example.com",
                    priority: entry.priority,
                    weight: entry.weight,
                    addressOrder: UInt8(place)
                )
            }
        }
    }

    func resolve(_ name: NextHopName, _ done: @escaping (ResolutionOutcome) -> Void) {
        world.count.resolutions += 1
        let dice = world.dice
        let delay = mode == .slow ? dice.time(0.5, 6) : dice.time(0.001, 0.05)
        world.agenda.after(delay) { [self] in
            guard mode != .fails, let backend = world.backends.first(where: { $0.host == name.host }) else {
                return done(.failed)
            }
            done(.resolved(servers(of: backend, name)))
        }
    }

    private func servers(of backend: Backend, _ name: NextHopName) -> NextHops {
        let transport = name.transport ?? (name.isSecure ? .tls : .udp)
        let views = backend.endpoints.enumerated().map { place, endpoint in
            let own = Endpoint(
                transport: transport,
                address: endpoint.address,
                port: name.port ?? transport.defaultPort
            )
            return BackendView(
                id: BackendID(pool: NextHops.transientPool, endpoint: own),
                name: backend.host,
                priority: 0,
                weight: 0,
                addressOrder: UInt8(place)
            )
        }
        let settings = PoolSettings(name: name.host)
        let view = PoolView(id: NextHops.transientPool, settings: settings, backends: views)
        let expiresAt = world.dice.pick(nil, world.agenda.now + .seconds(1), world.agenda.now + .seconds(60))
        return NextHops(view: view, expiresAt: expiresAt)
    }
}
