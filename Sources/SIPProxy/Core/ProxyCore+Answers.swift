// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// Which server has answered an INVITE 2xx: the ACK for that may come without a Route of ours, and must find the same one
/// (TXN-26, PRX-79).
extension ProxyCore {
    /// Answers to one INVITE beyond the first whose ACKs are led to their servers.
    static let furtherAnswerLimit = 7

    /// A 2xx to an INVITE goes up.
    func rememberAnswer(_ response: SIPMessage, of client: ClientTransaction) {
        let server = client.server
        guard server.isInvite, server.state != .terminated else { return }
        let key = keys.acknowledgementKey(of: server.request, to: response, on: server.flow)
        if server.acknowledgementKey == nil {
            server.acknowledgementKey = key
        } else if server.acknowledgementKey != key, !server.furtherAcknowledgementKeys.contains(key) {
            guard server.furtherAcknowledgementKeys.count < Self.furtherAnswerLimit else { return }
            server.furtherAcknowledgementKeys.append(key)
        }
        acknowledgeable[key] = client
    }

    /// The attempt whose 2xx an ACK is for, as long as its transaction lasts.
    func attempt(acknowledgedBy ack: SIPMessage, on flow: FlowContext) -> ClientTransaction? {
        acknowledgeable[keys.acknowledgementKey(of: ack, to: ack, on: flow)]
    }

    func forgetAnswers(to server: ServerTransaction) {
        guard let first = server.acknowledgementKey else { return }
        if acknowledgeable[first]?.server === server { acknowledgeable[first] = nil }
        for key in server.furtherAcknowledgementKeys where acknowledgeable[key]?.server === server {
            acknowledgeable[key] = nil
        }
    }
}
