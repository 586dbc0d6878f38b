// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// What leaves upon a response: itself, towards the client, and what its sender is told.
extension ProxyCore {
    // MARK: To the client

    /// Sends a response on towards the client without our Via (RFC 3261 section 16.7(3) and (9)).
    ///
    /// A 401 or 407 takes the challenges of others along. `isBelieved` says whether its sender may speak of users' identities.
    func relay(
        _ response: SIPMessage,
        _ server: ServerTransaction,
        isBelieved: Bool,
        adding challenges: [ByteBuffer] = [],
        counts: Bool = true
    ) {
        edits.reset()
        let box = server.snapshot
        screen(response, box, isBelieved: isBelieved, isConfided: believes(server.flow, box))
        edits.popVia(of: response)
        edits.removeOverload(ofLowerViasOf: response)
        if let feedback = feedback(to: server.request, on: server.flow) {
            edits.writeOverload(feedback, inSecondViaOf: response)
        }
        if server.flow.transport.isReliable { edits.addContentLength(to: response) }
        grantFlowTimer(response, server)
        if response.status == 401 || response.status == 407 {
            for line in challenges { edits.appendLine(to: response) { $0.writeImmutableBuffer(line) } }
        }
        var output = ByteBuffer()
        edits.apply(to: response, into: &output)
        guard mayRelay(output, server, isRepeat: !counts || output == server.lastResponse) else { return }
        // A late 2xx is nothing to repeat in the place of the final that was sent.
        if server.state == .proceeding { server.lastResponse = output }
        if counts { counters.relayed(response.status) }
        respond(server, output)
    }

    /// Flow-Timer on a 2xx to REGISTER that this edge, the first hop, may promise (FLW-22).
    private func grantFlowTimer(_ response: SIPMessage, _ server: ServerTransaction) {
        guard server.request.method == .register, response.status / 100 == 2, server.request.viaCount == 1,
            response.optionTags(.require).contains(where: { response.equals($0, "outbound") })
        else { return }
        let seconds = snapshot.settings.flowTimer
        if server.flow.transport.isReliable {
            // Somewhat longer than the client was told, so that a ping on its way is not missed (RFC 5626 section 5.4).
            act(.limitIdle(server.flow.id, .milliseconds(Int64(seconds) * 1250)))
        }
        edits.removeAll(.flowTimer, of: response)
        edits.appendLine(to: response) { buffer in
            buffer.writeStaticString("Flow-Timer: ")
            buffer.writeDecimal(UInt64(seconds))
            buffer.writeStaticString("\r\n")
        }
    }

    // MARK: To the next hop

    /// The hop-by-hop ACK, on the flow that the INVITE left on (TXN-07).
    func acknowledge(_ response: SIPMessage, _ client: ClientTransaction) {
        guard let invite = sentInvite(client) else { return }
        let ack = RequestWriter.ack(for: invite, response: response)
        client.ack = ack
        sendAgain(ack, client)
    }

    /// Sends something of an attempt once more, to the same place.
    func sendAgain(_ bytes: ByteBuffer, _ client: ClientTransaction) {
        if let flow = client.flow {
            act(.sendOnFlow(flow, datagram: client.datagram, nil, bytes))
        } else if let target = client.target {
            act(.sendToBackend(target, nil, bytes))
        }
    }

    /// The INVITE of an attempt as it was sent, written once more: only what is sent again is kept (OVL-37).
    func sentInvite(_ client: ClientTransaction) -> SIPMessage? {
        let bytes = client.sent ?? writeAgain(client)
        guard let bytes, case .message(let invite) = MessageParser.parse(bytes, framing: .datagram, limits: .none)
        else {
            return nil
        }
        return invite
    }
}
