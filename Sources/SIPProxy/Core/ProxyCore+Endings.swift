// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// How transactions end, and the answers that the edge makes itself.
extension ProxyCore {
    /// Answers a request here; with silence where the client is about to give up (TXN-31).
    func reject(_ server: ServerTransaction, _ rejection: Rejection, now: NIODeadline) {
        guard !server.hasFinal else { return }
        if isTooLate(server, now: now) { return abandon(server, now: now) }
        server.ownReason = rejection.reason
        let response = ownResponse(
            to: server.request,
            rejection.status,
            rejection.reason,
            tag: server.tag,
            on: server.flow,
            extra: rejection.extra
        )
        server.lastResponse = response
        counters.answered(rejection.status)
        respond(server, response)
        complete(server, rejection.status, nil, now: now)
    }

    /// 503 with a Retry-After that differs from request to request, and is the same whenever this one is answered: it may be
    /// answered without state (RFC 3261 section 8.2.7, OVL-03, OVL-05).
    func unavailable(_ request: SIPMessage) -> Rejection {
        let seconds = 5 + keys.statelessTag(of: request) % 56
        return Rejection(503, "Service Unavailable", extra: ByteBuffer(string: "Retry-After: \(seconds)\r\n"))
    }

    /// 100 Trying, at once, to an INVITE (TXN-19, TXN-23).
    func sendTrying(_ server: ServerTransaction) {
        let response = ownResponse(to: server.request, 100, "Trying", tag: nil, on: server.flow)
        server.lastResponse = response
        counters.answered(100)
        respond(server, response)
    }

    /// A final was sent: the server transaction waits for what may still come (RFC 3261 sections 17.2.1 and 17.2.2).
    func complete(_ server: ServerTransaction, _ status: UInt16, _ client: ClientTransaction?, now: NIODeadline) {
        let settings = snapshot.settings
        report(server, status, client, isLocal: client == nil, now: now)
        server.state = .completed
        server.tryingAt = nil
        if server.isInvite {
            // Timer H runs on every transport; G repeats the response on UDP alone.
            server.endAt = now + settings.t1 * 64
            if !server.flow.transport.isReliable {
                server.retransmitInterval = settings.t1
                server.retransmitAt = now + settings.t1
            }
        } else if server.flow.transport.isReliable {
            return end(server)
        } else {
            server.endAt = now + settings.t1 * 64
        }
        server.releaseRequest()
        arm(server)
    }

    /// Ends the server side; the record goes when no client transaction is left (PRX-64).
    func end(_ server: ServerTransaction) {
        if server.state != .terminated {
            server.state = .terminated
            uncount(server)
            server.tryingAt = nil
            server.retransmitAt = nil
            server.endAt = nil
            stopAsking(server)
            if serverByKey[server.key] == server.slot { serverByKey[server.key] = nil }
            forgetElsewhere(server)
            forgetAnswers(to: server)
        }
        if server.liveClients == 0 { servers.remove(server.slot) }
    }

    /// A client transaction has its final: it is gone at once on reliable transports, and absorbs repeats for a while on
    /// UDP (timers D and K).
    func finish(_ client: ClientTransaction, afterReliable acked: Bool, now: NIODeadline) {
        guard client.state != .terminated else { return }
        endLoad(client)
        client.stopWaiting()
        release(client)
        if !client.transport.isReliable, client.flow != nil {
            client.state = .completed
            client.sent = nil
            client.endAt = now + (client.isInvite ? max(.seconds(32), snapshot.settings.t1 * 64) : snapshot.settings.t4)
            return arm(client)
        }
        terminate(client)
    }

    func terminate(_ client: ClientTransaction) {
        guard client.state != .terminated else { return }
        endLoad(client)
        client.state = .terminated
        release(client)
        clients.remove(client.slot)
        let server = client.server
        server.liveClients -= 1
        if server.current === client { server.current = nil }
        if server.state == .terminated { end(server) }
    }

    /// Tells of the end of a request, once.
    func report(
        _ server: ServerTransaction,
        _ status: UInt16,
        _ client: ClientTransaction?,
        isLocal: Bool,
        now: NIODeadline
    ) {
        let summary = RequestSummary(
            status: status,
            isLocal: isLocal,
            backend: client?.target ?? server.lastTarget,
            poolName: server.pool?.name,
            pool: server.pool?.id,
            attempts: server.attempts,
            duration: now - server.startedAt,
            flow: server.flow,
            request: server.request
        )
        remember(server, status, isLocal: isLocal, now: now)
        act(.event(.finished(summary)))
    }
}
