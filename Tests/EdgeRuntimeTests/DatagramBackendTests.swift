// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOCore
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@Suite("Backends over UDP, over loopback", .timeLimit(.minutes(1)))
struct DatagramBackendTests {
    /// How long a request takes to the second backend when nobody listens at the port of the first.
    private func failover(_ method: String) async throws -> Duration {
        let (dead, alive) = try await (DatagramPeer.start(), DatagramPeer.start())
        try await dead.stop()
        let bench = try await EdgeBench.start(
            places: [
                .init(name: "b1", priority: 1, port: dead.port), .init(name: "b2", priority: 2, port: alive.port),
            ],
            beside: [.udp],
            speaking: .udp
        )
        let client = try await WireConnection.connect(bench.port)
        let began = ContinuousClock.now
        client.send(Wire.request(method, "over"))
        #expect(await alive.wait(for: "\(method) sip:"))
        let duration = ContinuousClock.now - began
        try await alive.send(try Wire.answer(to: try #require(alive.received.first)), to: bench.ports[1])
        #expect(await client.wait(for: "SIP/2.0 200"))
        // The listener, which shares the port, has heard nothing of it.
        #expect(try await bench.edge.flows(limit: 10).flows.contains { $0.transport == .udp && $0.remote == nil })
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failed } } == 1)
        try await client.close()
        try await bench.stop()
        try await alive.stop()
        return duration
    }

    @Test(
        "TRN-47: a closed port sends the request on to the next backend within 100 ms",
        arguments: ["OPTIONS", "INVITE"]
    )
    func closedPort(method: String) async throws {
        // The machine may be busy with other things for a while; T1, when a repeat would go out, is 500 ms.
        var durations: [Duration] = []
        while durations.count < 5, durations.min().map({ $0 >= .milliseconds(100) }) ?? true {
            durations.append(try await failover(method))
        }
        #expect(durations.contains { $0 < .milliseconds(100) }, "\(durations)")
    }

    /// A message with 4 KiB of any octets behind its head.
    private func adding(_ body: [UInt8], to text: String) -> ByteBuffer {
        var bytes = ByteBuffer(string: text.replacing("Content-Length: 0", with: "Content-Length: \(body.count)"))
        bytes.writeBytes(body)
        return bytes
    }

    @Test("MSG-53: any octets pass from a client by UDP to a backend by UDP or TCP, and back")
    func bodies() async throws {
        var generator = SeededGenerator(seed: 53)
        let body = (0..<4096).map { $0 % 500 == 0 ? 0 : UInt8.random(in: .min ... .max, using: &generator) }
        let (client, backend) = try await (DatagramPeer.start(), DatagramPeer.start())
        let stream = try await AnsweringServer.start(isSilent: true, port: backend.port)
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            beside: [.tcp],
            speaking: .udp
        )
        // What is too large for a datagram goes by TCP (TRN-40).
        let large = Wire.request("MESSAGE", "large").replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP")
        try await client.send(adding(body, to: large), to: bench.port)
        #expect(await Waiting.until(within: .seconds(5)) { stream.bytes.count > body.count })
        #expect(stream.bytes.suffix(4096).elementsEqual(body))
        let request = try #require(
            String(decoding: stream.bytes, as: UTF8.self).split(separator: "Content-Length").first
        )
        try await stream.send(adding(body, to: Wire.answer(to: "\(request)Content-Length: 0\r\n\r\n")))
        #expect(await client.wait(for: "Call-ID: large@"))
        let small = Wire.request("MESSAGE", "small").replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP")
        try await client.send(small, to: bench.port)
        #expect(await backend.wait(for: "MESSAGE sip:"))
        try await backend.send(adding(body, to: Wire.answer(to: try #require(backend.received.first))), to: bench.port)
        #expect(await client.wait(for: "Call-ID: small@"))
        #expect(
            client.bytes.count == 2 && client.bytes.allSatisfy { $0.readableBytesView.suffix(4096).elementsEqual(body) }
        )
        try await bench.stop()
        try await stream.stop()
        try await backend.stop()
        try await client.stop()
    }

    @Test("MSG-08: a response with an impossible status is dropped, and the connection to the backend kept")
    func badStatus() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let bench = try await EdgeBench.start(backends: [backend.port])
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("odd"))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 1 })
        let answer = try Wire.answer(to: backend.received[0])
        for line in ["SIP/2.0 4294967301 x", "SIP/2.0 099 x", "SIP/2.0 700 x"] {
            try await backend.send(answer.replacing("SIP/2.0 200 OK", with: line))
        }
        try await backend.send(answer.replacing("SIP/2.0 200 OK", with: "SIP/2.0 200 "))
        #expect(await client.wait(for: "SIP/2.0 200 \r\n"))
        #expect(backend.connectionCount == 1 && client.text.ranges(of: "SIP/2.0 ").count == 1)
        try await client.close()
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "TRN-52: without a UDP listener of its family a next hop is not asked over UDP from just any port, and the log says so",
        arguments: [SIPTransport.tcp, .udp]
    )
    func noListener(other: SIPTransport) async throws {
        let backend = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            listening: other,
            at: .v6(high: 0, low: 1),
            speaking: .udp
        )
        if other == .tcp {
            let client = try await WireConnection.connect(bench.port, of: "::1", from: "::1")
            client.send(Wire.options("none"))
            #expect(await client.wait(for: "SIP/2.0 503"))
            try await client.close()
        } else {
            let client = try await DatagramPeer.start(host: "::1")
            let text = Wire.options("none").replacing("SIP/2.0/TCP", with: "SIP/2.0/UDP")
            try await client.send(text, to: bench.port, of: "::1")
            #expect(await client.wait(for: "SIP/2.0 503"))
            try await client.stop()
        }
        let line = "no UDP listener could send a request to a next hop worker=0 next_hop=udp:127.0.0.1:\(backend.port)"
        #expect(bench.lines == [line] && backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }
}
