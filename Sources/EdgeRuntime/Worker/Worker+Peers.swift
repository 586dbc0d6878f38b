// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// Who may use a listener, by what a certificate proves (TLS-23).
extension Worker {
    /// Whether the connection stays: its certificate proves a domain that may use the listener, or who may not is told so
    /// with 403; without a certificate it proves none.
    func isTaken(_ flow: StreamFlow, _ peer: PeerIdentity?) -> Bool {
        let context = flow.context
        guard let setup = snapshot.listener(context.listener), setup.allowedPeers != nil,
            !context.verifiedNames.contains(where: setup.allows)
        else { return true }
        flow.isUnlisted = setup.answersUnlisted
        if !flow.isUnlisted { counters.refusals.increment(Int(context.listener.index), .peer) }
        let subject = peer.map { String($0.subject.prefix(RefusedCertificate.subjectLimit)) }
        hooks.logConnection(
            "peer is not allowed",
            who(context, setup) + [
                ("certificate", subject ?? "none"), ("action", flow.isUnlisted ? "requests answered 403" : "closed"),
            ]
        )
        return flow.isUnlisted
    }

    /// Tells of a request that is answered 403 for who sent it.
    func logForbidden(_ request: SIPMessage, on context: FlowContext) {
        guard request.method != .ack, let setup = snapshot.listener(context.listener) else { return }
        let method = MethodLabel(request.method).label
        hooks.logConnection("request of a peer that is not allowed", who(context, setup) + [("method", method)])
    }

    private func who(_ context: FlowContext, _ setup: ListenerSetup) -> [(String, String)] {
        let names = context.verifiedNames.prefix(8).joined(separator: ",")
        return [
            ("peer", context.peerText), ("listener", setup.identity.name),
            ("identities", names.isEmpty ? "none" : names),
        ]
    }
}
