// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOPosix

/// A server with real sockets that sends back what it gets, for peers that are programs of their own.
///
/// After a piece that begins with `bye` it closes.
final class LoopbackServer: Sendable {
    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let isLast = self.unwrapInboundIn(data).readableBytesView.starts(with: "bye".utf8)
            context.writeAndFlush(data, promise: nil)
            if isLast { context.close(promise: nil) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    let channel: any Channel

    init(context: TLSContext, allowsHalfClosure: Bool = false) throws {
        self.channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: allowsHalfClosure)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = TLSHandler(
                        context: context,
                        role: .server,
                        handshakeDeadline: .seconds(5),
                        allowsHalfClosure: allowsHalfClosure
                    )
                    try channel.pipeline.syncOperations.addHandlers([handler, Echo()])
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .wait()
    }

    /// Where it listens, as commands take it.
    var address: String { "127.0.0.1:\(self.port)" }
    var port: Int { self.channel.localAddress?.port ?? 0 }

    func stop() {
        self.channel.close(promise: nil)
    }
}
