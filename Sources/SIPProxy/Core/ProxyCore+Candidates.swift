// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// The choice among a pool's backends, and what this worker itself knows of them.
extension ProxyCore {
    /// Candidates beyond `tries` that a request may try where those before took nothing of it.
    static let extraTries: UInt8 = 5

    /// How many more servers a request may be sent to.
    func othersLeft(_ server: ServerTransaction, now: NIODeadline) -> Int {
        // A second connection to the last server is one attempt more than there are tries.
        if let hops = server.hops { return max(0, min(hops.left.count, Int(HopWalk.tries) - Int(server.attempts))) }
        guard let pool = server.pool else { return 0 }
        let left = triesLeft(server)
        guard left > 0 else { return 0 }
        let hasUsable = pool.backends.contains { $0.isUsable && mayGo(server, to: $0) }
        let others = pool.backends.indices.count { mayFollow($0, server, pool, hasUsable: hasUsable, now: now) }
        return min(left, others)
    }

    /// Whether a request that has tries left may be sent to a backend after those that it has tried: to such as are usable,
    /// and beyond `tries` to those of them that have just proved that they live; to any where none is usable (LOC-54).
    private func mayFollow(
        _ index: Int,
        _ server: ServerTransaction,
        _ pool: PoolView,
        hasUsable: Bool,
        now: NIODeadline
    ) -> Bool {
        let backend = pool.backends[index]
        guard !server.tried.contains(index), !server.throttled.contains(index), mayGo(server, to: backend) else {
            return false
        }
        guard hasUsable else { return backend.isUsableInPanic }
        return backend.isUsable && (server.candidates < server.policy.tries || isExtra(backend.id, now: now))
    }

    /// Whether a backend's transport is secure enough for a request.
    private func mayGo(_ server: ServerTransaction, to backend: BackendView) -> Bool {
        !server.needsTLS || backend.endpoint.transport.isSecure
    }

    /// How many more backends of its pool a request may try (PRX-58).
    ///
    /// Backends that refused the connection took nothing of the request, so that there is no flood to be feared of more
    /// tries: they may go on beyond the number.
    private func triesLeft(_ server: ServerTransaction) -> Int {
        let (tries, candidates) = (Int(server.policy.tries), Int(server.candidates))
        if candidates < tries { return tries - candidates }
        return Int(server.failedTries) < tries ? max(0, tries + Int(Self.extraTries) - candidates) : 0
    }

    /// Whether a backend may be tried beyond `tries`.
    private func isExtra(_ id: BackendID, now: NIODeadline) -> Bool {
        local.isProven(id, now: now) && !local.isHeld(id, now: now)
    }

    /// The backend that a request tries next; nil when there is none, or it has tried as many as it may (PRX-58).
    ///
    /// Beyond `tries` it is one that has just proved that it lives; where none is usable any, for whoever is left may be the
    /// one that is back (LOC-54).
    func nextCandidate(_ server: ServerTransaction, _ pool: PoolView, now: NIODeadline) -> Int? {
        guard triesLeft(server) > 0 else { return nil }
        guard server.candidates >= server.policy.tries, pool.hasUsable else { return select(server, pool, now: now) }
        return chooseAvoiding(server, pool, now: now) { !isExtra($0, now: now) }.flatMap { $0.isPanic ? nil : $0.index }
    }

    /// The same, but for backends that ask to be spared (RFC 7339 section 5.10).
    func nextWillingCandidate(_ server: ServerTransaction, _ pool: PoolView, now: NIODeadline) -> Int? {
        guard let chosen = nextCandidate(server, pool, now: now) else { return nil }
        return server.policy.controlsOverload ? unthrottled(chosen, server, pool, now: now) : chosen
    }

    /// A usable backend that the request has not tried and that asks nobody to hold anything back.
    func chooseCalm(_ server: ServerTransaction, _ pool: PoolView, now: NIODeadline) -> Int? {
        for index in pool.backends.indices where overload.percent(of: pool.backends[index].endpoint, now: now) > 0 {
            server.throttled.insert(index)
        }
        let avoided = server.throttled
        let other = choose(server, pool, now: now) { id in
            local.isHeld(id, now: now) || pool.index(of: id.endpoint).map(avoided.contains) ?? false
        }
        return other.flatMap { $0.isPanic ? nil : $0.index }
    }

