// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Responses from next hops (RFC 3261 sections 16.7 and 17.1, RFC 6026).
extension ProxyCore {
    func receiveResponse(_ response: SIPMessage, on flow: FlowContext, now: NIODeadline) {
        guard let range = response.topmostVia.branch, let branch = Branch.read(response.bytes, range) else {
            return act(.event(.dropped(.foreignVia)))
        }
        guard branch.worker == worker else { return act(.handOver(branch.worker, response, flow)) }
        guard let client = clients[branch.slot], client.nonce == branch.nonce, belongs(response, to: client),
            flow.transport.isSecure || !client.transport.isSecure
        else { return act(.event(.dropped(.strayResponse))) }
        guard isSentBy(response, client) else { return act(.event(.dropped(.foreignVia))) }
        guard !isFromElsewhere(flow, client) else { return act(.event(.dropped(.foreignSource))) }
        heard(client, now: now)
        if response.topmostVia.hasOverload { takeFeedback(response, client, now: now) }
        if response.cSeq.method == .cancel, client.server.request.method != .cancel {
            client.cancelRetransmitAt = nil
            return
        }
        guard !isMisaddressed(response, client) else { return act(.event(.dropped(.unsendable))) }
        switch response.status {
        case 100..<200: receivedProvisional(response, client, flow, now: now)
        case 200..<300: receivedSuccess(response, client, flow, now: now)
        default: receivedFinal(response, client, flow, now: now)
        }
        arm(client)
    }

    /// Guards against a guessed branch: method, Call-ID and From tag must be the request's too (TXN-17, TXN-18).
    private func belongs(_ response: SIPMessage, to client: ClientTransaction) -> Bool {
        let request = client.server.request
        guard response.cSeq.number == request.cSeq.number,
            response.cSeq.method == request.method || (response.cSeq.method == .cancel && client.hasSentCancel)
        else { return false }
        return response.bytes.equals(response.callID, request.bytes, request.callID)
            && response.bytes.equals(response.from.tag ?? .empty, request.bytes, request.from.tag ?? .empty)
    }

    /// Whether the topmost Via names the listener that the attempt's own named, by the snapshot that its request works by: a
    /// reload disturbs nothing that was sent before (TRN-35).
    private func isSentBy(_ response: SIPMessage, _ client: ClientTransaction) -> Bool {
        guard let facing = client.facing, let listener = client.server.snapshot.listeners[facing] else { return true }
        return listener.isSentBy(response, over: client.transport)
    }

    /// Whether a response to a datagram comes neither from where its request went nor from another server of the same
    /// pool or name: whoever has seen or guessed a branch could end the call with it (TRN-37).
    private func isFromElsewhere(_ flow: FlowContext, _ client: ClientTransaction) -> Bool {
        guard client.transport == .udp, let sentTo = client.target?.endpoint.address ?? client.datagram?.address else {
            return false
        }
        let source = flow.remoteAddress.unmapped
        guard source != sentTo.unmapped else { return false }
        let proxy = client.server.snapshot.proxy
        let pool = client.target?.pool.map { Int($0.index) } ?? .max
        guard pool < proxy.pools.count else { return !(client.server.hops?.view?.has(source) ?? false) }
        return !proxy.policies[pool].acceptsAnySource && !proxy.pools[pool].has(source)
    }

    /// Whether there is no Via below ours, by which the client would know it for its own (RFC 3261 section 16.7(3)), or it
    /// names everybody and not what the request named (RFC 4475 section 3.3.10).
    private func isMisaddressed(_ response: SIPMessage, _ client: ClientTransaction) -> Bool {
        guard response.viaCount > 1 else { return true }
        guard let next = response.secondVia?.address, next.isUnsendable else { return false }
        return client.server.request.topmostVia.address != next
    }

    private func receivedProvisional(
        _ response: SIPMessage,
        _ client: ClientTransaction,
        _ flow: FlowContext,
        now: NIODeadline
    ) {
        guard client.state == .calling || client.state == .proceeding else { return }
        observeLoad(client, status: response.status, now: now)
        let settings = snapshot.settings
        client.state = .proceeding
        client.firstResponseAt = nil
        client.lookAgainAt = nil
        if client.isInvite {
            client.retransmitAt = nil
            client.timeoutAt = client.hasSentCancel ? client.timeoutAt : nil
            client.sent = nil
        } else if !client.transport.isReliable {
            client.retransmitInterval = settings.t2
        }
        if client.wantsCancel || client.isAbandoned { sendCancel(client, now: now) }
        guard response.status > 100, client.isInvite else { return }
        client.hasProvisional = true
        client.timerCAt = now + settings.timerC
        guard !client.isAbandoned, client.server.state == .proceeding else { return }
        relay(response, client.server, isBelieved: believes(flow, answering: client))
        client.server.hasSentProvisional = true
    }

    private func receivedSuccess(
        _ response: SIPMessage,
        _ client: ClientTransaction,
        _ flow: FlowContext,
        now: NIODeadline
    ) {
        let server = client.server
        switch client.state {
        case .calling, .proceeding:
            observeLoad(client, status: response.status, now: now)
            endLoad(client)
            client.stopWaiting()
            client.cancelRetransmitAt = nil
            noteAnswer(client, response.status, now: now)
            guard client.isInvite else {
                finish(client, afterReliable: false, now: now)
                return succeed(server, response, client, flow, now: now)
            }
            client.state = .accepted
            client.sent = nil
            client.endAt = now + snapshot.settings.t1 * 64
            succeed(server, response, client, flow, now: now)
        case .accepted:
            // Every 2xx passes, repeats and those with other tags too (TXN-09); counted was the first.
            rememberAnswer(response, of: client)
            relay(response, server, isBelieved: believes(flow, answering: client), counts: false)
        case .completed, .terminated:
            return
        }
    }

