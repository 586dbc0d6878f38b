// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// CANCEL (RFC 3261 sections 9 and 16.10).
extension ProxyCore {
    /// Why an attempt is called off when another one was answered (RFC 3326 section 2, TXN-41).
    private static let completedElsewhere = ByteBuffer(
        string: "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"
    )

    func receiveCANCEL(_ cancel: SIPMessage, on flow: FlowContext, _ admission: Admission, now: NIODeadline) {
        // Over UDP it has a transaction of its own, which outlasts the INVITE's (TXN-37).
        let key = flow.transport.isReliable ? nil : keys.key(of: cancel, method: .cancel, on: flow)
        if let key, let slot = serverByKey[key], let known = servers[slot] {
            guard isSameHop(flow, as: known.flow) else { return act(.event(.dropped(.cancelFromElsewhere))) }
            return repeated(known, by: cancel, from: flow)
        }
        guard let server = cancelled(by: cancel, on: flow) else {
            guard admission == .admitted else { return act(.event(.dropped(.overLimit))) }
            return answerStatelessly(cancel, on: flow, Rejection(481, "Call/Transaction Does Not Exist"))
        }
        guard isSameHop(flow, as: server.flow) else { return act(.event(.dropped(.cancelFromElsewhere))) }
        // The tag of the 200 is the one that responses to the INVITE have; a repeat gets the same again (TXN-37).
        let response = ownResponse(to: cancel, 200, "OK", tag: server.tag, on: flow)
        counters.answered(200)
        respond(to: cancel, on: flow, response)
        if let key { keep(response, for: cancel, key, on: flow, now: now) }
        if server.isInvite, server.state == .proceeding, !server.isCancelled { callOff(server, by: cancel, now: now) }
    }

    private func callOff(_ server: ServerTransaction, by cancel: SIPMessage, now: NIODeadline) {
        server.isCancelled = true
        server.cancelReason = cancel.first(.reason).map { cancel.bytes.slice($0.line) }
        guard let client = server.current, client.state == .calling || client.state == .proceeding else {
            stopAsking(server)
            return reject(server, Rejection(487, "Request Terminated"), now: now)
        }
        client.wantsCancel = true
        client.firstResponseAt = nil
        // A CANCEL may not overtake the INVITE: it waits for the first provisional (TXN-39).
        if client.state == .proceeding { sendCancel(client, now: now) }
    }

    /// Whether a CANCEL comes from the hop that its request came from (PRX-74).
    private func isSameHop(_ flow: FlowContext, as other: FlowContext) -> Bool {
        // All datagrams of a listener come on one flow, so that it proves nothing there.
        if flow.transport.isReliable, flow.id == other.id { return true }
        return flow.remoteAddress == other.remoteAddress || flow.sharesIdentity(with: other)
    }

    /// Keeps the answer to a CANCEL for its copies, for as long as timer J runs.
    ///
    /// It counts like any other transaction, and nothing of it is kept where only what belongs to dialogs may still begin
    /// (TXN-46): a copy is then answered anew, alike as long as the INVITE's transaction lasts.
    private func keep(
        _ response: ByteBuffer,
        for cancel: SIPMessage,
        _ key: TransactionKey,
        on flow: FlowContext,
        now: NIODeadline
    ) {
        var owner: TransactionShares.Owner?
        guard servers.count < limit(isInDialog: false),
            takeShare(on: flow, isInDialog: false, &owner) == nil
        else { return }
        let server = servers.insert { slot in
            ServerTransaction(
                slot: slot,
                nonce: makeNonce(),
                key: key,
                request: cancel.compacted(),
                flow: flow,
                startedAt: now,
                tag: 0,
                snapshot: box
            )
        }
        serverByKey[key] = server.slot
        server.owner = owner
        server.state = .completed
        server.lastResponse = response
        server.endAt = now + snapshot.settings.t1 * 64
        arm(server)
    }

    /// The transaction that a CANCEL is for: an INVITE's, or another one's, on which it has no effect (PRX-73).
    private func cancelled(by cancel: SIPMessage, on flow: FlowContext) -> ServerTransaction? {
        let inviteKey = keys.key(of: cancel, method: .invite, on: flow)
        if let server = server(of: cancel, method: .invite, key: inviteKey, on: flow) { return server }
        for method in SIPMethod.allCases where method != .invite && method != .cancel && method != .other {
            if let slot = serverByKey[keys.key(of: cancel, method: method, on: flow)] { return servers[slot] }
        }
        return nil
    }

    /// Sends the CANCEL of an attempt that has shown a provisional, once.
    func sendCancel(_ client: ClientTransaction, now: NIODeadline) {
        guard client.isInvite, !client.hasSentCancel, client.state == .proceeding, let invite = sentInvite(client)
        else {
            return
        }
        let settings = snapshot.settings
        client.hasSentCancel = true
        let elsewhere = client.server.state == .accepted ? Self.completedElsewhere : nil
        let cancel = RequestWriter.cancel(invite, reason: client.server.cancelReason ?? elsewhere)
        client.cancel = cancel
        sendAgain(cancel, client)
        client.timerCAt = nil
        client.timeoutAt = now + settings.t1 * 64
        if !client.transport.isReliable {
            client.cancelInterval = settings.t1
            client.cancelRetransmitAt = now + settings.t1
        }
        arm(client)
    }

    /// After a 2xx every other attempt that still rings is called off (PRX-63).
    func cancelOthers(_ server: ServerTransaction, than winner: ClientTransaction, now: NIODeadline) {
        guard server.liveClients > 1 else { return }
        for client in clients.all(where: { $0.server === server && $0 !== winner }) {
            client.wantsCancel = true
            if client.state == .proceeding { sendCancel(client, now: now) }
        }
    }
}
