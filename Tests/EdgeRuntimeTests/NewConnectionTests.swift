// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import SIPProxy
import TestSupport
import Testing

@Suite("Responses whose connection is gone, over loopback", .timeLimit(.minutes(1)))
struct NewConnectionTests {
    @Test(
        "TRN-26: a peer that closed its connection gets the response where its Via says, on a new one, over TLS if it spoke TLS",
        arguments: [false, true]
    )
    func newConnection(overTLS: Bool) async throws {
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start(isSilent: true)
        let peer = try await AnsweringServer.start(isSilent: true, tls: overTLS ? wire.server : nil)
        let bench = try await wire.edge(before: backend, role: .peer)
        let client = try await WireConnection.connect(bench.ports[overTLS ? 1 : 0], tls: overTLS ? wire.client : nil)
        let transport = overTLS ? "TLS" : "TCP"
        for id in ["one", "two"] {
            let via = "\(transport) 127.0.0.1:\(peer.port);"
            client.send(Wire.request("INVITE", id).replacing("TCP 127.0.0.1:9;", with: via))
        }
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 2 })
        try await client.close()
        let isClosed = try await Waiting.until(within: .seconds(5)) {
            try await bench.edge.statistics()[0].clientFlows == 0
        }
        #expect(isClosed)
        for index in 0...1 { try await backend.answer(index, 200, "OK") }
        #expect(await Waiting.until(within: .seconds(5)) { peer.received.count == 2 })
        #expect(peer.received.allSatisfy { $0.hasPrefix("SIP/2.0 200 ") } && peer.connectionCount == 1)
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }
}
