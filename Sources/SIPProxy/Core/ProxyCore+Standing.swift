// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage

/// Who is on the other side, for what may be asked of the edge: the one answer for all that asks (PRX-22, LOC-72, FLW-37).
///
/// It is the role of the listener by which whoever that is might have come. Behind our own connections stand own servers,
/// which are the backends of trusted pools; those of a pool that a `peer` listener stands for are a partner's; and those of
/// `trust: false` pools, and whom some request has made us connect to, may ask for no more than any client.
extension ProxyCore {
    func standing(of flow: FlowContext, _ box: SnapshotBox) -> ListenerIdentity.Role {
        let role = box.listeners.role(of: flow.listener)
        guard case .backend(let target) = flow.side else { return role }
        return standing(of: target, facing: role, box)
    }

    /// The same for a next hop, which a listener of that role stands for.
    func standing(
        of target: BackendTarget,
        facing role: ListenerIdentity.Role?,
        _ box: SnapshotBox
    ) -> ListenerIdentity.Role {
        guard let pool = target.pool, box.isTrusted(pool) else { return .access }
        return role == .peer ? .peer : .inner
    }

    /// Whether this side may have requests relayed anywhere (PRX-22).
    func isTrusted(_ flow: FlowContext, _ box: SnapshotBox) -> Bool { standing(of: flow, box) != .access }

    /// Whether our own servers are on the other side.
    func isOwnServer(_ flow: FlowContext, _ box: SnapshotBox) -> Bool { standing(of: flow, box) == .inner }

    /// Whether what our Record-Route values said of themselves lets a request go where its dialog leads: the token of a
    /// flow, or over a connection of ours the mark that its server was given in its place.
    func isInvited(by tokens: [FlowToken], _ request: SIPMessage, on flow: FlowContext) -> Bool {
        tokens.contains { !$0.isMark || (flow.side != .client && request.to.tag != nil) }
    }
}
