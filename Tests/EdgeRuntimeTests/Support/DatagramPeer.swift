// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// One UDP socket, on 127.0.0.1 unless told otherwise, as a test drives it, and everything that came to it.
final class DatagramPeer: Sendable {
    let port: Int
    private let channel: any Channel
    private let payloads: NIOLockedValueBox<[ByteBuffer]>
    private let addresses: NIOLockedValueBox<[SocketAddress]>

    static func start(host: String = "127.0.0.1") async throws -> DatagramPeer {
        let payloads = NIOLockedValueBox<[ByteBuffer]>([])
        let addresses = NIOLockedValueBox<[SocketAddress]>([])
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_535))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Recorder(payloads, addresses))
                }
            }
            .bind(host: host, port: 0).get()
        return DatagramPeer(channel, payloads, addresses)
    }

    private init(
        _ channel: any Channel,
        _ payloads: NIOLockedValueBox<[ByteBuffer]>,
        _ addresses: NIOLockedValueBox<[SocketAddress]>
    ) {
        port = channel.localAddress?.port ?? 0
        self.channel = channel
        self.payloads = payloads
        self.addresses = addresses
    }

    var received: [String] { bytes.map { String(buffer: $0) } }
    var bytes: [ByteBuffer] { payloads.withLockedValue { $0 } }
    /// The ports that these came from.
    var sources: [Int] { addresses.withLockedValue { $0.map { $0.port ?? 0 } } }
    /// The addresses that these came from.
    var hosts: [String] { addresses.withLockedValue { $0.map { $0.ipAddress ?? "" } } }

    func send(_ text: String, to port: Int, of host: String = "127.0.0.1") async throws {
        let remote = try SocketAddress(ipAddress: host, port: port)
        try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: ByteBuffer(string: text)))
    }

    func send(_ bytes: ByteBuffer, to port: Int) async throws {
        let remote = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: bytes))
    }

    /// Waits until so many have come that hold `part`.
    func wait(for part: String, times: Int = 1) async -> Bool {
        await Waiting.until(within: .seconds(5)) { self.received.filter { $0.contains(part) }.count >= times }
    }

    func stop() async throws { try await channel.close() }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let payloads: NIOLockedValueBox<[ByteBuffer]>
        private let addresses: NIOLockedValueBox<[SocketAddress]>

        init(_ payloads: NIOLockedValueBox<[ByteBuffer]>, _ addresses: NIOLockedValueBox<[SocketAddress]>) {
            self.payloads = payloads
            self.addresses = addresses
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            addresses.withLockedValue { $0.append(envelope.remoteAddress) }
            payloads.withLockedValue { $0.append(envelope.data) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
