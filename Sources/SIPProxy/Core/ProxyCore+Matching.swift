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
        on flow: FlowContext,
        withToTag: Bool = true
    ) -> ServerTransaction? {
        if let slot = serverByKey[key] {
            guard let server = servers[slot] else { return nil }
            if server.isFlowGone, flow.id != server.flow.id { cameBack(server, over: flow) }
            return server
        }
        guard !orphans.isEmpty, flow.transport.isReliable else { return nil }
        let bare = keys.key(of: message, method: method, on: flow, withConnection: false, withToTag: withToTag)
        guard let slot = orphans[bare], let server = servers[slot], isSamePeer(server.flow, flow) else { return nil }
        orphans[bare] = nil
        server.orphanKey = nil
        serverByKey[server.key] = nil
        server.move(to: flow, key: key)
        serverByKey[key] = server.slot
        return server
    }

    /// The transaction of the INVITE that an ACK is for, as long as no 2xx went up: that one is known by branch.
    ///
    /// Without the cookie, by what both have and by the To tag of the answer (TXN-34); the INVITE itself has that only
    /// within a dialog.
    func server(acknowledgedBy ack: SIPMessage, on flow: FlowContext) -> ServerTransaction? {
        if let branch = ack.topmostVia.branch, TransactionKeyMaker.hasCookie(ack, branch) {
            return server(of: ack, method: .invite, key: keys.key(of: ack, method: .invite, on: flow), on: flow)
        }
        for withToTag in [true, false] {
            let key = keys.key(of: ack, method: .invite, on: flow, withToTag: withToTag)
            if let server = server(of: ack, method: .invite, key: key, on: flow, withToTag: withToTag),
                hasTag(of: ack, server)
            {
                return server
            }
        }
        return nil
    }

    /// Whether the To tag of an ACK is that of the final which was sent.
    private func hasTag(of ack: SIPMessage, _ server: ServerTransaction) -> Bool {
        guard server.state == .completed || server.state == .confirmed, let bytes = server.lastResponse,
            case .message(let response) = MessageParser.parse(bytes, framing: .datagram, limits: .none)
        else { return true }
        return ack.bytes.equals(ack.to.tag ?? .empty, response.bytes, response.to.tag ?? .empty)
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
