// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What comes due (RFC 3261 section 17, table 4; RFC 6026; RFC 4320).
extension ProxyCore {
    func timeOut(_ client: ClientTransaction, now: NIODeadline) {
        if let armed = client.armedAt, armed <= now { client.armedAt = nil }
        if let end = client.endAt, end <= now {
            counters.fired(client.state == .accepted ? .m : client.isInvite ? .d : .k)
            return terminate(client)
        }
        if let at = client.retransmitAt, at <= now { retransmit(client, now: now) }
        if let at = client.cancelRetransmitAt, at <= now { retransmitCancel(client, now: now) }
        if let at = client.lookAgainAt, at <= now { lookAgain(client, now: now) }
        if let at = client.firstResponseAt, at <= now { moveOn(client, now: now) }
        if let at = client.timeoutAt, at <= now {
            counters.fired(client.isInvite ? .b : .f)
            return giveUp(client, now: now)
        }
        if let at = client.timerCAt, at <= now { timerC(client, now: now) }
        if client.state != .terminated { arm(client) }
    }

    func timeOut(_ server: ServerTransaction, now: NIODeadline) {
        if let armed = server.armedAt, armed <= now { server.armedAt = nil }
        if let end = server.endAt, end <= now {
            counters.fired(Self.endTimer(of: server))
            return self.end(server)
        }
        if let at = server.hops?.resolveBy, at <= now { resolutionTimedOut(server, now: now) }
        if let at = server.tryingAt, at <= now {
            server.tryingAt = nil
            if server.state == .proceeding { sendTrying(server) }
        }
        if let at = server.retransmitAt, at <= now, let response = server.lastResponse {
            repeatFinal(response, server, due: at, now: now)
        }
        arm(server)
    }

    /// Timer G; it does not run on where that would flood a source that may be forged (OVL-23).
    private func repeatFinal(_ response: ByteBuffer, _ server: ServerTransaction, due: NIODeadline, now: NIODeadline) {
        guard mayRepeat(response, server, now: now) else {
            server.retransmitAt = nil
            return act(.event(.dropped(.amplification)))
        }
        counters.fired(.g)
        respond(server, response)
        server.retransmitInterval = min(server.retransmitInterval * 2, snapshot.settings.t2)
        server.retransmitAt = due + server.retransmitInterval
    }

    /// The timer that ends a server transaction as it stands.
    private static func endTimer(of server: ServerTransaction) -> ProxyCounters.Timer {
        switch server.state {
        case .accepted: .l
        case .confirmed: .i
        case .proceeding, .completed, .terminated: server.isInvite ? .h : .j
        }
    }

    /// Timer A doubles without bound, timer E up to T2.
    private func retransmit(_ client: ClientTransaction, now: NIODeadline) {
        guard let at = client.retransmitAt, let sent = client.sent else {
            client.retransmitAt = nil
            return
        }
        counters.fired(client.isInvite ? .a : .e)
        sendAgain(sent, client)
        let doubled = client.retransmitInterval * 2
        client.retransmitInterval = client.isInvite ? doubled : min(doubled, snapshot.settings.t2)
        client.retransmitAt = at + client.retransmitInterval
    }

    private func retransmitCancel(_ client: ClientTransaction, now: NIODeadline) {
        guard let at = client.cancelRetransmitAt, let cancel = client.cancel else { return }
        counters.fired(.e)
        sendAgain(cancel, client)
        client.cancelInterval = min(client.cancelInterval * 2, snapshot.settings.t2)
        client.cancelRetransmitAt = at + client.cancelInterval
    }

    /// Nothing was heard within the first-response limit: the next candidate is tried, and this one is left to itself
    /// (LOC-63).
    ///
    /// Where nobody else may be tried it is waited for until timer B or F: slow is better than nothing.
    private func moveOn(_ client: ClientTransaction, now: NIODeadline) {
        client.firstResponseAt = nil
        let server = client.server
        guard client.state == .calling, !server.hasFinal, !server.isCancelled else { return }
        counters.fired(.firstResponse)
        if !client.isOverdue {
            observeSilence(client, now: now)
            tellFailure(client, .timeout, now: now)
            failedNow(client, .timeout, now: now)
        }
        if tryNext(after: client, .timeout, now: now) { return leave(client, now: now) }
        client.isOverdue = true
        guard hasWaitedEnough(server, now: now) else {
            client.firstResponseAt = lastWord(server)
            return
        }
        leave(client, now: now)
        answerBest(server, client, now: now)
    }

