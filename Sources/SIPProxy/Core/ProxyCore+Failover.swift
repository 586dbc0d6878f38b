// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What happens when an attempt brings no answer (RFC 3263 section 4.3, RFC 3261 sections 16.8 and 16.9).
extension ProxyCore {
    /// How long a server may take to connect anew to answer a call that rings (TXN-12).
    static let reconnectTime = TimeAmount.seconds(2)

    /// An attempt failed before anything was heard.
    func failed(_ client: ClientTransaction, _ failure: AttemptFailure, now: NIODeadline) {
        guard client.state == .calling, client.endAt == nil else { return }
        let server = client.server
        client.stopWaiting()
        if failure == .closed, retriesHere(client, now: now) {
            note(client, .failed(failure, status: 0), now: now)
            finish(client, afterReliable: true, now: now)
            return
        }
        if returnsToUDP(client, failure, now: now) {
            note(client, .failed(failure, status: 0), now: now)
            finish(client, afterReliable: true, now: now)
            return
        }
        noteFailure(client, failure, now: now)
        if failure != .queueFull { failedNow(client, failure, now: now) }
        let wasAbandoned = client.isAbandoned
        let isGoneFlow = failure == .flowGone
        finish(client, afterReliable: true, now: now)
        guard !wasAbandoned, !server.hasFinal else { return }
        if server.isCancelled { return endCancelled(server, client, now: now) }
        if isGoneFlow {
            if turnsOutwards(server, now: now) { return }
            counters.lostFlow()
            return reject(server, .flowFailed, now: now)
        }
        if tryNext(after: client, failure, now: now) { return }
        answerBest(server, client, now: now)
    }

    /// A client that reconnected within a dialog still names its old flow: its request goes outwards, as over that one
    /// (FLW-26).
    private func turnsOutwards(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        guard case .flow(let token) = server.plan.destination, server.plan.goneFlow == nil, !server.isCancelled,
            namesOwnFlow(token, server.request, on: server.flow)
        else { return false }
        var plan = ForwardPlan()
        plan.isSecure = server.plan.isSecure
        plan.loopPart = server.plan.loopPart
        plan.goneFlow = token.flow
        server.plan = plan
        do throws(Rejection) {
            try preprocessRoutes(server)
            try choosePool(server)
            try forward(server, now: now)
        } catch {
            reject(server, error, now: now)
        }
        return true
    }

    /// Whether a token in a request within a dialog may name an earlier flow of its own sender.
    func namesOwnFlow(_ token: FlowToken, _ request: SIPMessage, on flow: FlowContext) -> Bool {
        // Servers are reached by their names, whatever connections they have had.
        guard request.to.tag != nil, flow.side == .client, token.listener == flow.listener,
            box.listeners.isAccess(flow.listener)
        else { return false }
        return token.address == flow.remoteAddress || token.isOf(flow.verifiedNames, by: snapshot.tokens)
    }

    /// Sends the request to the next candidate after an attempt that failed; false when there is none.
    func tryNext(after client: ClientTransaction, _ failure: AttemptFailure, now: NIODeadline) -> Bool {
        let server = client.server
        // One that was silent for too long was counted then.
        if !failure.leavesNothing, !client.isOverdue { server.failedTries &+= 1 }
        guard mayBegin(server, now: now) else { return false }
        if failure.isCharged, isOverBudget(server, now: now) { return false }
        guard tryNext(server, now: now) else { return false }
        if failure.isCharged, let pool = server.pool { budgets.spend(pool.id) }
        counters.failedOver(failure)
        return true
    }

    /// Whether the client of a request other than INVITE will soon have given up.
    func isTooLate(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        !server.isInvite && now - server.startedAt >= answerLimit
    }

    /// Whether a request would be tried anew and its pool has no retry left (PRX-58); told once, however often it would.
    private func isOverBudget(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        guard let pool = server.pool else { return false }
        let isSpent = !budgets.allows(pool.id, percent: server.policy.retryPercent, now: now)
        let isOver = isSpent && othersLeft(server, now: now) > 0
        if isOver, !server.isOverBudget { act(.event(.limit(.retryBudget))) }
        server.isOverBudget = isOver
        return isOver
    }

    /// A reused connection that closes as the request is written says nothing of the backend: one more try at the same
    /// place, on a fresh connection (TRN-44).
    private func retriesHere(_ client: ClientTransaction, now: NIODeadline) -> Bool {
        let server = client.server
        guard !client.wasRetriedHere, !client.isAbandoned, mayBegin(server, now: now), let target = client.backend,
            now - client.sentAt < .seconds(1)
        else { return false }
        if let pool = server.pool {
            guard budgets.allows(pool.id, percent: server.policy.retryPercent, now: now) else { return false }
            budgets.spend(pool.id)
        }
        send(server, to: .backend(target, index: client.poolIndex), now: now, retrying: true)
        return true
    }

    /// What went by TCP for its size alone, and is refused there, goes by UDP after all (RFC 3261 section 18.1.1).
    ///
    /// Silence is no refusal: the host may be down, or a filter may swallow what comes (TRN-41).
    private func returnsToUDP(_ client: ClientTransaction, _ failure: AttemptFailure, now: NIODeadline) -> Bool {
        let server = client.server
        guard client.isMovedToTCP, failure == .refused, !client.isAbandoned, mayBegin(server, now: now),
            let target = client.backend
        else { return false }
        send(server, to: .backend(target, index: client.poolIndex), now: now, movingLarge: false)
        return true
    }

    /// Passes an attempt's backend by, until an answer or the control plane says that it is up, or for a time.
    func failedNow(_ client: ClientTransaction, _ failure: AttemptFailure, now: NIODeadline) {
        if let id = client.backend?.id { local.failed(id, wasRefused: failure == .refused, now: now) }
    }

