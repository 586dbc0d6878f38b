// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// Which transaction a request belongs to (RFC 3261 section 17.2.3).
extension ProxyCore {
    /// The transaction under `key`, or that of a client which came back over another connection (TXN-25).
    func server(
        of message: SIPMessage,
        method: SIPMethod,
        key: TransactionKey,
        on flow: FlowContext
    ) -> ServerTransaction? {
        if let slot = serverByKey[key] {
            guard let server = servers[slot] else { return nil }
            if server.isFlowGone, flow.id != server.flow.id { cameBack(server, over: flow) }
            return server
        }
        guard !orphans.isEmpty, flow.transport.isReliable else { return nil }
        let bare = keys.key(of: message, method: method, on: flow, withConnection: false)
        guard let slot = orphans[bare], let server = servers[slot], isSamePeer(server.flow, flow) else { return nil }
        orphans[bare] = nil
        server.orphanKey = nil
        serverByKey[server.key] = nil
        server.move(to: flow, key: key)
        serverByKey[key] = server.slot
        return server
    }

    /// A client whose certificate proves who it is has come back over another connection: its answers go there (TXN-35).
    func cameBack(_ server: ServerTransaction, over flow: FlowContext) {
        if let key = server.orphanKey, orphans[key] == server.slot { orphans[key] = nil }
        server.orphanKey = nil
        server.move(to: flow, key: server.key)
    }

    /// The connection of a request is gone, or takes responses alone: its client may come back over another one.
    func orphan(_ server: ServerTransaction, isGone: Bool = true) {
        guard server.state != .terminated, server.flow.transport.isReliable else { return }
        server.isFlowGone = isGone
        let bare = keys.key(
            of: server.request,
            method: server.request.method,
            on: server.flow,
            withConnection: false
        )
        guard orphans[bare] == nil else { return }
        server.orphanKey = bare
        orphans[bare] = server.slot
    }

    private func isSamePeer(_ old: FlowContext, _ new: FlowContext) -> Bool {
        old.remoteAddress == new.remoteAddress && old.listener == new.listener
            && old.verifiedNames == new.verifiedNames
    }
}
