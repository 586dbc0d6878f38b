// SPDX-License-Identifier: Apache-2.0

import EdgeRuntime
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("A client that reads nothing, over loopback", .timeLimit(.minutes(1)))
struct SlowReaderTests {
    /// A server that keeps all requests, and then answers them at once with large responses.
    private final class Hoarder: Sendable {
        static let padding = 8_000
        let port: Int
        private let channel: any Channel
        private let connections: NIOLockedValueBox<[any Channel]>
        private let requests: NIOLockedValueBox<[ByteBuffer]>

        init() async throws {
            let (connections, requests) = (NIOLockedValueBox<[any Channel]>([]), NIOLockedValueBox<[ByteBuffer]>([]))
            port = try FreePort.next()
            channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    connections.withLockedValue { $0.append(channel) }
                    return channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Reader(requests))
                    }
                }
                .bind(host: "127.0.0.1", port: port).get()
            self.connections = connections
            self.requests = requests
        }

        var count: Int { requests.withLockedValue { $0.count } }

        func answerAll() async throws {
            let padding = "Subject: \(String(repeating: "x", count: Self.padding))\r\n"
            guard let connection = connections.withLockedValue({ $0.last }) else { return }
            for bytes in requests.withLockedValue({ $0 }) {
                guard case .message(let request) = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits())
                else { continue }
                let response = ResponseWriter.response(to: request, status: 200, reason: "OK", tag: 1, source: nil)
                let text = String(buffer: response).replacing("Content-Length:", with: "\(padding)Content-Length:")
                try await connection.writeAndFlush(ByteBuffer(string: text))
            }
        }

        func stop() async throws {
            try await channel.close()
            for connection in connections.withLockedValue({ $0 }) { try? await connection.close() }
        }

        private final class Reader: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer

            private let requests: NIOLockedValueBox<[ByteBuffer]>
            private var framer = StreamFramer(limits: MessageLimits())

            init(_ requests: NIOLockedValueBox<[ByteBuffer]>) {
                self.requests = requests
            }

            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                framer.append(unwrapInboundIn(data))
                while case .message(let bytes) = framer.next() { requests.withLockedValue { $0.append(bytes) } }
            }
        }
    }

    @Test("TRN-10: of 10,000 responses due to a client that reads nothing, no more is kept than the limit says")
    func bounded() async throws {
        let backend = try await Hoarder()
        // The limit on what one connection may ask for would come first.
        var settings = ProxySettings()
        settings.transactionsPerConnection = 0
        let bench = try await EdgeBench.start(
            backends: [backend.port],
            firstResponse: nil,
            role: .access,
            settings: settings
        ) { limits in
            limits.writeQueue = 1 << 20
            limits.writeStall = .seconds(1)
        }
        let client = try await WireConnection.connect(bench.port)
        try await client.stopReading()
        let count = 10_000
        for start in stride(from: 0, to: count, by: 100) {
            client.send((start..<start + 100).map { Wire.options("slow\($0)") }.joined())
        }
        #expect(await Waiting.until(within: .seconds(30)) { backend.count == count })
        try await backend.answerAll()
        // Each is taken for the client, or dropped and counted; then the connection is given up.
        let isOver = try await Waiting.until(within: .seconds(20)) {
            let isDone = try await bench.edge.statistics()[0].transactions == 0
            return bench.edge.connections == 0 && isDone
        }
        #expect(isOver)
        // What the kernel took besides is its own: some megabytes at loopback.
        let taken = try await bench.count { $0.bytesOut[.client] }
        let dropped = try await bench.count { $0.drops[.queueFull] + $0.drops[.deadFlow] }
        #expect(taken < 16 << 20 && taken > 1 << 20, "\(taken)")
        #expect(Int(dropped) * Hoarder.padding > 40_000_000, "\(dropped)")
        #expect(try await bench.limitHits(.writeQueue) == 1)
        try await bench.stop()
        try await backend.stop()
    }
}
