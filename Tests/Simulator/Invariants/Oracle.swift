// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Judges how requests ended: nothing may fail while somebody was there, all the time, who would have taken it.
final class Oracle {
    /// A backend is counted on when it has been well for so long before a request: longer than a connection is left alone
    /// after failures.
    private static let settling = TimeAmount.seconds(10)

    private unowned let world: World

    init(_ world: World) { self.world = world }

    func ended(_ exchange: Exchange, _ response: SIPMessage?, at agent: Agent) {
        guard isFailure(exchange, response) else {
            world.count.succeeded += 1
            return
        }
        let status = response.map { Int($0.status) } ?? 0
        world.count.failures[status, default: 0] += 1
        let isExcused = exchange.isInterrupted || world.calls.disturbed.contains(exchange.draft.callID)
        switch exchange.purpose {
        case .cancel: break
        case .initial(let pool, let isSecure):
            world.blame(pool, isSecure: isSecure)
            guard !exchange.isInterrupted else { return }
            judge(exchange, status, pool, isSecure, agent)
        case .inDialog(let dialog): if !isExcused { judge(exchange, status, dialog, agent) }
        case .toClient(let client, let lineSince):
            guard !isExcused, let client = world.client(client), client.lineSince == lineSince,
                client.line?.isOpen == true, isUndisturbed(agent, since: exchange.startedAt)
            else { return }
            fail(exchange, status, agent, "though \(client.name) is there")
        }
    }

    /// What a backend decided is no failure, unless it was that it can serve nobody.
    private func isFailure(_ exchange: Exchange, _ response: SIPMessage?) -> Bool {
        guard let response else { return true }
        if response.status < 300 { return false }
        if exchange.isCancelled, response.status == 487 { return false }
        return response.status >= 500 && response.status < 600 || response.text(ofField: "x-answer") == nil
    }

    /// Whether an agent that is a backend was well itself.
    func isUndisturbed(_ agent: Agent, since: NIODeadline) -> Bool {
        (agent as? Backend)?.isHealthy(since: since - Self.settling) ?? true
    }

    // MARK: Requests to a pool

    private func judge(_ exchange: Exchange, _ status: Int, _ pool: Int, _ isSecure: Bool, _ agent: Agent) {
        // Once a backend has spoken the request is its own.
        guard !world.calls.hasHeard(exchange.draft.callID), !exchange.isCancelled, world.isWithinReach(exchange),
            !world.plane.wasReconfigured(since: exchange.startedAt - .seconds(1)),
            world.edge.overBudgetAt.map({ $0 < exchange.startedAt }) ?? true
        else { return }
        let since = exchange.startedAt - Self.settling
        let candidates = world.backends.filter { !isSecure || $0.transport == .tls }
        // Only where none is usable those are tried that are held for unusable (LOC-54).
        let isPanic = !candidates.contains { world.plane.standing($0, in: pool).first.held(since: since) }
        let standings = candidates.map { backend in
            let standing = world.plane.standing(backend, in: pool)
            return (backend, isPanic ? standing.last : standing.first)
        }
        let good = standings.filter { $0.1.holds(since: since) && stoodReady($0.0, for: exchange) }.map(\.0.name)
        let others = standings.filter { $0.1.held(since: since) && !good.contains($0.0.name) }
        let bad = others.reduce(0) { $0 + $1.0.endpoints.count }
        guard !good.isEmpty, bad < world.settings.tries,
            !world.settings.hasNoFirstResponse || bad == 0
        else { return }
        fail(exchange, status, agent, "though \(good.joined(separator: ", ")) stood ready and \(bad) others did not")
    }

    /// Whether it was well all the time, and there was room in its queue.
    private func stoodReady(_ backend: Backend, for exchange: Exchange) -> Bool {
        backend.isHealthy(since: exchange.startedAt - Self.settling)
            && !wasFull(backend, for: exchange)
            && !(backend.transport == .udp && world.calls.disturbed.contains(exchange.draft.callID))
    }

    /// Whether its queue could take no more when the request came: many come at once where a client's connection had stalled.
    private func wasFull(_ backend: Backend, for exchange: Exchange) -> Bool {
        backend.endpoints.contains { world.edge.fullAt[$0].map { $0 >= exchange.startedAt } ?? false }
    }

    // MARK: Requests in a dialog

    private func judge(_ exchange: Exchange, _ status: Int, _ dialog: Dialog, _ agent: Agent) {
        guard let backend = world.backend(dialog.backend), let client = world.client(dialog.client),
            backend.isHealthy(since: dialog.startedAt - Self.settling), client.lineSince < dialog.startedAt,
            client.line?.isOpen == true, !world.dns.wasTroubled(since: exchange.startedAt - .seconds(1)),
            !wasFull(backend, for: exchange)
        else { return }
        // The other side may have hung up at the same time.
        if status == 481, world.calls.over.contains(dialog.callID) { return }
        fail(exchange, status, agent, "in its dialog of \(client.name) with \(backend.name)")
    }

    /// A 2xx to INVITE was repeated for 64·T1 and no ACK came.
    func missedACK(_ service: Service, _ agent: Agent) {
        world.count.missedACKs += 1
        let from = service.request.from.tag.map(service.request.bytes.text) ?? ""
        let sides = agent.sides(of: service.callID, remoteTag: from)
        guard let client = world.client(sides.client), let backend = world.backend(sides.backend),
            backend.isHealthy(since: service.startedAt - Self.settling), client.lineSince < service.startedAt,
            client.line?.isOpen == true, !world.calls.disturbed.contains(service.callID),
            !world.dns.wasTroubled(since: service.startedAt - .seconds(1))
        else { return }
        world.fail("\(agent.name) waited in vain for the ACK of its \(service.status) to \(service.callID)")
    }

    private func fail(_ exchange: Exchange, _ status: Int, _ agent: Agent, _ why: String) {
        let word = status == 0 ? "no answer" : "\(status)"
        let draft = exchange.draft
        world.fail("\(draft.method) \(draft.callID) of \(agent.name) ended with \(word), \(why)")
    }
}