    /// Whether silence ends a request whose last attempt might still be answered: where an answer is there that ended the
    /// search or would come too late, and for an INVITE when several have been silent and nobody is left (LOC-63).
    private func hasWaitedEnough(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        if server.isDecided { return true }
        if server.isInvite { return server.silent > 0 && !server.isOverBudget }
        return lastWord(server).map { $0 <= now } ?? false
    }

    /// An attempt is left to itself: it may still answer, but is not asked again beside the next one (LOC-42).
    func leave(_ client: ClientTransaction, now: NIODeadline) {
        client.isAbandoned = true
        client.retransmitAt = nil
        client.server.silent &+= 1
        note(client, .failed(.timeout, status: 0), now: now)
    }

    /// When a request that has an answer gives up waiting for a better one; nil where it may wait to its end.
    ///
    /// Only a request other than INVITE has one: its client hears nothing that comes after its timer F (TXN-31).
    func lastWord(_ server: ServerTransaction) -> NIODeadline? {
        guard !server.isInvite, server.collected != nil else { return nil }
        return server.startedAt + answerLimit - snapshot.settings.t1
    }

    /// Timer B or F, or no final after a CANCEL (TXN-40).
    private func giveUp(_ client: ClientTransaction, now: NIODeadline) {
        let server = client.server
        let wasAbandoned = client.isAbandoned
        client.stopWaiting()
        client.cancelRetransmitAt = nil
        if !wasAbandoned { noteSilence(client, now: now) }
        note(client, .cancelled, now: now)
        terminate(client)
        guard !wasAbandoned, !server.hasFinal else { return }
        if server.isCancelled { return endCancelled(server, client, now: now) }
        // A call that has rung is tried nowhere else.
        if !client.hasSentCancel, tryNext(after: client, .timeout, now: now) { return }
        answerBest(server, client, now: now)
    }

    /// The attempt that was waited for has brought no final.
    private func noteSilence(_ client: ClientTransaction, now: NIODeadline) {
        client.server.silent &+= 1
        guard !client.hasSentCancel else { return }
        // Of its silence beyond the first-response limit all was told then.
        if client.isSilent { return note(client, .failed(.timeout, status: 0), now: now) }
        if client.state == .calling { observeSilence(client, now: now) }
        noteFailure(client, .timeout, now: now)
        failedNow(client, .timeout, now: now)
    }

    /// A call that rings for ever is called off (PRX-69).
    private func timerC(_ client: ClientTransaction, now: NIODeadline) {
        client.timerCAt = nil
        counters.fired(.c)
        if client.state == .proceeding {
            sendCancel(client, now: now)
        } else {
            giveUp(client, now: now)
        }
    }

    /// A ringing call whose connection was lost: when its backend is down too, or was gone about then and has begun
    /// anew, nobody will answer (TXN-12).
    private func lookAgain(_ client: ClientTransaction, now: NIODeadline) {
        client.lookAgainAt = nil
        guard client.state == .proceeding, !client.server.hasFinal, let target = client.backend,
            let pool = target.pool, Int(pool.index) < snapshot.pools.count
        else { return }
        let view = snapshot.pools[Int(pool.index)]
        let isUsable = view.index(of: target.endpoint).map { view.backends[$0].isUsable } ?? false
        let id = BackendID(pool: pool, endpoint: target.endpoint)
        // Its other connections may have been seen to end before this one.
        let wasGone = local.wasGone(id, since: now - Self.reconnectTime * 2)
        guard !isUsable || wasGone || local.isHeld(id, now: now) else { return }
        noteFailure(client, .closed, now: now)
        let server = client.server
        client.stopWaiting()
        client.cancelRetransmitAt = nil
        terminate(client)
        if server.isCancelled { return endCancelled(server, client, now: now) }
        if server.collected != nil || (server.isInvite && server.silent > 0) {
            return answerBest(server, client, now: now)
        }
        reject(server, Rejection(500, "Backend Lost"), now: now)
    }
}
