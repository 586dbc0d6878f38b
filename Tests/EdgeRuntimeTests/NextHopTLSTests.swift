// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@Suite("Named next hops over TLS, over loopback", .timeLimit(.minutes(1)))
struct NextHopTLSTests {
    @Test("LOC-22, RFC 5922: the certificate must prove the name that was asked for, not the address that DNS led to")
    func identity() async throws {
        let store = try TestCertificates()
        let leaf = try store.leaf("core", names: ["DNS:core.example.test"])
        let server = try await AnsweringServer.start(
            tls: try TLSContext(
                serverProfile: TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key)
            )
        )
        let outside = BackendSetup(
            tls: try TLSContext(clientProfile: TLSProfile(trustFile: store.authority, verify: true)),
            serverName: nil,
            verifiesName: true,
            acceptsWildcards: false,
            connections: 1,
            queue: 10
        )
        let endpoint = Endpoint(transport: .tls, address: .v4(0x7F00_0001), port: UInt16(server.port))
        let backend = BackendView(id: BackendID(pool: NextHops.transientPool, endpoint: endpoint), name: "n1")
        let view = PoolView(
            id: NextHops.transientPool,
            settings: PoolSettings(name: "name"),
            backends: [backend]
        )
        let hops = ResolutionOutcome.resolved(NextHops(view: view, expiresAt: nil))
        let bench = try await EdgeBench.start(
            places: [],
            outside: outside,
            names: ["core.example.test": hops, "other.example.test": hops]
        )
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("core", extra: "Route: <sip:core.example.test;transport=tls;lr>\r\n"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        // The same server by another name: not over the connection that proved the first one, nor over a new one.
        client.send(Wire.options("other", extra: "Route: <sip:other.example.test;transport=tls;lr>\r\n"))
        #expect(await client.wait(for: "SIP/2.0 500"))
        let lines = bench.lines
        #expect(server.received.count == 1 && lines.count == 1 && lines[0].hasPrefix("TLS handshake failed"))
        try await bench.stop()
        try await server.stop()
    }
}
