// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// Which transaction a request belongs to (RFC 3261 section 17.2.3).
extension ProxyCore {
    /// The transaction under `key`, or that of a client which is there over another connection (TXN-25, TXN-35).
    func server(
        of message: SIPMessage,
        method: SIPMethod,
        key: TransactionKey,
        on flow: FlowContext,
        withToTag: Bool = true
    ) -> ServerTransaction? {
        if let slot = serverByKey[key] { return servers[slot] }
        guard !elsewhere.isEmpty, flow.transport.isReliable else { return nil }
        let key = keys.keyElsewhere(of: message, method: method, on: flow, withToTag: withToTag)
        guard let slot = elsewhere[key], let server = servers[slot], isSamePeer(server.flow, flow) else { return nil }
        if server.isFlowGone { move(server, to: flow) }
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

    /// A client has come back over another connection: its answers go there.
    func move(_ server: ServerTransaction, to flow: FlowContext) {
        forgetElsewhere(server)
        if serverByKey[server.key] == server.slot { serverByKey[server.key] = nil }
        server.move(to: flow, key: keys.key(of: server.request, method: server.request.method, on: flow))
        serverByKey[server.key] = server.slot
        noteProven(server)
    }

    /// The connection of a request is gone, or takes responses alone: its client may come back over another one.
    func orphan(_ server: ServerTransaction, isGone: Bool = true) {
        guard server.state != .terminated, server.flow.transport.isReliable else { return }
        server.isFlowGone = isGone
        noteElsewhere(server)
    }

    /// Who proves their names may come over another connection at any time: one that is half-open is not known to be gone.
    func noteProven(_ server: ServerTransaction) {
        if server.flow.identity != nil, server.flow.transport.isReliable { noteElsewhere(server) }
    }

    private func noteElsewhere(_ server: ServerTransaction) {
        guard server.elsewhereKey == nil else { return }
        let key = keys.keyElsewhere(of: server.request, method: server.request.method, on: server.flow)
        guard elsewhere[key] == nil else { return }
        server.elsewhereKey = key
        elsewhere[key] = server.slot
    }

    func forgetElsewhere(_ server: ServerTransaction) {
        guard let key = server.elsewhereKey else { return }
        if elsewhere[key] == server.slot { elsewhere[key] = nil }
        server.elsewhereKey = nil
    }

    private func isSamePeer(_ old: FlowContext, _ new: FlowContext) -> Bool {
        guard old.listener == new.listener else { return false }
        if old.identity == nil, new.identity == nil { return old.remoteAddress == new.remoteAddress }
        return old.sharesIdentity(with: new)
    }
}
