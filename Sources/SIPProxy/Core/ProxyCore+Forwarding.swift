// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Request forwarding (RFC 3261 section 16.6): a next hop, and the bytes for it.
extension ProxyCore {
    /// Tries the first next hop of a request whose pool, if it goes to one, is chosen.
    func forward(_ server: ServerTransaction, now: NIODeadline) throws(Rejection) {
        switch server.plan.destination {
        case .pool:
            if let pool = server.pool { budgets.begin(pool.id, now: now) }
            guard tryNext(server, now: now) else { throw poolFailure(server) }
        case .flow(let token):
            guard token.transport.isSecure || !server.plan.isSecure else { throw sipsNotAllowed(server) }
            send(server, to: .flow(token), now: now)
        case .endpoint(let endpoint, let domain):
            guard !isDisabled(endpoint) else { throw unavailable(server.request) }
            server.hops = HopWalk(endpoint, domain: domain)
            if tryNext(server, now: now) { return }
            throw server.isThrottled ? .overloaded : unavailable(server.request)
        case .name(let name):
            askForHops(server, name, now: now)
        }
    }

    /// The first route rule that matches decides (PRX-23, PRX-25).
    func choosePool(_ server: ServerTransaction) throws(Rejection) {
        guard case .pool = server.plan.destination else { return }
        let proxy = server.snapshot.proxy
        if try goesElsewhere(server) { return }
        guard let number = server.plan.rule ?? rule(for: server.request, on: server.flow, server.snapshot) else {
            throw .notServed
        }
        server.route = number
        switch proxy.routes[number].action {
        case .reject(let status, let reason): throw Rejection(status, reason)
        case .pool(let id):
            guard Int(id.index) < proxy.pools.count else { throw unavailable(server.request) }
            server.pool = proxy.pools[Int(id.index)]
            server.policy = proxy.policies[Int(id.index)]
        }
    }

    /// Why a pool could take nothing at all: no TLS for a SIPS request (PRX-85) or where the pool demands it (PRX-91), or
    /// nobody there.
    private func poolFailure(_ server: ServerTransaction) -> Rejection {
        if server.isThrottled { return .overloaded }
        guard let pool = server.pool, !pool.backends.isEmpty,
            !pool.backends.contains(where: { $0.endpoint.transport.isSecure })
        else { return unavailable(server.request) }
        if server.plan.isSecure { return sipsNotAllowed(server) }
        if server.policy.requiresTLS { return refusal(server, warning: "381", "SIPS Required") }
        return unavailable(server.request)
    }

    /// A SIPS request goes on over TLS or not at all (RFC 5630 section 5.3).
    private func sipsNotAllowed(_ server: ServerTransaction) -> Rejection {
        refusal(server, warning: "380", "SIPS Not Allowed")
    }

    func refusal(_ server: ServerTransaction, warning code: String, _ text: String) -> Rejection {
        let host = server.snapshot.listeners[server.flow.listener]?.identity.advertisedHost ?? "localhost"
        return Rejection(
            480,
            "Temporarily Unavailable",
            extra: ByteBuffer(string: "Warning: \(code) \(host) \"\(text)\"\r\n")
        )
    }

    /// Sends the request to the next candidate; false when there is none.
    func tryNext(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        if server.hops != nil { return tryNextHop(server, now: now) }
        guard let pool = server.pool, let index = nextWillingCandidate(server, pool, now: now) else { return false }
        server.tried.insert(index)
        server.candidates &+= 1
        let target = BackendTarget(endpoint: pool.backends[index].endpoint, pool: pool.id)
        send(server, to: .backend(target, index: index), now: now)
        return true
    }

    /// Where one attempt goes.
    enum Hop {
        case backend(BackendTarget, index: Int?)
        case flow(FlowToken)
    }

    /// Largest request that goes over UDP when the path's MTU is not known (RFC 3261 section 18.1.1, TRN-40).
    static let datagramLimit = 1300

    func send(
        _ server: ServerTransaction,
        to hop: Hop,
        now: NIODeadline,
        retrying: Bool = false,
        movingLarge: Bool = true
    ) {
        server.attempts &+= 1
        let client = makeClient(server, hop, now: now)
        var bytes = write(server, client, hop)
        guard case .backend(let target, let index) = hop else {
            return sendOnFlow(client, hop, bytes, now: now)
        }
        client.trailPlace = server.trail.begin(target, now: now)
        client.wasRetriedHere = retrying
        server.lastTarget = target
        if movingLarge, target.endpoint.transport == .udp, bytes.readableBytes > Self.datagramLimit {
            release(client)
            clients.remove(client.slot)
            server.liveClients -= 1
            let moved = Endpoint(transport: .tcp, address: target.endpoint.address, port: target.endpoint.port)
            let movedHop = Hop.backend(BackendTarget(endpoint: moved, pool: target.pool), index: index)
            let client = makeClient(server, movedHop, for: target, now: now)
            client.trailPlace = server.trail.redirect(to: BackendTarget(endpoint: moved, pool: target.pool))
            client.isMovedToTCP = true
            // The dialog's route names the side that would have been used (RFC 5658 section 6.2).
            bytes = write(server, client, movedHop, recording: hop)
            start(client, now: now)
            keep(bytes, in: client)
            return act(.sendToBackend(BackendTarget(endpoint: moved, pool: target.pool), client.id, bytes))
        }
        start(client, now: now)
        keep(bytes, in: client)
        act(.sendToBackend(target, client.id, bytes))
    }

