// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// The tokens of clients' flows (RFC 5626 section 5.2).
extension Worker {
    /// The token of a client's flow, by the key that holds now.
    func token(
        _ id: FlowID,
        _ listener: ListenerID,
        _ transport: SIPTransport,
        _ address: IPAddress,
        _ port: UInt16,
        proving names: [String] = []
    ) -> ByteBuffer {
        let keys = snapshot.proxy.tokens
        let identity = FlowToken.Identity(of: names, keyID: keys.currentKeyID, by: keys)
        let token = FlowToken(
            flow: id,
            transport: transport,
            listener: listener,
            address: address,
            port: port,
            identity: identity
        )
        return token.sealed(by: keys)
    }

    /// Gives the flows that are open tokens by a new key: they may outlive the key that they began with (FLW-16).
    func renewTokens() {
        for flow in streams.values where flow.context.side == .client { renewToken(of: flow) }
    }

    /// A client's token says whom its certificate proves, so that it is known over its next connection (FLW-26).
    func renewToken(of flow: StreamFlow) {
        let context = flow.context
        let isAccess = snapshot.listener(context.listener)?.identity.isAccess ?? false
        flow.context.token = token(
            context.id,
            context.listener,
            context.transport,
            context.remoteAddress,
            context.remotePort,
            proving: isAccess ? context.verifiedNames : []
        )
    }
}
