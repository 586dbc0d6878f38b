// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import NIOCore
internal import SIPMessage

/// Attempts whose target has several addresses: the driver may connect to another of them, never send to two (RFC 7984
/// section 3.2, LOC-42, LOC-43).
extension ProxyCore {
    /// The other addresses of the SRV target that an attempt is on its way to, the preferred ones first; none for
    /// datagrams, which have no connection that could be tried before the request.
    package func otherAddresses(of attempt: AttemptID, now: NIODeadline) -> [BackendTarget] {
        guard let client = client(attempt), client.state == .calling, client.transport.isReliable,
            let target = client.target, client.transport == target.endpoint.transport
        else { return [] }
        let server = client.server
        if let pool = server.pool, let index = client.poolIndex, pool.backends[index].endpoint == target.endpoint {
            return pool.addresses(ofTargetOf: index).filter { other in
                other != index && pool.backends[other].isUsable && !server.tried.contains(other)
                    && !local.isHeld(pool.backends[other].id, now: now)
            }
            .map { BackendTarget(endpoint: pool.backends[$0].endpoint, pool: pool.id) }
        }
        guard let hops = server.hops, let view = hops.view, let index = view.index(of: target.endpoint) else {
            return []
        }
        return view.addresses(ofTargetOf: index).map { view.backends[$0].endpoint }.filter(hops.left.contains)
            .map { self.target(at: $0, domain: hops.domain) }
    }

    /// An attempt goes to another address of its target, to which a connection stands: from now on that one answers for
    /// it.
    ///
    /// False, and nothing is changed, where its request may not go there: it has been there already, or that is no
    /// address of its own target as it knows it.
    @discardableResult
    package func attemptMoved(_ attempt: AttemptID, to target: BackendTarget, now: NIODeadline) -> Bool {
        guard let client = client(attempt), client.state == .calling, mayMove(client, to: target) else { return false }
        let server = client.server
        release(client)
        endLoad(client)
        client.target = target
        client.backend = target
        watch(client, now: now)
        client.trailPlace = server.trail.redirect(to: target)
        server.lastTarget = target
        if let index = server.pool?.index(of: target.endpoint) {
            client.poolIndex = index
            server.tried.insert(index)
            beginLoad(client)
        } else {
            server.hops?.skip(to: target.endpoint)
        }
        return true
    }

    private func mayMove(_ client: ClientTransaction, to target: BackendTarget) -> Bool {
        let server = client.server
        guard !client.isMovedToTCP else { return false }
        let endpoint = client.target?.endpoint
        if let pool = server.pool, let index = client.poolIndex, pool.backends[index].endpoint == endpoint {
            guard target.pool == pool.id, let other = pool.index(of: target.endpoint) else { return false }
            return pool.backends[other].isUsable && !server.tried.contains(other)
        }
        return server.hops?.left.contains(target.endpoint) ?? false
    }

    /// A connection to another address of an attempt's target stands, and its request may not go there: it goes on to its
    /// next candidate.
    ///
    /// Nothing is held against its own address, which may only be slow; false where that is all that is left to it.
    package func attemptOutrun(_ attempt: AttemptID, now: NIODeadline) -> Bool {
        guard let client = client(attempt), client.state == .calling, !client.isAbandoned else { return false }
        let server = client.server
        guard mayBegin(server, now: now), tryNext(server, now: now) else { return false }
        server.failedTries &+= 1
        counters.failedOver(.connectTimeout)
        note(client, .failed(.connectTimeout, status: 0), now: now)
        finish(client, afterReliable: true, now: now)
        return true
    }

    /// Whether an attempt's request has nowhere else to go, so that it is worth waiting for a server that was not there a
    /// moment ago (TRN-50).
    package func isLastResort(_ attempt: AttemptID, now: NIODeadline) -> Bool {
        guard let client = client(attempt), client.state == .calling, !client.isAbandoned, client.target != nil else {
            return false
        }
        return othersLeft(client.server, now: now) == 0
    }

    /// A connection that was tried for several requests could not be opened: it counts once.
    package func connectionFailed(to target: BackendTarget, _ failure: AttemptFailure, now: NIODeadline) {
        act(.event(.attempt(target, failure, retryAfter: nil, duration: .zero)))
        if let id = target.id { local.failed(id, now: now) }
    }
}
