// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Responses: on the connection that the request came on, or where its Via leads when that is gone (RFC 3261 section
/// 18.2.2, RFC 3263 section 5).
extension ProxyCore {
    /// The slot of attempts that carry responses; no transaction has it.
    static let returnSlot = UInt32.max

    /// Sends a response towards the client of a transaction.
    func respond(_ server: ServerTransaction, _ response: ByteBuffer) {
        guard server.isFlowGone, mayConnect(backTo: server.flow) else {
            return act(.respond(server.flow.id, datagram: responseAddress(server.request, server.flow), response))
        }
        goOn(ReturnWalk(response, to: server.request, on: server.flow))
    }

    /// Whether a connection may be opened to send a response: to servers alone (TRN-26).
    ///
    /// A client on an access listener is behind NAT, where it cannot work, and could make the edge connect to hosts of
    /// its choice.
    private func mayConnect(backTo flow: FlowContext) -> Bool {
        if case .backend(let target) = flow.side { return target.pool != nil }
        return box.listeners[flow.listener].map { !$0.identity.isAccess } ?? false
    }

    private func goOn(_ walk: ReturnWalk) {
        if let endpoint = walk.next(where: { mayBeSent(to: $0, from: walk.flow, box: box) }) {
            let attempt = AttemptID(slot: Self.returnSlot, nonce: makeNonce())
            returning[attempt] = walk
            return act(.sendToBackend(target(at: endpoint, domain: walk.domain), attempt, walk.response))
        }
        // Failing to send a response disturbs nothing else (RFC 3261 section 16.9, TRN-34).
        guard let name = walk.takeName() else { return act(.event(.dropped(.deadFlow))) }
        askForHops(name, for: .response(walk))
    }

    /// A response could not be sent there.
    func returnFailed(_ attempt: AttemptID) {
        if let walk = returning.removeValue(forKey: attempt) { goOn(walk) }
    }

    /// The servers of the name in a Via have come.
    func resolved(_ walk: ReturnWalk, _ outcome: ResolutionOutcome) {
        walk.take(candidates(outcome, from: walk.flow, box: box, seed: generator.next()) ?? [])
        goOn(walk)
    }
}
