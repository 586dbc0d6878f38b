// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// One response on its way to a client whose connection is gone (RFC 3261 section 18.2.2, RFC 3263 section 5).
///
/// First the address that the request came from with the port of sent-by, then what sent-by itself leads to. The
/// transport stays that of the request: TLS never becomes TCP (TRN-27).
final class ReturnWalk {
    /// Connections that one response may try.
    static let tries = 8

    let response: ByteBuffer
    /// The flow that is gone.
    let flow: FlowContext
    /// The name that a certificate must prove; nil: the address itself.
    let domain: String?
    /// What is asked for when the addresses that are known run out.
    private var name: NextHopName?
    private var left: ArraySlice<Endpoint>
    private var tried: [Endpoint] = []

    init(_ response: ByteBuffer, to request: SIPMessage, on flow: FlowContext) {
        self.response = response
        self.flow = flow
        let via = request.topmostVia
        let transport = flow.transport
        let port = via.port ?? transport.defaultPort
        left = [Endpoint(transport: transport, address: flow.remoteAddress, port: port)]
        guard let literal = via.address else {
            let host = request.bytes.text(via.host)
            name = NextHopName(host: host, port: via.port, transport: transport, isSecure: false)
            domain = host
            return
        }
        domain = nil
        // Nobody but the sender says that this address is its own.
        let address = literal.unmapped
        if !address.isUnsendable, !address.isLoopback, !address.isLinkLocal {
            left.append(Endpoint(transport: transport, address: address, port: port))
        }
    }

    /// The next server to try, of those that a response may go to.
    func next(where passes: (Endpoint) -> Bool) -> Endpoint? {
        while let endpoint = left.popFirst(), tried.count < Self.tries {
            guard !tried.contains(endpoint), passes(endpoint) else { continue }
            tried.append(endpoint)
            return endpoint
        }
        return nil
    }

    /// The name to be asked for; once.
    func takeName() -> NextHopName? {
        defer { name = nil }
        return name
    }

    /// Takes the servers of the name, in order.
    func take(_ servers: [Endpoint]) { left = servers[...] }
}
