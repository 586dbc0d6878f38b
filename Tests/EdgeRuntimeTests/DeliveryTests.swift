// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Valid messages however they are cut, over TCP and TLS", .timeLimit(.minutes(2)))
struct DeliveryTests {
    /// How the same bytes are sent.
    enum Delivery: Sendable, CaseIterable {
        case whole, byteByByte, atOnce
    }

    /// What the edge made of them.
    private struct Result {
        var forwarded: [String] = []
        var statuses: [String] = []
        var differences: [String] = []
    }

    /// Those that ask for something, one of each Call-ID and Via: some are copies of others for a transaction.
    private static let vectors: [Vectors.Vector] = {
        var known: Set<String> = []
        return Vectors.streamed.filter { vector in
            guard case .message(let message) = parse(vector.bytes), message.isRequest, message.method != .ack else {
                return false
            }
            let via = Rows(vector.bytes).all("via").first?.row ?? ""
            return known.insert(callID(vector.bytes)).inserted && known.insert(via).inserted
        }
    }()

    private static func parse(_ bytes: ByteBuffer) -> ParseOutcome {
        MessageParser.parse(bytes, framing: .stream, limits: MessageLimits())
    }

    private static func callID(_ bytes: ByteBuffer) -> String {
        guard case .message(let message) = parse(bytes) else { return "" }
        return message.bytes.text(message.callID)
    }

    private static func finals(_ client: WireConnection) -> [String] {
        client.text.ranges(of: #/SIP\/2\.0 [2-6]\d\d /#).map { String(client.text[$0]) }.sorted()
    }

    private static func deliver(_ how: Delivery, overTLS: Bool) async throws -> Result {
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start()
        let bench = try await wire.edge(before: backend, role: .inner)
        let client = try await WireConnection.connect(bench.ports[overTLS ? 1 : 0], tls: overTLS ? wire.client : nil)
        var all = ByteBuffer()
        for vector in vectors { all.writeImmutableBuffer(vector.bytes) }
        switch how {
        case .whole: for vector in vectors { client.send(vector.bytes) }
        case .byteByByte: for byte in all.readableBytesView { client.send(ByteBuffer(bytes: [byte])) }
        case .atOnce: client.send(all)
        }
        let isAnswered = await Waiting.until(within: .seconds(20)) { finals(client).count >= vectors.count }
        let silent = vectors.filter { !client.text.contains(callID($0.bytes)) }.map(\.name)
        #expect(isAnswered, "no word of \(silent)")
        var result = Result(statuses: finals(client))
        for message in backend.messages {
            let id = callID(message)
            result.forwarded.append(id)
            guard let vector = vectors.first(where: { callID($0.bytes) == id }) else { continue }
            result.differences += Torture.differences(from: vector.bytes, in: message)
        }
        result.forwarded.sort()
        try await bench.stop()
        try await backend.stop()
        return result
    }

    @Test("MSG-60: whole, byte by byte and all in one segment: the same messages come of it", arguments: [false, true])
    func deliveries(overTLS: Bool) async throws {
        let whole = try await Self.deliver(.whole, overTLS: overTLS)
        #expect(Self.vectors.count >= 12 && whole.forwarded.count >= 6 && whole.statuses.count == Self.vectors.count)
        #expect(whole.differences.isEmpty, "\(whole.differences)")
        for how in [Delivery.byteByByte, .atOnce] {
            let other = try await Self.deliver(how, overTLS: overTLS)
            #expect(other.differences.isEmpty && other.statuses == whole.statuses, "\(how): \(other.differences)")
            #expect(other.forwarded == whole.forwarded, "\(how)")
        }
    }

    @Test(
        "MSG-59: prefixes of valid messages, stalled: nothing is forwarded or answered, and the deadline closes",
        arguments: [false, true]
    )
    func stalled(overTLS: Bool) async throws {
        let wire = try TLSWire()
        let backend = try await AnsweringServer.start()
        let bench = try await wire.edge(before: backend) { $0.messageTimeout = .milliseconds(500) }
        var clients: [WireConnection] = []
        for vector in Self.vectors {
            for length in stride(from: 1, to: vector.bytes.readableBytes, by: 149) {
                let tls = overTLS ? wire.client : nil
                let client = try await WireConnection.connect(bench.ports[overTLS ? 1 : 0], tls: tls)
                client.send(vector.bytes.slice(ByteRange(0, length)))
                clients.append(client)
            }
        }
        for client in clients { #expect(await client.waitUntilClosed(within: .seconds(10))) }
        #expect(clients.allSatisfy { $0.text.isEmpty } && backend.received.isEmpty)
        #expect(try await bench.limitHits(.messageTimeout) == clients.count)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("MSG-59: every prefix of every valid message, in virtual time: closed at its deadline, and nothing leaves")
    func everyPrefix() throws {
        let loop = EmbeddedEventLoop()
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.access)).worker
        let listener = try #require(worker.snapshot.listeners.first).identity
        for vector in Self.vectors {
            var channels: [EmbeddedChannel] = []
            for length in 1..<vector.bytes.readableBytes {
                let context = worker.clientContext(listener, worker.makeFlowID(), address: .v4(0xCB00_7107), port: 1)
                let limits = MessageLimits()
                let flow = StreamFlow(worker: worker, context: context, usesTLS: false, limits: limits, now: loop.now)
                worker.streams[context.id] = flow
                let channel = EmbeddedChannel(handler: flow, loop: loop)
                try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5060)).wait()
                try channel.writeInbound(vector.bytes.slice(ByteRange(0, length)))
                channels.append(channel)
            }
            loop.advanceTime(by: .milliseconds(9_999))
            #expect(channels.allSatisfy { $0.isActive }, "\(vector)")
            loop.advanceTime(by: .seconds(1))
            #expect(!channels.contains { $0.isActive }, "\(vector)")
            for channel in channels { #expect(try channel.readOutbound(as: ByteBuffer.self) == nil) }
        }
        #expect(worker.core.transactionCount == 0 && worker.streams.isEmpty)
    }
}
