// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import NIOCore
internal import SIPMessage

/// Next hops that a Route or a Request-URI names, outside the route rules: the URI's target, its servers by RFC 3263, and
/// the way through them.
extension ProxyCore {
    // MARK: From a URI to a destination

    /// Where a URI leads (RFC 3263 section 4): its `maddr` in place of its host for addresses, not for identities
    /// (LOC-04).
    ///
    /// An address that is written leads no further than one that DNS gives would (LOC-72), but that a Route of ours from
    /// our own servers may lead back to us: a request that spirals takes these off one insertion a pass (PRX-19).
    func nextHop(
        _ uri: SIPURI,
        _ request: SIPMessage,
        isRoute: Bool = false,
        isSecure: Bool,
        from flow: FlowContext,
        box: SnapshotBox
    ) throws(Rejection) -> ForwardPlan.Destination {
        guard uri.isSIP else { throw Rejection(416, "Unsupported URI Scheme") }
        let named = request.transport(of: uri)
        if uri.transport != nil, named == nil {
            counters.failedNextHop(.transport)
            throw Rejection(503, "Transport Not Supported")
        }
        if uri.scheme == .sips, named == .udp { throw Rejection(400, "SIPS Over UDP") }
        let secure = isSecure || uri.scheme == .sips
        let transport = secure ? .tls : named
        let domain = uri.address.map(\.description) ?? RenderedListeners.name(request.bytes.text(uri.host))
        let literal = uri.maddr.map { request.address($0) } ?? uri.address
        guard let address = literal else {
            let host = uri.maddr.map { request.bytes.text($0) } ?? domain
            var name = NextHopName(host: host, port: uri.port, transport: transport, isSecure: secure, domain: domain)
            name.isInDialog = request.to.tag != nil
            return .name(name)
        }
        let hop = endpoint(address, uri.port, transport)
        // A spiral leads where we listen; what else a URI with our name leads to, by `maddr`, is no spiral.
        let isSpiral = isRoute && isOwnServer(flow, box) && box.listeners.listens(at: hop)
        guard isSpiral || mayBeSent(to: hop, from: flow, box: box) else {
            counters.failedNextHop(.forbidden)
            throw .noRelay
        }
        return .endpoint(hop, domain: uri.maddr == nil ? nil : domain)
    }

    /// The endpoint of an address, and of a pool's backend there when the URI leaves the transport open: a Contact
    /// without a transport parameter means the server that is known by that address and port.
    private func endpoint(_ address: IPAddress, _ port: UInt16?, _ transport: SIPTransport?) -> Endpoint {
        if let transport {
            return Endpoint(transport: transport, address: address.unmapped, port: port ?? transport.defaultPort)
        }
        for candidate in [SIPTransport.tcp, .tls, .udp] {
            let endpoint = Endpoint(
                transport: candidate,
                address: address.unmapped,
                port: port ?? candidate.defaultPort
            )
            if pool(of: endpoint) != nil { return endpoint }
        }
        return Endpoint(transport: .udp, address: address.unmapped, port: port ?? 5060)
    }

    /// The pool that has a backend at that endpoint, whose TLS identity and names then apply.
    func pool(of endpoint: Endpoint) -> PoolID? {
        snapshot.pools.first { $0.index(of: endpoint) != nil }?.id
    }

    /// Whether the operator has disabled the backend there: then nothing goes there, not even what belongs to a dialog.
    func isDisabled(_ endpoint: Endpoint) -> Bool {
        snapshot.pools.contains { pool in pool.index(of: endpoint).map { !pool.backends[$0].allowsInDialog } ?? false }
    }

    /// A server of a next hop with what must be proved there: a pool's own server is known by the pool's rules, any
    /// other by the name that was asked for (LOC-22).
    func target(at endpoint: Endpoint, domain: String?) -> BackendTarget {
        if let pool = pool(of: endpoint) { return BackendTarget(endpoint: endpoint, pool: pool) }
        // Connections in clear text prove no name, so that all names at one address may share them.
        return BackendTarget(endpoint: endpoint, pool: nil, domain: endpoint.transport.isSecure ? domain : nil)
    }

    // MARK: Asking

    /// Asks for the servers of a request's next hop.
    func askForHops(_ server: ServerTransaction, _ name: NextHopName, now: NIODeadline) {
        let hops = server.hops ?? HopWalk(name)
        let id = makeResolutionID()
        hops.asks(id, now: now)
        server.hops = hops
        resolving[id] = .transaction(slot: server.slot, nonce: server.nonce)
        act(.resolve(id, name))
        arm(server)
    }

    private func makeResolutionID() -> ResolutionID { ResolutionID(rawValue: UInt64(worker) << 48 | makeNonce()) }

    /// Asks for the servers that an ACK or a response is to go to; these have no transaction whose limit would bound
    /// them, so that too many are dropped.
    func askForHops(_ name: NextHopName, for pending: PendingResolution) {
        guard statelessResolutions < snapshot.settings.statelessResolutions else {
            act(.event(.limit(.statelessResolutions)))
            return act(.event(.dropped(.overLimit)))
        }
        statelessResolutions += 1
        let id = makeResolutionID()
        resolving[id] = pending
        act(.resolve(id, name))
    }

    /// Wants no answer any more.
    func stopAsking(_ server: ServerTransaction) {
        guard let id = server.hops?.resolution else { return }
        resolving[id] = nil
        server.hops?.stopsAsking()
    }

