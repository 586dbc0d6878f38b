// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOPosix
internal import TestSupport

/// A client with real sockets that sends one line and waits for one.
enum LoopbackClient {
    /// What came of it.
    struct Outcome: Sendable {
        var handshake: TLSHandshakeCompleted?
        var failure: TLSFailure?
        var answer = ""
    }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        let done: EventLoopPromise<Outcome>
        let line: String
        let closesOutput: Bool
        var outcome = Outcome()

        init(_ done: EventLoopPromise<Outcome>, line: String, closesOutput: Bool) {
            (self.done, self.line, self.closesOutput) = (done, line, closesOutput)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.outcome.answer += String(buffer: self.unwrapInboundIn(data))
            if self.outcome.answer.hasSuffix("\n"), !self.closesOutput { context.close(promise: nil) }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard let handshake = event as? TLSHandshakeCompleted else { return }
            self.outcome.handshake = handshake
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.line)), promise: nil)
            if self.closesOutput { context.close(mode: .output, promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.outcome.failure = error as? TLSFailure ?? self.outcome.failure
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.done.succeed(self.outcome)
        }
    }

    /// Connects, sends the line, and returns when the connection has ended.
    static func exchange(
        _ context: TLSContext,
        port: Int,
        domain: String,
        line: String,
        closesOutput: Bool = false
    ) throws -> Outcome {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let done = loop.makePromise(of: Outcome.self)
        let role = TLSRole.client(
            serverName: domain,
            identity: .verify(domain: domain, acceptsWildcards: false),
            sessionScope: String(port)
        )
        ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: closesOutput)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = TLSHandler(
                        context: context,
                        role: role,
                        handshakeDeadline: .seconds(5),
                        allowsHalfClosure: closesOutput
                    )
                    let recorder = Recorder(done, line: line, closesOutput: closesOutput)
                    try channel.pipeline.syncOperations.addHandlers([handler, recorder])
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenFailure { done.fail($0) }
        return try done.futureResult.wait()
    }
}
