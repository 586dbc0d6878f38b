// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Answers that end a connection, over loopback", .timeLimit(.minutes(2)))
struct LingerTests {
    private static let next = Wire.options("next")

    /// Requests that lose the frame of their stream, by their conformance ids.
    private static let broken: [(String, String)] =
        [
            ("TRN-02", Wire.request("INVITE", "b").replacing("Content-Length: 0\r\n", with: "")),
            ("MSG-21", Wire.options("b", extra: "Content-Length: 0\r\n")),
            ("MSG-21", Wire.options("b", extra: "l: 5\r\n")),
            ("MSG-01", Wire.options("b").replacing("\r\n", with: "\n")),
            ("MSG-01", Wire.options("b").replacing("CSeq: 1 OPTIONS\r\n", with: "CSeq: 1 OPTIONS\n")),
        ]
        + ["-1", "+5", "0x10", "5 5", "five", "12345678901234567890", "-999", "13,5"].map {
            ("MSG-25", Wire.options("b").replacing("Content-Length: 0", with: "Content-Length: \($0)"))
        }

    @Test(
        "TRN-02, TRN-03, MSG-01, MSG-21, MSG-25: a lost frame: one 400, then FIN, and nothing behind it is looked at",
        arguments: broken
    )
    func lostFrame(id: String, text: String) async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let outcome = try await StubbornClient.send(text + Self.next, filling: 0, to: bench.port)
        // With its lines ended by LF alone nothing can be read of it: no answer, so none that a reset could destroy.
        let isReadable = !text.contains("SIP/2.0\n")
        #expect(outcome.isEnded || !isReadable, "\(id)")
        #expect(outcome.received.ranges(of: "SIP/2.0 ").count == (isReadable ? 1 : 0), "\(id)")
        #expect(outcome.received.hasPrefix("SIP/2.0 400") == isReadable)
        #expect(backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("MSG-T16, MSG-T42: the torture messages without a frame: 400 and FIN over TCP, nothing forwarded")
    func torture() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        for name in ["ncl", "mcl01"] {
            let text = String(decoding: try Vectors.named(name).bytes.readableBytesView, as: UTF8.self)
            let outcome = try await StubbornClient.send(text + Self.next, filling: 100_000, to: bench.port)
            #expect(outcome.isEnded && outcome.hasWritten && outcome.received.hasPrefix("SIP/2.0 400"), "\(name)")
        }
        #expect(backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-04: 10 MB announced and sent in full: the client that reads last still finds the 513, and FIN")
    func tooLarge() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port])
        let size = 10_000_000
        let head = Wire.options("big").replacing("Content-Length: 0", with: "Content-Length: \(size)")
        let outcome = try await StubbornClient.send(head, filling: size, to: bench.port)
        #expect(outcome.hasWritten && outcome.isEnded && outcome.received.hasPrefix("SIP/2.0 513"))
        #expect(try await bench.limitHits(.linger) == 0 && backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-04: the 513 comes before the body, and the connection ends though the client does not close")
    func bounds() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port], role: .access)
        let client = try await WireConnection.connect(bench.port, staysOpen: true)
        client.send(Wire.options("big").replacing("Content-Length: 0", with: "Content-Length: 10000000"))
        #expect(await client.wait(for: "SIP/2.0 513"))
        // More than is discarded.
        let endless = try await WireConnection.connect(bench.port, staysOpen: true)
        endless.send(Wire.options("b").replacing("Content-Length: 0", with: "Content-Length: x"))
        for _ in 0..<17 { endless.send(String(repeating: "x", count: 1 << 20)) }
        let isOver = try await Waiting.until(within: .seconds(10)) {
            let isCounted = try await bench.limitHits(.linger) == 2
            return bench.edge.connections == 0 && isCounted
        }
        #expect(isOver)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-02, TRN-04: over TLS too the answer arrives, then close_notify, while the client goes on sending")
    func overTLS() async throws {
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start()
        let bench = try await wire.edge(before: backend)
        for (text, status) in [("10000000", "513"), ("-1", "400")] {
            let client = try await WireConnection.connect(bench.ports[1], tls: wire.client)
            let head = Wire.options("big").replacing("TCP", with: "TLS")
            client.send(head.replacing("Content-Length: 0", with: "Content-Length: \(text)") + Self.next)
            for _ in 0..<10 { client.send(String(repeating: "x", count: 1_000_000)) }
            #expect(await client.waitUntilClosed())
            #expect(client.text.hasPrefix("SIP/2.0 \(status)") && client.text.ranges(of: "SIP/2.0 ").count == 1)
            #expect(client.failure == nil)
        }
        #expect(backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("MSG-T15: a body that is announced and does not come is waited for, and nothing is forwarded")
    func missingBody() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [backend.port]) { $0.messageTimeout = .milliseconds(300) }
        let client = try await WireConnection.connect(bench.port)
        let began = ContinuousClock.now
        client.send(String(decoding: try Vectors.named("clerr").bytes.readableBytesView, as: UTF8.self))
        #expect(await client.waitUntilClosed())
        #expect(ContinuousClock.now - began >= .milliseconds(300) && backend.received.isEmpty)
        #expect(try await bench.limitHits(.messageTimeout) == 1)
        try await bench.stop()
        try await backend.stop()
    }
}
