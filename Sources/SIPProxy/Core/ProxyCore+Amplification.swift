// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// What a forged source address could be made to be sent, which is kept within a factor of what came from it (OVL-23).
///
/// RFC 3261 repeats the final of an INVITE ten times until its ACK comes, and servers their 2xx and what asks for a PRACK. To
/// an address from which nothing but a request has come, which anybody can write, that ends where the factor is reached.
extension ProxyCore {
    /// Bytes that may be answered to an unverified source for each byte received from it.
    static let amplificationLimit = 3

    /// Whether a response may be sent once more to a client that does not ask for it.
    func mayRepeat(_ response: ByteBuffer, _ server: ServerTransaction, now: NIODeadline) -> Bool {
        let (received, sent) = (Int(server.bytesReceived), Int(server.bytesSent))
        return sent + response.readableBytes <= Self.amplificationLimit * received || isVerified(server.flow, now: now)
    }

    /// Whether a response of a backend goes up; of those that it repeats, or adds to a 2xx, only as many as may be.
    func mayRelay(_ response: ByteBuffer, _ server: ServerTransaction, isRepeat: Bool) -> Bool {
        guard isRepeat, !mayRepeat(response, server, now: latest) else { return true }
        act(.event(.dropped(.amplification)))
        return false
    }

    /// Whether a flow leads to where it says: connections, own servers, partners, trusted sources, and addresses that have
    /// shown themselves.
    private func isVerified(_ flow: FlowContext, now: NIODeadline) -> Bool {
        guard flow.transport == .udp, flow.side == .client, box.listeners.isAccess(flow.listener) else { return true }
        return shown.contains(flow.remoteAddress, now: now) || snapshot.settings.trusts(flow.remoteAddress)
    }

    /// An ACK came for a final that was sent from here: if it has the tag of that, whoever sent it has read it.
    ///
    /// Nothing else shows that: a flow token stands in the Record-Route that the other side of a call gets, and the tag of a
    /// request within a dialog was written by who sent the INVITE.
    func noteShown(by ack: SIPMessage, on flow: FlowContext, of server: ServerTransaction) {
        guard !isVerified(flow, now: latest), mayShow(flow, server),
            let tag = ack.to.tag, let response = server.lastResponse,
            case .message(let final) = MessageParser.parse(response, framing: .datagram, limits: MessageLimits()),
            let own = final.to.tag, final.bytes.equals(own, ack.bytes, tag)
        else { return }
        shown.insert(flow.remoteAddress, now: latest)
    }

    /// An ACK came for a 2xx that went up: its tag is a part of what it is known by.
    func noteShown(byPassing ack: SIPMessage, on flow: FlowContext) {
        guard !isVerified(flow, now: latest), ack.to.tag != nil,
            let server = attempt(acknowledgedBy: ack, on: flow)?.server, mayShow(flow, server)
        else { return }
        shown.insert(flow.remoteAddress, now: latest)
    }

    /// Whether an ACK can show that its sender reads answers: it comes from where the INVITE came from, and that named no
    /// tag.
    private func mayShow(_ flow: FlowContext, _ server: ServerTransaction) -> Bool {
        flow.remoteAddress == server.flow.remoteAddress && server.request.to.tag == nil
    }
}
