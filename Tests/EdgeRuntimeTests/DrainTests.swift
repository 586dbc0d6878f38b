// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Draining", .timeLimit(.minutes(1)))
struct DrainTests {
    @Test("OVL-36: a call that rings is answered while the edge drains; new calls and connections are refused")
    func ringing() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        var settings = ProxySettings()
        // A call that was answered is kept for 64 times T1.
        settings.t1 = .milliseconds(30)
        let bench = try await EdgeBench.start(backends: [backend.port], settings: settings)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.request("INVITE", "call"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 1 })
        try await backend.answer(0, 180, "Ringing")
        #expect(await client.wait(for: "SIP/2.0 180"))

        let began = ContinuousClock.now
        let drain = Task { try await bench.edge.drain(within: .seconds(30)) }
        let isClosed = await Waiting.until(within: .seconds(5)) {
            (try? await WireConnection.connect(bench.port).close()) == nil
        }
        #expect(isClosed)
        client.send(Wire.request("INVITE", "late"))
        #expect(await client.wait(for: "SIP/2.0 503"))
        #expect(client.text.ranges(of: "Call-ID: late@").count == 1 && backend.received.count == 1)

        try await backend.answer(0, 200, "OK")
        #expect(await client.wait(for: "SIP/2.0 200"))
        client.send(Wire.request("ACK", "call", tag: "1"))
        client.send(Wire.request("BYE", "call", tag: "1"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 3 })
        #expect(backend.received.map { $0.prefix(3) } == ["INV", "ACK", "BYE"])
        try await backend.answer(2, 200, "OK")
        #expect(await client.wait(for: "CSeq: 1 BYE"))

        // It ends with the last transaction, and not at its limit.
        #expect(try await drain.value == 0)
        #expect(ContinuousClock.now - began < .seconds(25) && !client.isClosed)
        try await bench.stop()
        #expect(await client.waitUntilClosed())
        try await backend.stop()
    }
    @Test("OVL-36: nobody waits 64 times T1 for the repeats of an answered call, but a moment for its ACK")
    func answered() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.request("INVITE", "call"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 1 })
        try await backend.answer(0, 200, "OK")
        #expect(await client.wait(for: "SIP/2.0 200"))
        let answeredAt = ContinuousClock.now
        let drain = Task { try await bench.edge.drain(within: .seconds(30)) }
        // The ACK still finds its way.
        client.send(Wire.request("ACK", "call", tag: "1"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 2 })
        #expect(try await drain.value == 0)
        let time = ContinuousClock.now - answeredAt
        #expect(time > .seconds(2) && time < .seconds(15), "\(time)")
        // Long answered, it holds nobody up.
        let began = ContinuousClock.now
        #expect(try await bench.edge.drain(within: .seconds(30)) == 0)
        #expect(ContinuousClock.now - began < .seconds(2))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("OVL-36: at its limit, or when it is to end at once, a drain tells how many requests have no answer")
    func cut() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        for call in ["a", "b"] { client.send(Wire.request("INVITE", call)) }
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 2 })
        try await backend.answer(0, 180, "Ringing")
        #expect(await client.wait(for: "SIP/2.0 180"))
        #expect(try await bench.edge.drain(within: .milliseconds(200)) == 2)
        let began = ContinuousClock.now
        let drain = Task { try await bench.edge.drain(within: .seconds(60)) }
        drain.cancel()
        #expect(try await drain.value == 2)
        #expect(ContinuousClock.now - began < .seconds(30))
        try await bench.stop()
        try await backend.stop()
    }
}
