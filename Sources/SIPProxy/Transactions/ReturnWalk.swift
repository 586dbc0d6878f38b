// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// One response on its way to another server, whose connection is gone or whose host may refuse datagrams (RFC 3261
/// section 18.2.2, RFC 3263 section 5).
///
/// First the address that the request came from with the port of sent-by, over UDP with that of `rport` where it was
/// asked for; then what sent-by itself leads to. The transport stays that of the request: TLS never becomes TCP (TRN-27).
final class ReturnWalk {
    /// Servers that one response may try.
    static let tries = 8

    let response: ByteBuffer
    /// The flow that the request came on.
    let flow: FlowContext
    private let request: SIPMessage
    /// Whether the name in sent-by was asked for; an address there needs no asking.
    private var isNameTaken: Bool
    /// Where the datagram of the request came from: an answer may go there whatever the address.
    private let source: Endpoint?
    private var left: ArraySlice<Endpoint>
    private var tried: [Endpoint] = []

    /// `first` is where a datagram goes, which `rport` may say.
    init(_ response: ByteBuffer, to request: SIPMessage, on flow: FlowContext, first: DatagramAddress? = nil) {
        self.response = response
        self.flow = flow
        self.request = request
        let via = request.topmostVia
        let transport = flow.transport
        let port = via.port ?? transport.defaultPort
        isNameTaken = via.address != nil
        source = first.map { Endpoint(transport: transport, address: $0.address, port: $0.port) }
        left = [source ?? Endpoint(transport: transport, address: flow.remoteAddress, port: port)]
        // Nobody but the sender says that this address is its own.
        guard let address = via.address?.unmapped, !address.isUnsendable, !address.isLoopback, !address.isLinkLocal
        else { return }
        left.append(Endpoint(transport: transport, address: address, port: port))
    }

    /// The name that a certificate must prove; nil: the address itself.
    var domain: String? {
        let via = request.topmostVia
        return via.address == nil ? request.bytes.text(via.host) : nil
    }

    /// The next server to try, of those that a response may go to.
    func next(where passes: (Endpoint) -> Bool) -> Endpoint? {
        while let endpoint = left.popFirst(), tried.count < Self.tries {
            guard !tried.contains(endpoint), endpoint == source || passes(endpoint) else { continue }
            tried.append(endpoint)
            return endpoint
        }
        return nil
    }

    /// The name to be asked for when the addresses that are known run out; once.
    func takeName() -> NextHopName? {
        guard !isNameTaken, let domain else { return nil }
        isNameTaken = true
        return NextHopName(host: domain, port: request.topmostVia.port, transport: flow.transport, isSecure: false)
    }

    /// Takes the servers of the name, in order.
    func take(_ servers: [Endpoint]) { left = servers[...] }
}
