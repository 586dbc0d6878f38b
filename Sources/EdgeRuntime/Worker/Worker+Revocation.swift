// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import SIPProxy

/// Connections that were verified before a revocation list came (TLS-09).
extension Worker {
    /// Another snapshot holds: connections whose peer's certificate is on one of its new revocation lists are at their end,
    /// and are closed within a second as those are whose peer's certificate has expired.
    func reviewRevocations(since before: EdgeSnapshot) {
        let listeners = snapshot.listeners.filter { setup in
            setup.tls.hasNewList(since: before.listener(setup.identity.id)?.tls)
        }
        let pools = snapshot.backends.indices.filter { index in
            let former = index < before.backends.count ? before.backends[index].tls : nil
            return snapshot.backends[index].tls.hasNewList(since: former)
        }
        guard !listeners.isEmpty || !pools.isEmpty else { return }
        for flow in streams.values where flow.phase == .ready && isRevoked(flow) { revoke(flow) }
    }

    /// Whether a list that holds now names the certificate of a connection's peer.
    func isRevoked(_ flow: StreamFlow) -> Bool {
        rules(of: flow).map(flow.isPeerRevoked) ?? false
    }

    /// Nothing new begins on the connection, and it is closed when the worker next looks after its flows.
    func revoke(_ flow: StreamFlow) {
        flow.certificate = .ended(now: eventLoop.now)
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

    /// By what the peer would be verified if it came now.
    private func rules(of flow: StreamFlow) -> TLSContext? {
        switch flow.context.side {
        case .client: snapshot.listener(flow.context.listener)?.tls
        case .backend(let target): snapshot.setup(for: target).tls
        }
    }
}

extension TLSContext? {
    /// Whether it has a revocation list that what was there before did not have; the same context has not.
    fileprivate func hasNewList(since before: TLSContext?) -> Bool {
        guard let self, self !== before else { return false }
        return !self.revocations.isSubset(of: before?.revocations ?? [])
    }
}
