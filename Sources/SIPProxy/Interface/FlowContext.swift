// SPDX-License-Identifier: Apache-2.0

package import BackendPool
package import NIOCore
package import SIPMessage

/// Where a request for a backend goes: the endpoint, and the pool whose TLS identity and names apply to it.
package struct BackendTarget: Sendable, Hashable {
    package let endpoint: Endpoint
    /// The pool that it belongs to; nil for a next hop that a Route or Request-URI names outside every pool.
    package let pool: PoolID?
    /// The name that a certificate there must prove, outside pools: the host that was asked for, whatever DNS made of it
    /// (RFC 5922 section 4, LOC-22); nil: the address itself, or what the pool says.
    package let domain: String?

    @inlinable
    package init(endpoint: Endpoint, pool: PoolID?, domain: String? = nil) {
        self.endpoint = endpoint
        self.pool = pool
        self.domain = domain
    }

    /// The backend that it is; nil outside pools.
    var id: BackendID? { pool.map { BackendID(pool: $0, endpoint: endpoint) } }
}

/// What the core must know of the flow that a message came on; small, and passed with every message.
package struct FlowContext: Sendable {
    package enum Side: Sendable, Hashable {
        /// Accepted by a listener.
        case client
        /// Opened by Brana towards a backend.
        case backend(BackendTarget)
    }

    package var id: FlowID
    package var side: Side
    /// The listener that accepted it, or that stands for Brana on this side.
    package var listener: ListenerID
    package var transport: SIPTransport
    package var remoteAddress: IPAddress
    package var remotePort: UInt16
    /// The text of `remoteAddress`, rendered once a flow.
    package var remoteText: ByteBuffer
    /// The user part of Record-Route and Path URIs that lead back to this flow: its flow token (FLW-11).
    package var token: ByteBuffer
    /// Names that the peer's certificate proves (RFC 5922 section 7.1), for route rules.
    package var verifiedNames: [String] {
        didSet { identity = Self.identity(of: verifiedNames) }
    }
    /// A number for all of these names together, in any order, which others may have too; nil where nothing is proved.
    package private(set) var identity: UInt64?
    /// The load balancer that brought the connection and said whose it is (TRN-69); nil where there is none.
    package var front: Front?

    /// Where a load balancer in front stands; by reference, for few flows have one.
    package final class Front: Sendable {
        package let address: IPAddress
        package let port: UInt16

        package init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    package init(
        id: FlowID,
        side: Side,
        listener: ListenerID,
        transport: SIPTransport,
        remoteAddress: IPAddress,
        remotePort: UInt16,
        remoteText: ByteBuffer,
        token: ByteBuffer,
        verifiedNames: [String] = []
    ) {
        self.id = id
        self.side = side
        self.listener = listener
        self.transport = transport
        self.remoteAddress = remoteAddress
        self.remotePort = remotePort
        self.remoteText = remoteText
        self.token = token
        self.verifiedNames = verifiedNames
        identity = Self.identity(of: verifiedNames)
    }

    private static func identity(of names: [String]) -> UInt64? {
        guard !names.isEmpty else { return nil }
        return names.sorted().reduce(UInt64(names.count)) { StableHash.mix($0 ^ StableHash.hash($1)) }
    }

    /// Whether the peers of two flows prove the same names, and some.
    func sharesIdentity(with other: FlowContext) -> Bool {
        guard identity != nil, identity == other.identity else { return false }
        return verifiedNames == other.verifiedNames || verifiedNames.sorted() == other.verifiedNames.sorted()
    }
}

/// Where a datagram answer goes, which is not always where the request came from (RFC 3261 section 18.2.2).
package struct DatagramAddress: Sendable, Hashable {
    package let address: IPAddress
    package let port: UInt16

    @inlinable
    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }
}
