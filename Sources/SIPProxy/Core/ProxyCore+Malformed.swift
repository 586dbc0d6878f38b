// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import NIOCore
package import SIPMessage

/// Messages that cannot be taken.
extension ProxyCore {
    /// A message came that cannot be taken: it is answered where that is allowed, without any state.
    ///
    /// Never answered are responses, ACKs, and datagrams whose topmost Via does not say where an answer goes (TRN-16).
    package func receiveMalformed(_ message: MalformedMessage, on flow: FlowContext, now: NIODeadline) {
        // Under a Via of ours it is a response gone wrong, whatever its start line looks like.
        let branch = message.topmostVia?.branch.flatMap { Branch.read(message.bytes, $0) }
        let isAddressed = flow.transport.isReliable || message.topmostVia != nil
        guard isAddressed, branch == nil, let answer = refusal(of: message, on: flow) else {
            return act(.event(.dropped(.malformed)))
        }
        // Whoever forges a source must not have more sent there than it sends itself.
        let received = message.bytes.readableBytes
        guard flow.transport.isReliable || answer.readableBytes <= Self.amplificationLimit * received else {
            return act(.event(.dropped(.amplification)))
        }
        counters.answered(message.status ?? 400)
        act(
            .respond(
                flow.id,
                datagram: message.topmostVia.flatMap { responseAddress($0, in: message.bytes, flow) },
                answer
            )
        )
    }

    /// The answer to a message that cannot be taken; on a datagram's topmost Via stands where it came from, by which the
    /// answer goes (RFC 3261 section 18.2, RFC 3581 section 4).
    private func refusal(of message: MalformedMessage, on flow: FlowContext) -> ByteBuffer? {
        let source = flow.transport.isReliable ? nil : source(of: flow)
        let server = snapshot.settings.serverLine
        return ResponseWriter.response(to: message, tag: keys.tag(of: message), source: source) { buffer in
            buffer.writeImmutableBuffer(server)
        }
    }
}
