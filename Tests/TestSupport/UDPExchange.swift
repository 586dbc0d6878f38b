// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import NIOPosix

/// One datagram there, one back.
package enum UDPExchange {
    /// Sends `bytes` to `host:port` and waits for the first answer.
    /// - Throws: `TestSupportError` when none came within `limit`.
    package static func send(
        _ bytes: ByteBuffer,
        host: String,
        port: Int,
        within limit: TimeAmount = .seconds(3)
    ) async throws -> ByteBuffer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: ByteBuffer.self)
        let target = try SocketAddress(ipAddress: host, port: port)
        let channel = try await DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstDatagram(answer))
                }
            }
            .bind(host: host.contains(":") ? "::1" : "127.0.0.1", port: 0).get()
        loop.scheduleTask(in: limit) {
            answer.fail(TestSupportError("no datagram from \(host):\(port) after \(limit)"))
        }
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: target, data: bytes), promise: nil)
        let result: ByteBuffer
        do {
            result = try await answer.futureResult.get()
        } catch {
            try? await channel.close()
            throw error
        }
        try await channel.close()
        return result
    }
}

/// Keeps the first datagram that comes.
private final class FirstDatagram: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let promise: EventLoopPromise<ByteBuffer>

    init(_ promise: EventLoopPromise<ByteBuffer>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        promise.succeed(unwrapInboundIn(data).data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
    }
}
