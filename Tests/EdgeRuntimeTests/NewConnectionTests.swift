// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import TestSupport
import Testing

@Suite("Responses whose connection is gone, over loopback", .timeLimit(.minutes(1)))
struct NewConnectionTests {
    @Test("TRN-26: a peer that closed its connection gets the response where its Via says, on a new one")
    func newConnection() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let peer = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        for id in ["one", "two"] {
            client.send(Wire.request("INVITE", id).replacing("127.0.0.1:9;", with: "127.0.0.1:\(peer.port);"))
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
