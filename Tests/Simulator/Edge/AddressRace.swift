// SPDX-License-Identifier: Apache-2.0

internal import EdgeRuntime
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Staggered connects to the addresses of one target, as `StaggeredConnect` of the runtime carries them out.
final class AddressRace {
    private unowned let edge: Edge
    private unowned let owner: BackendLane
    private let targets: [BackendTarget]
    private var race: ConnectRace
    /// In the order in which they failed.
    private var failures: [(target: BackendTarget, failure: AttemptFailure)] = []
    private var isOver = false

    init(_ edge: Edge, _ owner: BackendLane, with others: [BackendTarget]) {
        self.edge = edge
        self.owner = owner
        let all = [owner.target] + others
        targets = ConnectRace.order(isIPv6: all.map(\.endpoint.address.isIPv6)).map { all[$0] }
        race = ConnectRace(targets.count)
    }

    func start() { carryOut(race.start(now: edge.agenda.now)) }

    func connected(_ target: BackendTarget) {
        if let place = targets.firstIndex(of: target) { carryOut(race.connected(place)) }
    }

    func failed(_ target: BackendTarget, _ failure: AttemptFailure) {
        guard let place = targets.firstIndex(of: target) else { return }
        failures.append((target, failure))
        carryOut(race.failed(place, now: edge.agenda.now))
    }

    private func carryOut(_ actions: [ConnectRace.Action]) {
        schedule()
        for action in actions {
            switch action {
            case .open(let place): edge.lane(to: targets[place]).join(self)
            case .won(let place): finish(winner: targets[place])
            case .cancel(let place):
                edge.lane(to: targets[place]).leave(self, isOwner: targets[place] == owner.target)
            case .lost: finish(winner: nil)
            }
        }
    }

    private func finish(winner: BackendTarget?) {
        isOver = true
        let now = edge.agenda.now
        for (target, failure) in failures where target != owner.target || winner != nil {
            edge.core.connectionFailed(to: target, failure, now: now)
        }
        owner.raceEnded(winner: winner, failures.first { $0.target == owner.target }?.failure ?? .refused)
    }

    private func schedule() {
        guard let next = race.nextStart, !isOver else { return }
        edge.agenda.at(next) { [weak edge, self] in
            guard let edge, !isOver, race.nextStart == next else { return }
            carryOut(race.advance(to: edge.agenda.now))
            edge.runActions()
        }
    }
}
