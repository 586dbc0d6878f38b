// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What is believed of a user, and told to whom (RFC 3325 sections 5 to 7, OVL-47, OVL-48).
extension ProxyCore {
    /// Takes out of a message what its sender may not say and what its next reader may not see.
    ///
    /// `believed` and `confided` are asked only when there is something to decide.
    func screen(
        _ message: SIPMessage,
        _ box: SnapshotBox,
        isBelieved believed: @autoclosure () -> Bool,
        isConfided confided: @autoclosure () -> Bool
    ) {
        let filter = box.proxy.settings.removedHeaders
        guard filter.mayConcern(message) else { return }
        if !believed() {
            edits.remove(filter, of: message)
        } else if message.has(.pAssertedIdentity), message.wantsIdentityHidden, !confided() {
            edits.removeAll(.pAssertedIdentity, of: message)
        }
    }

    /// Tells a trusted next hop whom the client's certificate proves, and lets nobody else say so (TLS-26, OVL-50).
    ///
    /// What a trusted sender says of an earlier hop stays.
    func assertPeer(_ request: SIPMessage, on flow: FlowContext, _ hop: Hop, _ box: SnapshotBox) {
        guard let header = box.proxy.settings.peerHeader else { return }
        let (isBelieved, isConfided) = (believes(flow, box), trusts(hop, box))
        if isBelieved, isConfided, request.has(header.filter) { return }
        edits.remove(header.filter, of: request)
        guard isConfided, flow.side == .client, !flow.verifiedNames.isEmpty else { return }
        edits.splice(at: request.endOfVias) { buffer in
            buffer.writeImmutableBuffer(header.label)
            for (place, name) in flow.verifiedNames.prefix(PeerHeader.nameLimit).enumerated() {
                if place > 0 { buffer.writeStaticString(", ") }
                buffer.writeString(name)
            }
            buffer.writeStaticString("\r\n")
        }
    }

    /// Whether what comes on a flow is believed: from trusted listeners and pools.
    func believes(_ flow: FlowContext, _ box: SnapshotBox) -> Bool {
        switch flow.side {
        case .backend(let target): trusts(target, box)
        case .client: trusts(flow.listener, box)
        }
    }

    /// Whether what answers a request is believed: by where that was sent, whoever has opened the connection.
    func believes(_ flow: FlowContext, answering client: ClientTransaction) -> Bool {
        let box = client.server.snapshot
        return client.target.map { trusts($0, box) } ?? believes(flow, box)
    }

    /// Whether a next hop may see whom a user asks to hide.
    func trusts(_ hop: Hop, _ box: SnapshotBox) -> Bool {
        switch hop {
        case .backend(let target, _): trusts(target, box)
        case .flow(let token): trusts(token.listener, box)
        }
    }

    private func trusts(_ listener: ListenerID, _ box: SnapshotBox) -> Bool {
        box.listeners[listener]?.identity.isTrusted ?? false
    }

    /// Whoever stands outside pools is nobody that we know.
    private func trusts(_ target: BackendTarget, _ box: SnapshotBox) -> Bool {
        target.pool != nil && box.proxy.policy(of: target.pool).isTrusted
    }
}