    /// The servers of a name have come.
    package func resolved(_ id: ResolutionID, _ outcome: ResolutionOutcome, now: NIODeadline) {
        note(now)
        guard let pending = resolving.removeValue(forKey: id) else { return }
        if pending.isStateless { statelessResolutions -= 1 }
        switch pending {
        case .response(let walk): resolved(walk, outcome)
        case .ack(let request, let flow, let plan):
            let key = AffinityKey(request.bytes.slice(request.callID).readableBytesView)
            // Copies of one ACK go the same way, whatever order the answer came in (RFC 3263 section 4.4, LOC-75).
            guard let first = candidates(outcome, from: flow, box: box, seed: key.hash)?.first else {
                return act(.event(.dropped(.deadFlow)))
            }
            forwardACK(request, on: flow, plan, to: target(at: first, domain: plan.domain))
        case .transaction(let slot, let nonce):
            guard let server = servers[slot], server.nonce == nonce, let hops = server.hops else { return }
            hops.stopsAsking()
            let found = candidates(outcome, from: server.flow, box: server.snapshot, seed: generator.next())
            if let found, case .resolved(let answer) = outcome { hops.take(found, of: answer) }
            goOn(server, now: now)
        }
    }

    /// DNS took too long; what is left of an earlier answer is better than nothing (LOC-57, LOC-62).
    func resolutionTimedOut(_ server: ServerTransaction, now: NIODeadline) {
        counters.failedNextHop(.deadline)
        stopAsking(server)
        goOn(server, now: now)
    }

    private func goOn(_ server: ServerTransaction, now: NIODeadline) {
        guard !server.hasFinal, !mayBegin(server, now: now) || !sendToNextHop(server, now: now) else { return }
        // A second look after tries that failed: they say what the answer is.
        if server.attempts > 0 {
            if let last = server.current, last.state == .calling, last.isAbandoned { return wait(for: last, now: now) }
            return answerBest(server, nil, now: now)
        }
        reject(server, server.isThrottled ? .overloaded : unavailable(server.request), now: now)
    }

    /// Nobody came to follow an attempt that was left for its silence: it is waited for again.
    private func wait(for client: ClientTransaction, now: NIODeadline) {
        let server = client.server
        client.isAbandoned = false
        client.isOverdue = true
        server.silent &-= 1
        client.firstResponseAt = lastWord(server)
        if client.sent != nil { client.retransmitAt = now + client.retransmitInterval }
        arm(client)
    }

    // MARK: The way through

    /// Sends a request to the next server of its next hop, or asks for its servers again where they are out of date;
    /// false when there is none.
    func tryNextHop(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        if let hops = server.hops, let name = hops.name, hops.mustAskAgain(now: now) {
            askForHops(server, name, now: now)
            return true
        }
        return sendToNextHop(server, now: now)
    }

    private func sendToNextHop(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        guard let hops = server.hops else { return false }
        while server.attempts < HopWalk.tries, let endpoint = hops.next() {
            let target = target(at: endpoint, domain: hops.domain)
            if holdsBack(server, from: target, now: now) { continue }
            send(server, to: .backend(target, index: nil), now: now)
            return true
        }
        return false
    }

    /// The servers that a request may be sent to, in the order of its tries: the addresses of a target, the targets of a
    /// priority as RFC 2782 draws them, the priorities, the NAPTR records (LOC-48); nil when DNS failed.
    func candidates(
        _ outcome: ResolutionOutcome,
        from flow: FlowContext,
        box: SnapshotBox,
        seed: UInt64
    ) -> [Endpoint]? {
        guard case .resolved(let hops) = outcome else {
            counters.failedNextHop(.unresolved)
            return nil
        }
        let found = hops.view.order(seed: seed, limit: 2 * Int(HopWalk.tries)) {
            mayBeSent(to: $0, from: flow, box: box)
        }
        if found.isEmpty { counters.failedNextHop(.forbidden) }
        return found
    }

    /// Whether DNS, or an address in a URI, may lead a message there (LOC-72): to loopback and link-local addresses only
    /// for our own servers, for who sends from such an address itself, and where a pool has its backend; never back to our
    /// own listeners.
    func mayBeSent(to endpoint: Endpoint, from flow: FlowContext, box: SnapshotBox) -> Bool {
        if endpoint.address.isUnsendable || box.listeners.listens(at: endpoint) { return false }
        guard endpoint.address.isLoopback || endpoint.address.isLinkLocal, pool(of: endpoint) == nil else {
            return true
        }
        if isOwnServer(flow, box) { return true }
        return endpoint.address.isLoopback ? flow.remoteAddress.isLoopback : flow.remoteAddress.isLinkLocal
    }
}

extension PoolView {
    /// The first backends that pass, in the order in which one request tries them, each endpoint once; the same for the
    /// same seed.
    func order(seed: UInt64, limit: Int, where passes: (Endpoint) -> Bool) -> [Endpoint] {
        var tried = TriedBackends()
        var order: [Endpoint] = []
        var draw = seed
        while order.count < limit,
            let selection = select(tried: tried, locallyDown: { !passes(backends[$0].endpoint) }, seed: draw),
            !selection.isPanic
        {
            tried.insert(selection.index)
            draw = StableHash.mix(draw &+ StableHash.hash("order"))
            let endpoint = backends[selection.index].endpoint
            // One server that two records name is tried once (PRX-26).
            if !order.contains(endpoint) { order.append(endpoint) }
        }
        return order
    }
}