    private func sendOnFlow(_ client: ClientTransaction, _ hop: Hop, _ bytes: ByteBuffer, now: NIODeadline) {
        guard case .flow(let token) = hop else { return }
        client.trailPlace = client.server.trail.begin(nil, now: now)
        client.datagram = token.transport == .udp ? DatagramAddress(address: token.address, port: token.port) : nil
        client.flow = token.flow
        start(client, now: now)
        keep(bytes, in: client)
        act(.sendOnFlow(token.flow, datagram: client.datagram, client.id, bytes))
    }

    private func makeClient(
        _ server: ServerTransaction,
        _ hop: Hop,
        for backend: BackendTarget? = nil,
        now: NIODeadline
    ) -> ClientTransaction {
        let client = clients.insert { slot in
            switch hop {
            case .backend(let target, _):
                ClientTransaction(
                    slot: slot,
                    nonce: makeNonce(),
                    server: server,
                    sentAt: now,
                    target: target,
                    backend: backend ?? target,
                    transport: target.endpoint.transport
                )
            case .flow(let token):
                ClientTransaction(
                    slot: slot,
                    nonce: makeNonce(),
                    server: server,
                    sentAt: now,
                    target: nil,
                    backend: nil,
                    transport: token.transport
                )
            }
        }
        if case .backend(_, let index) = hop { client.poolIndex = index }
        watch(client, now: now)
        server.liveClients += 1
        server.current = client
        return client
    }

    /// The request is kept while it may be sent again.
    private func keep(_ bytes: ByteBuffer, in client: ClientTransaction) {
        if !client.transport.isReliable { client.sent = bytes }
    }

    /// Arms the timers of an attempt (RFC 3261 sections 17.1.1.2 and 17.1.2.2).
    private func start(_ client: ClientTransaction, now: NIODeadline) {
        let settings = snapshot.settings
        if !client.transport.isReliable {
            client.retransmitInterval = settings.t1
            client.retransmitAt = now + settings.t1
        }
        client.timeoutAt = now + settings.t1 * 64
        if client.isInvite {
            client.timerCAt = now + settings.timerC
        } else {
            // The client's own timer F has been running since the first attempt (TXN-16).
            client.timeoutAt = client.server.startedAt + settings.t1 * 64
        }
        client.firstResponseAt = firstResponseLimit(client, now: now).map { now + $0 }
        beginLoad(client)
        arm(client)
    }

    /// How long nothing may be heard before the next candidate is tried (LOC-63); a pool of one backend has no next.
    ///
    /// An INVITE outside pools waits for timer B (RFC 3263 section 4.3); other requests have no time for that.
    private func firstResponseLimit(_ client: ClientTransaction, now: NIODeadline) -> TimeAmount? {
        let server = client.server
        if let pool = server.pool {
            guard pool.backends.count > 1 else { return nil }
            if let limits = pool.firstResponse {
                guard !client.isInvite else { return limits.invite }
                return server.collected == nil ? limits.nonInvite : min(limits.nonInvite, timeLeft(server, now: now))
            }
        }
        return client.isInvite ? nil : fairShare(server, now: now)
    }

    /// What is left of the time in which another request than INVITE can be answered, shared among the servers that may
    /// still be tried: timer F for each would come too late for all but the first (TXN-31).
    private func fairShare(_ server: ServerTransaction, now: NIODeadline) -> TimeAmount? {
        let others = othersLeft(server, now: now)
        // The last one may take all the time, unless there is an answer already that must go out before its end.
        guard others > 0 || server.collected != nil else { return nil }
        let share = TimeAmount.nanoseconds(timeLeft(server, now: now).nanoseconds / Int64(others + 1))
        return max(share, snapshot.settings.t1)
    }

    /// How long a server may take to answer a request other than INVITE so that, if it does not, the client can be told in
    /// time.
    private func timeLeft(_ server: ServerTransaction, now: NIODeadline) -> TimeAmount {
        max(server.startedAt + answerLimit - snapshot.settings.t1 - now, .zero)
    }

    /// Whether another attempt may begin, and has as much time as one round trip may take (TXN-31).
    func mayBegin(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        server.mayTryOn && (server.isInvite || timeLeft(server, now: now) >= snapshot.settings.t1)
    }

    /// How long after its arrival a request other than INVITE is still answered by this edge: well before the client's
    /// timer F, beyond which every answer is one too many (RFC 4320 section 4.2, TXN-31).
    var answerLimit: TimeAmount { snapshot.settings.t1 * 56 }
}
