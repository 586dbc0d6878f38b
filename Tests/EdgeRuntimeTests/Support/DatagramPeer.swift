// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// One UDP socket on 127.0.0.1 as a test drives it, and everything that came to it.
final class DatagramPeer: Sendable {
    let port: Int
    private let channel: any Channel
    private let texts: NIOLockedValueBox<[String]>
    private let ports: NIOLockedValueBox<[Int]>

    static func start() async throws -> DatagramPeer {
        let texts = NIOLockedValueBox<[String]>([])
        let ports = NIOLockedValueBox<[Int]>([])
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_535))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(texts, ports))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return DatagramPeer(channel, texts, ports)
    }

    private init(
        _ channel: any Channel,
        _ texts: NIOLockedValueBox<[String]>,
        _ ports: NIOLockedValueBox<[Int]>
    ) {
        port = channel.localAddress?.port ?? 0
        self.channel = channel
        self.texts = texts
        self.ports = ports
    }

    var received: [String] { texts.withLockedValue { $0 } }
    /// The ports that these came from.
    var sources: [Int] { ports.withLockedValue { $0 } }

    func send(_ text: String, to port: Int) async throws {
        let remote = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(string: text)))
    }

    /// Waits until so many have come that hold `part`.
    func wait(for part: String, times: Int = 1) async -> Bool {
        await Waiting.until(within: .seconds(5)) { self.received.filter { $0.contains(part) }.count >= times }
    }

    func stop() async throws { try await channel.close() }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let texts: NIOLockedValueBox<[String]>
        private let ports: NIOLockedValueBox<[Int]>

        init(_ texts: NIOLockedValueBox<[String]>, _ ports: NIOLockedValueBox<[Int]>) {
            self.texts = texts
            self.ports = ports
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            let text = String(buffer: envelope.data)
            ports.withLockedValue { $0.append(envelope.remoteAddress.port ?? 0) }
            texts.withLockedValue { $0.append(text) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
