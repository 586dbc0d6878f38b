// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import NIOCore
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("What waits for a backend that takes nothing", .timeLimit(.minutes(2)))
struct QueueTests {
    /// A backend that stops to read, and an edge that fills its two connections to it, and then its queue of four.
    private struct Stuck {
        let backend: AnsweringServer
        let bench: EdgeBench
        let client: WireConnection
        /// Messages sent, each called by its number.
        private(set) var sent = 0
        private var bytes: UInt64 = 0

        /// - Parameter others: ports of backends that are tried after this one.
        init(firstResponse: FirstResponseLimits? = nil, others: [Int] = []) async throws {
            backend = try await AnsweringServer.start(receiveBuffer: 16 * 1024)
            bench = try await EdgeBench.start(backends: [backend.port] + others, queue: 4, firstResponse: firstResponse)
            client = try await WireConnection.connect(bench.port)
            try await send("OPTIONS")
            #expect(await client.wait(for: "SIP/2.0 200"))
            try await backend.setReading(false)
        }

        /// Sends until a message finds both connections full; what the kernel holds for each is some megabytes.
        mutating func fill() async throws {
            while try await bench.backendLoad() != (2, 1), sent < 600 { try await send("MESSAGE") }
            #expect(try await bench.backendLoad() == (2, 1))
        }

        /// Sends one message, and waits until the edge has it.
        mutating func send(_ method: String) async throws {
            sent += 1
            let text = Wire.request(method, "m\(sent)", body: String(repeating: "x", count: 60_000))
            bytes += UInt64(text.utf8.count)
            client.send(text)
            let (bench, total) = (bench, bytes)
            let isTaken = try await Waiting.until(within: .seconds(5)) {
                try await bench.clientBytes() == total
            }
            #expect(isTaken)
        }

        /// The numbers of what the backend has received, apart by connection.
        var received: [[Int]] {
            backend.receivedByConnection.map { messages in
                messages.compactMap { message in
                    message.split(separator: "Call-ID: m").dropFirst().first.flatMap { Int($0.prefix { $0 != "@" }) }
                }
            }
        }

        func stop() async throws {
            try await bench.stop()
            try await backend.stop()
        }
    }

    @Test(
        "TRN-43, TRN-49, OVL-45: a stuck backend gets a second connection, no third, and a bounded queue that drains in order"
    )
    func queue() async throws {
        var stuck = try await Stuck()
        try await stuck.fill()
        // An ACK has nobody who awaits it and nothing that repeats it here.
        try await stuck.send("ACK")
        let ack = stuck.sent
        for _ in 0..<2 { try await stuck.send("MESSAGE") }
        #expect(try await stuck.bench.backendLoad() == (2, 4))
        #expect(try await stuck.bench.limitHits(.queue) == 0)
        #expect(!stuck.client.text.contains("SIP/2.0 503"))

        try await stuck.send("MESSAGE")
        #expect(await stuck.client.wait(for: "SIP/2.0 503"))
        #expect(try await stuck.bench.limitHits(.queue) == 1)
        try await stuck.send("ACK")
        #expect(try await stuck.bench.limitHits(.queue) == 2)
        #expect(try await stuck.bench.count { $0.drops[.queueFull] } == 1)
        #expect(try await stuck.bench.backendLoad() == (2, 4) && stuck.backend.connectionCount == 2)

        try await stuck.backend.setReading(true)
        // All but the ACKs and the one that was refused.
        #expect(await stuck.client.wait(for: "SIP/2.0 200", times: stuck.sent - 3, within: .seconds(20)))
        #expect(try await stuck.bench.backendLoad() == (2, 0))
        let received = stuck.received
        #expect(received.count == 2 && received.allSatisfy { $0 == $0.sorted() })
        #expect(Set(received.joined()) == Set(1...(stuck.sent - 2)) && received.joined().contains(ack))
        try await stuck.stop()
    }

    @Test("LOC-63: what was given up while it waited is not sent any more")
    func givenUp() async throws {
        let limits = FirstResponseLimits(invite: .milliseconds(500), nonInvite: .seconds(30))
        let port = try FreePort.next()
        var stuck = try await Stuck(firstResponse: limits, others: [port])
        // Nobody listens at the other one yet: of a backend that is silent and one that failed the silent one is used.
        try await stuck.fill()
        let other = try await AnsweringServer.start(port: port)
        try await stuck.send("INVITE")
        let (bench, client, invite) = (stuck.bench, stuck.client, stuck.sent)
        // 100, and the 200 of the backend that was tried next.
        #expect(await client.wait(for: "CSeq: 1 INVITE", times: 2) && other.received.count == 1)
        #expect(try await bench.backendLoad().waiting == 2)
        try await stuck.backend.setReading(true)
        #expect(try await Waiting.until(within: .seconds(20)) { try await bench.backendLoad().waiting == 0 })
        client.send(Wire.options("after"))
        // All of them, the INVITE's among them, and this one's.
        #expect(await client.wait(for: "SIP/2.0 200", times: invite + 1, within: .seconds(20)))
        #expect(Set(stuck.received.joined()) == Set(1..<invite))
        try await stuck.stop()
        try await other.stop()
    }
}
