// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Carries out one `ConnectRace` for what waits for a backend whose SRV target has more addresses (LOC-43).
final class StaggeredConnect {
    private unowned let worker: Worker
    /// Whose messages wait for the end of the race.
    private unowned let owner: BackendFlows
    private let targets: [BackendTarget]
    private var race: ConnectRace
    private var failures: [BackendTarget: AttemptFailure] = [:]
    private var timer: Scheduled<Void>?

    /// A race of the owner's own address, which comes first, with others.
    init(_ worker: Worker, _ owner: BackendFlows, with others: [BackendTarget]) {
        self.worker = worker
        self.owner = owner
        let all = [owner.target] + others
        targets = ConnectRace.order(isIPv6: all.map(\.endpoint.address.isIPv6)).map { all[$0] }
        race = ConnectRace(targets.count)
    }

    func start() { carryOut(race.start(now: worker.eventLoop.now)) }

    /// A connection has come up.
    func connected(_ target: BackendTarget) {
        guard let place = targets.firstIndex(of: target) else { return }
        carryOut(race.connected(place))
    }

    /// A connection could not be opened.
    func failed(_ target: BackendTarget, _ failure: AttemptFailure) {
        guard let place = targets.firstIndex(of: target) else { return }
        failures[target] = failure
        carryOut(race.failed(place, now: worker.eventLoop.now))
    }

    private func carryOut(_ actions: [ConnectRace.Action]) {
        schedule()
        for action in actions {
            switch action {
            case .open(let place): worker.flows(to: targets[place]).join(self)
            case .won(let place): finish(winner: targets[place])
            case .cancel(let place):
                let target = targets[place]
                worker.flows(to: target).leave(self, isOwner: target == owner.target)
            case .lost: finish(winner: nil)
            }
        }
    }

    private func finish(winner: BackendTarget?) {
        timer?.cancel()
        let now = worker.eventLoop.now
        for (target, failure) in failures where target != owner.target || winner != nil {
            worker.core.connectionFailed(to: target, failure, now: now)
        }
        owner.raceEnded(winner: winner, failures[owner.target] ?? .refused)
    }

    private func schedule() {
        timer?.cancel()
        timer = nil
        guard let next = race.nextStart else { return }
        timer = worker.eventLoop.assumeIsolated().scheduleTask(deadline: next) { [weak self] in
            guard let self else { return }
            self.carryOut(self.race.advance(to: self.worker.eventLoop.now))
            self.worker.runActions()
        }
    }
}

@available(*, unavailable)
extension StaggeredConnect: Sendable {}
