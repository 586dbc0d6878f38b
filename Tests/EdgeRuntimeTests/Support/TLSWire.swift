// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeTLS
import SIPMessage
import SIPProxy
import TestSupport

@testable import EdgeRuntime

/// What an edge shows to clients over TLS, and what these trust.
struct TLSWire {
    /// What the edge, and a server, shows.
    let server: TLSContext
    /// What a client, and the edge towards servers, trusts.
    let client: TLSContext
    private let store: TestCertificates

    init() throws {
        store = try TestCertificates()
        let leaf = try store.leaf("edge", names: ["IP:127.0.0.1"])
        server = try TLSContext(
            serverProfile: TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key)
        )
        client = try TLSContext(clientProfile: TLSProfile(trustFile: store.authority, verify: true))
    }

    /// How the edge connects to who is in no pool.
    private var outside: BackendSetup {
        BackendSetup(
            tls: client,
            serverName: nil,
            verifiesName: true,
            acceptsWildcards: false,
            connections: 2,
            queue: 100
        )
    }

    /// An edge with one TCP and one TLS listener, in this order, before one server.
    func edge(
        before backend: AnsweringServer,
        firstResponse: FirstResponseLimits? = FirstResponseLimits(),
        role: ListenerIdentity.Role = .access,
        fronts: ProxyProtocolPolicy? = nil,
        adjust: (inout EdgeLimits) -> Void = { _ in }
    ) async throws -> EdgeBench {
        try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            firstResponse: firstResponse,
            beside: [.tls],
            role: role,
            outside: outside,
            adjust: adjust,
            change: { snapshot in
                let setup = snapshot.listeners[1]
                snapshot.listeners[1] = ListenerSetup(
                    identity: setup.identity,
                    tls: server,
                    connectionsPerSource: setup.connectionsPerSource
                )
                snapshot.listeners[1].proxyProtocol = fronts
            }
        )
    }
}
