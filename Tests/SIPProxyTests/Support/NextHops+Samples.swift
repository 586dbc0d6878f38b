// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

extension ResolutionOutcome {
    /// These servers, to be tried in this order.
    static func servers(_ endpoints: [Endpoint]) -> Self {
        let rows = endpoints.enumerated().map { place, endpoint in
            Published(priority: UInt16(place), weight: 1, name: "s\(place).example", endpoint: endpoint)
        }
        return .resolved(NextHops(rows))
    }
}

/// One server as DNS publishes it.
struct Published {
    var priority: UInt16 = 10
    var weight: UInt16 = 10
    var name = "n1.example"
    var endpoint: Endpoint
    var addressOrder: UInt8 = 0
}

extension NextHops {
    init(_ servers: [Published], expiresAt: NIODeadline? = nil) {
        let backends = servers.map { server in
            BackendView(
                id: BackendID(pool: Self.transientPool, endpoint: server.endpoint),
                name: server.name,
                priority: server.priority,
                weight: server.weight,
                addressOrder: server.addressOrder
            )
        }
        let view = PoolView(id: Self.transientPool, settings: PoolSettings(name: "name"), backends: backends)
        self.init(view: view, expiresAt: expiresAt)
    }
}

extension Endpoint {
    /// `tcp:192.0.2.1:5060` as an endpoint.
    static func written(_ text: String) -> Endpoint {
        Endpoint(parsing: text) ?? Endpoint(transport: .udp, address: .v4(0), port: 0)
    }
}
