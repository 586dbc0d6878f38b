// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Requests and connections that fail under them, over loopback", .timeLimit(.minutes(1)))
struct SharedConnectTests {
    @Test("TRN-49: 50 requests at once open one connection")
    func one() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], connections: 2)
        let client = try await WireConnection.connect(bench.port)
        client.send((0..<50).map { Wire.options("one\($0)") }.joined())
        #expect(await client.wait(for: "SIP/2.0 200", times: 50))
        #expect(backend.connectionCount == 1 && backend.received.count == 50)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-49: 50 requests wait for one connection, and when that does not come up all fail over")
    func failing() async throws {
        let port = try FreePort.next()
        let hole = try BlackHole(last: 2, port: port)
        let backend = try await AnsweringServer.start()
        let places = [
            EdgeBench.Place(name: "a", priority: 1, address: .v4(0x7F00_0002), port: port),
            EdgeBench.Place(name: "b", priority: 2, port: backend.port),
        ]
        let bench = try await EdgeBench.start(places: places) { $0.connectTimeout = .milliseconds(500) }
        let client = try await WireConnection.connect(bench.port)
        client.send((0..<50).map { Wire.options("all\($0)") }.joined())
        #expect(await client.wait(for: "SIP/2.0 200", times: 50))
        #expect(backend.received.count == 50)
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.connectTimeout] } } == 50)
        try await bench.stop()
        try await backend.stop()
        _ = hole
    }

    @Test("TRN-44: a server closes as it is written to: the request goes to it again at once, and it sees one copy")
    func closing() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("first"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        let before = try await bench.count { $0.bytesOut[.backend] }
        try await backend.setReading(false)
        client.send(Wire.options("second"))
        let isWritten = try await Waiting.until(within: .seconds(5)) {
            try await bench.count { $0.bytesOut[.backend] } > before
        }
        #expect(isWritten)
        try await backend.closeUnread()
        #expect(await client.wait(for: "SIP/2.0 200", times: 2))
        #expect(backend.receivedByConnection.map(\.count) == [1, 1])
        #expect(backend.received.count { $0.contains("Call-ID: second@") } == 1)
        // Nothing of this is held against it.
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failed } } == 0)
        try await bench.stop()
        try await backend.stop()
    }
}