    /// Sends a 2xx up.
    ///
    /// A 2xx to INVITE passes even after another final (PRX-65).
    private func succeed(
        _ server: ServerTransaction,
        _ response: SIPMessage,
        _ client: ClientTransaction,
        _ flow: FlowContext,
        now: NIODeadline
    ) {
        let isBelieved = believes(flow, answering: client)
        guard server.isInvite else {
            guard !server.hasFinal else { return act(.event(.dropped(.lateResponse))) }
            relay(response, server, isBelieved: isBelieved)
            return complete(server, response.status, client, now: now)
        }
        rememberAnswer(response, of: client)
        relay(response, server, isBelieved: isBelieved)
        guard server.state == .proceeding else { return }
        server.state = .accepted
        server.lastResponse = nil
        server.tryingAt = nil
        server.retransmitAt = nil
        server.endAt = now + snapshot.settings.t1 * 64
        arm(server)
        cancelOthers(server, than: client, now: now)
        report(server, response.status, client, isLocal: false, now: now)
        server.releaseRequest()
    }

    private func receivedFinal(
        _ response: SIPMessage,
        _ client: ClientTransaction,
        _ flow: FlowContext,
        now: NIODeadline
    ) {
        switch client.state {
        case .calling, .proceeding: break
        case .completed:
            if client.isInvite, let ack = client.ack { sendAgain(ack, client) }
            return
        case .accepted, .terminated: return
        }
        observeLoad(client, status: response.status, now: now)
        client.stopWaiting()
        client.cancelRetransmitAt = nil
        if client.isInvite { acknowledge(response, client) }
        let movesOn = movesOn(response.status, client)
        if movesOn {
            let retryAfter = response.status == 503 ? response.number(.retryAfter) : nil
            noteFailure(client, .status, status: response.status, retryAfter: retryAfter, now: now)
            letRest(client, for: rest(askedBy: response, of: client.backend?.pool), now: now)
        } else {
            noteAnswer(client, response.status, now: now)
        }
        finish(client, afterReliable: true, now: now)
        if client.isAbandoned { return settleLate(response, client, flow, now: now) }
        settle(response, client, flow, movesOn: movesOn, now: now)
    }

    /// Which finals of a next hop let the next candidate be tried (PRX-55); none once the call rings.
    private func movesOn(_ status: UInt16, _ client: ClientTransaction) -> Bool {
        guard client.target != nil, !client.hasProvisional, !client.wantsCancel else { return false }
        return leavesOpen(status, client.server)
    }

    /// Whether a final says nothing of what others would answer.
    private func leavesOpen(_ status: UInt16, _ server: ServerTransaction) -> Bool {
        status == 503 || (status < 600 && server.policy.retryCodes.contains(status))
    }

    /// Moves to the next candidate, or gives the best answer that was collected.
    private func settle(
        _ response: SIPMessage,
        _ client: ClientTransaction,
        _ flow: FlowContext,
        movesOn: Bool,
        now: NIODeadline
    ) {
        let server = client.server
        guard !server.hasFinal else { return }
        collect(response, client, flow)
        if movesOn, tryNext(after: client, .status, now: now) { return }
        answerBest(server, client, now: now)
    }

    /// Keeps the final of an abandoned attempt beside what the one after it will bring.
    ///
    /// It ends the search all the same: nobody else is tried (PRX-55), and after a 6xx the one that is being tried is called
    /// off (PRX-54). A request other than INVITE has no time to wait for that one: it is answered at once.
    private func settleLate(
        _ response: SIPMessage,
        _ client: ClientTransaction,
        _ flow: FlowContext,
        now: NIODeadline
    ) {
        let server = client.server
        guard !server.hasFinal else { return }
        // Our CANCEL has made it: the attempt came to nothing for its silence.
        if response.status == 487, client.hasSentCancel, !server.isCancelled { return }
        server.silent &-= 1
        collect(response, client, flow)
        guard !leavesOpen(response.status, server) else { return answerInTime(server) }
        server.isDecided = true
        guard let pending = server.pending, server.isInvite, !pending.isSilent else {
            stopAsking(server)
            if let pending = server.pending, pending.isSilent { leave(pending, now: now) }
            return answerBest(server, client, now: now)
        }
        guard response.status >= 600 else { return }
        // Before a provisional it waits for that (TXN-39).
        pending.wantsCancel = true
        sendCancel(pending, now: now)
    }

    /// There is something to be told now: the attempt that says nothing is not waited for until it is too late.
    private func answerInTime(_ server: ServerTransaction) {
        guard let pending = server.pending, pending.state == .calling, let end = lastWord(server) else { return }
        pending.firstResponseAt = min(pending.firstResponseAt ?? end, end)
        arm(pending)
    }

    private func collect(_ response: SIPMessage, _ client: ClientTransaction, _ flow: FlowContext) {
        let (server, isBelieved) = (client.server, believes(flow, answering: client))
        if let collected = server.collected {
            collected.add(response, isBelieved: isBelieved)
        } else {
            server.collected = CollectedFinals(response, isBelieved: isBelieved)
        }
    }
}

extension PoolView {
    /// Whether a backend has that address.
    func has(_ address: IPAddress) -> Bool { backends.contains { $0.endpoint.address.unmapped == address } }
}