    /// Passes an attempt's backend by for as long as its 503 asks; none does so by an answer, which then proves nothing.
    func letRest(_ client: ClientTransaction, for time: TimeAmount, now: NIODeadline) {
        if let id = client.backend?.id { local.rests(id, for: time, now: now) }
    }

    /// For how long a 503 keeps other requests away from its server: what it asks for, as far as the pool grants that;
    /// zero is its own request's failure and no more (RFC 3261 section 21.5.4, LOC-49).
    func rest(askedBy response: SIPMessage, of pool: PoolID?) -> TimeAmount {
        guard response.status == 503, let seconds = response.number(.retryAfter) else { return .zero }
        return min(.seconds(Int64(seconds)), snapshot.policy(of: pool).retryAfterLimit)
    }

    /// The flow of an attempt was lost.
    func lost(_ client: ClientTransaction, now: NIODeadline) {
        client.flow = nil
        switch client.state {
        case .calling:
            // A datagram's flow is lost when the host says that nobody listens there (TRN-47).
            let failure = client.transport.isReliable ? AttemptFailure.closed : .refused
            failed(client, client.target == nil ? .flowGone : failure, now: now)
        case .proceeding where client.target == nil:
            note(client, .failed(.flowGone, status: 0), now: now)
            finish(client, afterReliable: true, now: now)
            guard !client.server.hasFinal else { return }
            if client.server.isCancelled { return endCancelled(client.server, client, now: now) }
            counters.lostFlow()
            reject(client.server, .flowFailed, now: now)
        case .proceeding:
            // The answer may come over a new connection (TXN-12).
            client.lookAgainAt = now + Self.reconnectTime
            arm(client)
        case .completed, .accepted, .terminated:
            return
        }
    }

    /// The answer when no candidate is left: the best final that was collected, else what the failures mean (PRX-56,
    /// PRX-57, TXN-31).
    func answerBest(_ server: ServerTransaction, _ client: ClientTransaction?, now: NIODeadline) {
        guard !server.hasFinal else { return }
        if answersCollected(server, client, now: now) { return }
        let best = server.collected?.best
        if server.isCancelled { return reject(server, Rejection(487, "Request Terminated"), now: now) }
        if server.silent > 0, server.isInvite { return reject(server, Rejection(408, "Request Timeout"), now: now) }
        if server.silent > 0, best == nil, !server.isOverBudget { return abandon(server, now: now) }
        // Without Retry-After: others may be served at once (OVL-12).
        if server.isThrottled { return reject(server, .overloaded, now: now) }
        guard let pool = server.pool else { return reject(server, Rejection(500, "Next Hop Failed"), now: now) }
        // A 503 without Retry-After speaks for its request alone (RFC 3261 section 16.7(6)).
        let isHeld = best.map { rest(askedBy: $0, of: pool.id) > .zero } ?? true
        let isWholePool = pool.backends.indices.allSatisfy { server.tried.contains($0) || !pool.backends[$0].isUsable }
        if isWholePool, isHeld { return reject(server, unavailable(server.request), now: now) }
        reject(server, Rejection(500, server.isOverBudget ? "Too Many Retries" : "No Backend Answered"), now: now)
    }

    /// Sends the best final that was collected; false when there is none but a 503, which is not passed on (PRX-57), or
    /// something better stands for an INVITE's attempt that brought none: 408, which comes before every 5xx (TXN-44).
    func answersCollected(_ server: ServerTransaction, _ client: ClientTransaction?, now: NIODeadline) -> Bool {
        guard let collected = server.collected, collected.best.status != 503 else { return false }
        if server.isInvite, server.silent > 0, collected.best.status / 100 == 5 { return false }
        // At timer F's end nobody listens any more.
        if !server.isInvite, now - server.startedAt >= snapshot.settings.t1 * 64 { return false }
        relay(collected.best, server, isBelieved: collected.isBestBelieved, adding: collected.challenges)
        complete(server, collected.best.status, client, now: now)
        return true
    }

    /// The answer to a request that was called off and whose last attempt brings no final: a 6xx outdoes the 487 (TXN-40).
    func endCancelled(_ server: ServerTransaction, _ client: ClientTransaction, now: NIODeadline) {
        if let best = server.collected?.best, best.status >= 600 { return answerBest(server, client, now: now) }
        reject(server, Rejection(487, "Request Terminated"), now: now)
    }

    /// A request other than INVITE that nobody answers gets no answer from us either (RFC 4320 section 4.2).
    func abandon(_ server: ServerTransaction, now: NIODeadline) {
        report(server, 0, nil, isLocal: true, now: now)
        guard !server.flow.transport.isReliable else { return end(server) }
        // Until its timer F ends the client repeats the request, which is no new one (TXN-27).
        let settings = snapshot.settings
        server.state = .completed
        server.lastResponse = nil
        server.tryingAt = nil
        server.endAt = server.startedAt + settings.t1 * 64 + settings.t4
        server.releaseRequest()
        arm(server)
    }
}

extension AttemptFailure {
    /// Whether nothing of the request was written and no time was lost: another try costs the next server no more than
    /// the first would have.
    var leavesNothing: Bool {
        switch self {
        case .refused, .tls, .queueFull: true
        case .connectTimeout, .flowGone, .closed, .timeout, .status: false
        }
    }

    /// Whether the request may have reached a server, so that another try is more work for the pool than was asked of it
    /// (PRX-58).
    var isCharged: Bool {
        switch self {
        case .closed, .timeout, .status: true
        case .refused, .connectTimeout, .tls, .queueFull, .flowGone: false
        }
    }
}
