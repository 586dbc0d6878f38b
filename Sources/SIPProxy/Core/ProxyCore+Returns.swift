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
        server.bytesSent &+= UInt32(truncatingIfNeeded: response.readableBytes)
        respond(to: server.request, on: server.flow, isGone: server.isFlowGone, response)
    }

    /// Sends a response to a request that came on a flow.
    func respond(to request: SIPMessage, on flow: FlowContext, isGone: Bool = false, _ response: ByteBuffer) {
        let address = responseAddress(request, flow)
        guard isGone || address.map({ isWatched($0, flow) }) == true, mayConnect(backTo: flow) else {
            return act(.respond(flow.id, datagram: address, response))
        }
        goOn(ReturnWalk(response, to: request, on: flow, first: address))
    }

    /// Whether a response by datagram is followed to see whether it was refused (TRN-31).
    ///
    /// For that it needs a socket between the very two ports that the request went between: what the server sends next
    /// then comes to the same worker as before. A pool's backend has such a socket already.
    private func isWatched(_ address: DatagramAddress, _ flow: FlowContext) -> Bool {
        guard flow.side == .client, address == DatagramAddress(address: flow.remoteAddress, port: flow.remotePort)
        else { return false }
        return pool(of: Endpoint(transport: .udp, address: address.address, port: address.port)) == nil
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
