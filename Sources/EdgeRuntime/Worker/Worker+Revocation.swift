// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeTLS
internal import NIOCore
internal import SIPProxy
internal import Telemetry

/// Connections that were verified before a revocation list came (TLS-09).
extension Worker {
    /// Another snapshot holds: connections whose peer's certificate is on one of its new revocation lists are closed at
    /// once, with what waits to be sent.
    func reviewRevocations(since before: EdgeSnapshot) {
        guard snapshot.mayRevokeMore(than: before) else { return }
        let all = snapshot.contextsWithLists
        let revoked = streams.values.filter { $0.phase == .ready && isRevoked($0, orBy: all) }
        for flow in revoked { noteRevoked(flow) }
        for flow in revoked { flow.abort() }
    }

    /// Whether a list that holds now names the certificate of a connection's peer.
    func isRevoked(_ flow: StreamFlow) -> Bool { isRevoked(flow, orBy: snapshot.contextsWithLists) }

    /// - Parameter all: what counts where the listener that accepted the connection, or the pool, is gone: a list names
    ///   certificates by issuer and serial number, so that those of others say nothing wrong.
    private func isRevoked(_ flow: StreamFlow, orBy all: @autoclosure () -> [TLSContext]) -> Bool {
        if let setup = rules(of: flow) { return setup.map(flow.isPeerRevoked) ?? false }
        return all().contains(where: flow.isPeerRevoked)
    }

    /// Counts and tells of a connection that is closed for its peer's certificate.
    func noteRevoked(_ flow: StreamFlow) {
        counters.limits.increment(.revoked)
        // What is sent meanwhile for another one's end goes by those that stay.
        flow.isRetired = true
        var side = "client"
        if case .backend = flow.context.side { side = "backend" }
        let names = flow.context.verifiedNames.prefix(8).joined(separator: ",")
        hooks.logConnection(
            "connection's certificate is revoked",
            [
                ("peer", flow.context.peerText), ("side", side),
                ("identities", names.isEmpty ? "none" : names),
            ]
        )
    }

    /// By what the peer would be verified if it came now; nil where its listener or pool is there no longer.
    private func rules(of flow: StreamFlow) -> TLSContext?? {
        switch flow.context.side {
        case .client: snapshot.listener(flow.context.listener).map(\.tls)
        case .backend(let target): snapshot.lacksPool(of: target) ? nil : .some(snapshot.setup(for: target).tls)
        }
    }
}

extension EdgeSnapshot {
    /// Whether a connection may be revoked by this snapshot that was not by the one before: something has a list that it
    /// did not have, or is gone, and its connections with it under the lists of all others.
    fileprivate func mayRevokeMore(than before: EdgeSnapshot) -> Bool {
        let hasNewList = listeners.contains { $0.tls.hasNewList(since: before.listener($0.identity.id)?.tls) }
        if hasNewList || before.listeners.contains(where: { listener($0.identity.id) == nil }) { return true }
        return before.backends.count > backends.count
            || backends.indices.contains { index in
                let former = index < before.backends.count ? before.backends[index] : nil
                return backends[index].tls.hasNewList(since: former?.tls)
                    || backends[index].isRemoved && !(former?.isRemoved ?? true)
            }
    }

    /// Those that have revocation lists, each once.
    fileprivate var contextsWithLists: [TLSContext] {
        var seen: Set<ObjectIdentifier> = []
        return (listeners.map(\.tls) + backends.map(\.tls)).compactMap(\.self).filter { context in
            !context.revocations.isEmpty && seen.insert(ObjectIdentifier(context)).inserted
        }
    }

    /// Whether the pool that a backend belonged to is configured no longer.
    fileprivate func lacksPool(of target: BackendTarget) -> Bool {
        guard let pool = target.pool else { return false }
        return Int(pool.index) >= backends.count || backends[Int(pool.index)].isRemoved
    }
}

extension TLSContext? {
    /// Whether it has a revocation list that what was there before did not have; the same context has not.
    fileprivate func hasNewList(since before: TLSContext?) -> Bool {
        guard let self, self !== before else { return false }
        return !self.revocations.isSubset(of: before?.revocations ?? [])
    }
}
