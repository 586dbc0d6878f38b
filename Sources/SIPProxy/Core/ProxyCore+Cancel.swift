// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// CANCEL (RFC 3261 sections 9 and 16.10).
extension ProxyCore {
    func receiveCANCEL(_ cancel: SIPMessage, on flow: FlowContext, now: NIODeadline) {
        let inviteKey = keys.key(of: cancel, method: .invite, on: flow)
        guard let slot = serverByKey[inviteKey], let server = servers[slot] else {
            return answerStatelessly(cancel, on: flow, Rejection(481, "Call/Transaction Does Not Exist"))
        }
        guard server.flow.id == flow.id || server.flow.remoteAddress == flow.remoteAddress else {
            return act(.event(.dropped(.cancelFromElsewhere)))
        }
        // The tag of the 200 is the one that responses to the INVITE have; a repeat gets the same again (TXN-37).
        let response = ResponseWriter.response(
            to: cancel,
            status: 200,
            reason: "OK",
            tag: server.tag,
            source: source(of: flow)
        )
        counters.answered(200)
        act(.respond(flow.id, datagram: responseAddress(cancel, flow), response))
        guard server.state == .proceeding, !server.isCancelled else { return }
        server.isCancelled = true
        server.cancelReason = cancel.first(.reason).map { cancel.bytes.slice($0.line) }
        guard let client = server.current, client.state == .calling || client.state == .proceeding else {
            server.isResolving = false
            return reject(server, Rejection(487, "Request Terminated"), now: now)
        }
        client.wantsCancel = true
        client.firstResponseAt = nil
        // A CANCEL may not overtake the INVITE: it waits for the first provisional (TXN-39).
        if client.state == .proceeding { sendCancel(client, now: now) }
    }

    /// Sends the CANCEL of an attempt that has shown a provisional, once.
    func sendCancel(_ client: ClientTransaction, now: NIODeadline) {
        guard client.isInvite, !client.hasSentCancel, client.state == .proceeding, let sent = client.sent,
            case .message(let invite) = parse(sent)
        else { return }
        let settings = snapshot.settings
        client.hasSentCancel = true
        let cancel = RequestWriter.cancel(invite, reason: client.server.cancelReason)
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
        for client in clients.all where client.server === server && client !== winner {
            client.wantsCancel = true
            if client.state == .proceeding { sendCancel(client, now: now) }
        }
    }
}
