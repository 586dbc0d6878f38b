// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Responses: on the flow that the request came on, or where its Via leads when that is gone or refuses (RFC 3261
/// section 18.2.2, RFC 3263 section 5).
extension ProxyCore {
    /// The slot of attempts that carry responses; no transaction has it.
    static let returnSlot = UInt32.max

    /// Sends a response towards the client of a transaction.
    func respond(_ server: ServerTransaction, _ response: ByteBuffer) {
        let address = responseAddress(server.request, server.flow)
        guard server.isFlowGone || address.map({ isWatched($0, server.flow) }) == true, mayConnect(backTo: server.flow)
        else { return act(.respond(server.flow.id, datagram: address, response)) }
        goOn(ReturnWalk(response, to: server.request, on: server.flow, first: address))
    }

    /// Whether a response by datagram is followed to see whether it was refused (TRN-31); that of a pool's backend has a
    /// socket of its own already.
    private func isWatched(_ address: DatagramAddress, _ flow: FlowContext) -> Bool {
        flow.side == .client && pool(of: Endpoint(transport: .udp, address: address.address, port: address.port)) == nil
    }

    /// Whether a response may go where the Via leads: to servers alone (TRN-26, TRN-31).
    ///
    /// A client on an access listener is behind NAT, where it cannot work, and could make the edge send to hosts of its
    /// choice.
    private func mayConnect(backTo flow: FlowContext) -> Bool {
        if case .backend(let target) = flow.side { return target.pool != nil }
        return box.listeners[flow.listener].map { !$0.identity.isAccess } ?? false
    }

    private func goOn(_ walk: ReturnWalk) {
        if let endpoint = walk.next(where: { mayBeSent(to: $0, from: walk.flow, box: box) }) {
            let attempt = AttemptID(slot: Self.returnSlot, nonce: makeNonce())
            returning[attempt] = walk
            guard endpoint.transport == .udp else {
                return act(.sendToBackend(target(at: endpoint, domain: walk.domain), attempt, walk.response))
            }
            let address = DatagramAddress(address: endpoint.address, port: endpoint.port)
            return act(.respondWatched(walk.flow.id, datagram: address, attempt, walk.response))
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
