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

    static func start() async throws -> DatagramPeer {
        let texts = NIOLockedValueBox<[String]>([])
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(texts))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return DatagramPeer(channel, texts)
    }

    private init(_ channel: any Channel, _ texts: NIOLockedValueBox<[String]>) {
        port = channel.localAddress?.port ?? 0
        self.channel = channel
        self.texts = texts
    }

    var received: [String] { texts.withLockedValue { $0 } }

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

        init(_ texts: NIOLockedValueBox<[String]>) { self.texts = texts }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data).data)
            texts.withLockedValue { $0.append(text) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