    /// Avoids whom this worker saw fail; where no other is usable they are tried before any that the control plane
    /// excludes.
    private func select(_ server: ServerTransaction, _ pool: PoolView, now: NIODeadline) -> Int? {
        var selection: Selection?
        if local.avoided > 0 { selection = chooseAvoiding(server, pool, now: now) { local.isHeld($0, now: now) } }
        if selection?.isPanic ?? true { selection = choose(server, pool, now: now) { _ in false } ?? selection }
        guard let selection else { return nil }
        if selection.isPanic { counters.panicked(pool.id) }
        local.chosen(pool.backends[selection.index].id, now: now)
        return selection.index
    }

    /// The choice among those who are not held, and there another of the same priority in the place of one that seems to
    /// hang: what is only slow must not move traffic to a priority that is there for failures.
    private func chooseAvoiding(
        _ server: ServerTransaction,
        _ pool: PoolView,
        now: NIODeadline,
        _ isHeld: (BackendID) -> Bool
    ) -> Selection? {
        guard let first = choose(server, pool, now: now, avoiding: isHeld) else { return nil }
        guard !first.isPanic, local.isSuspect(pool.backends[first.index].id) else { return first }
        let hasOther = pool.backends.indices.contains { index in
            let backend = pool.backends[index]
            return backend.isUsable && !server.tried.contains(index) && pool.sharePriority(index, first.index)
                && !isHeld(backend.id) && !local.isSuspect(backend.id)
        }
        guard hasOther else { return first }
        let other = choose(server, pool, now: now) { isHeld($0) || local.isSuspect($0) }
        guard let other, !other.isPanic, pool.sharePriority(other.index, first.index) else { return first }
        return other
    }

    private func choose(
        _ server: ServerTransaction,
        _ pool: PoolView,
        now: NIODeadline,
        avoiding isAvoided: (BackendID) -> Bool
    ) -> Selection? {
        let needsTLS = server.needsTLS
        if server.affinity == nil { server.affinity = affinityKey(server.request, on: server.flow, pool.affinity) }
        // Remembered for who asks why.
        func passesBy(_ index: Int, _ holds: Bool) -> Bool {
            if holds, !server.tried.contains(index) { server.passedBy.insert(index) }
            return holds
        }
        return pool.select(
            key: server.affinity,
            tried: server.tried,
            locallyDown: { index in passesBy(index, isAvoided(pool.backends[index].id)) },
            forbidden: { index in
                needsTLS && passesBy(index, !pool.backends[index].endpoint.transport.isSecure)
            },
            load: { loads.cost(of: $0, in: pool, now: now) },
            using: &generator
        )
    }

    /// What affinity is kept by (LOC-56).
    func affinityKey(_ request: SIPMessage, on flow: FlowContext, _ policy: AffinityPolicy) -> AffinityKey? {
        func key(_ range: ByteRange) -> AffinityKey {
            request.bytes.withUnsafeReadableBytes { raw in
                AffinityKey(bytes: UnsafeRawBufferPointer(rebasing: raw[range.start..<range.end]))
            }
        }
        switch policy {
        case .none: return nil
        case .callID: return key(request.callID)
        case .from: return key(request.from.uri)
        case .to: return key(request.to.uri)
        case .source: return AffinityKey(flow.remoteText.readableBytesView)
        case .flow: return AffinityKey(number: flow.id.rawValue)
        }
    }

    // MARK: What this worker sees

    /// An attempt is on its way to a backend of a pool.
    func watch(_ client: ClientTransaction, now: NIODeadline) {
        guard let id = client.backend?.id else { return }
        client.watch = local.sent(RequestKind(client.server.request.method), to: id, now: now)
        client.isAwaited = true
    }

    /// A response to an attempt came.
    func heard(_ client: ClientTransaction, now: NIODeadline) {
        guard let watch = client.watch else { return }
        let kind = RequestKind(client.server.request.method)
        local.heard(watch, answer: client.isAwaited ? (kind, now - client.sentAt) : nil, now: now)
        release(client)
    }

    /// An attempt waits for its first response no longer.
    func release(_ client: ClientTransaction) {
        guard client.isAwaited, let watch = client.watch else { return }
        client.isAwaited = false
        local.ended(watch)
    }
}
