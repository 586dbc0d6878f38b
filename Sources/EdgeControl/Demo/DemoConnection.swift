// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import NIOPosix
package import SIPMessage

/// One of the caller's connections to the edge: requests go out, and each gets its final response or a reason.
package final class DemoConnection: Sendable {
    /// How a request ended.
    package enum Reply: Sendable {
        case final(SIPMessage)
        /// No final response within the deadline.
        case timeout
        /// The connection ended first.
        case closed
    }

    /// Adds what secures the connection to its pipeline, before anything else; nil for plain TCP.
    package typealias Secure = @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void

    private let channel: any Channel
    private let state: NIOLoopBound<DemoConnectionHandler>
    /// The address and port that this side has.
    package let localAddress: String
    package let localPort: Int

    private init(channel: any Channel, handler: NIOLoopBound<DemoConnectionHandler>) {
        self.channel = channel
        state = handler
        localAddress = channel.localAddress?.ipAddress ?? "127.0.0.1"
        localPort = channel.localAddress?.port ?? 0
    }

    /// Connects to `host:port` within three seconds.
    package static func connect(
        host: String,
        port: Int,
        secure: Secure?,
        on eventLoop: any EventLoop
    ) async throws -> DemoConnection {
        let channel = try await ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(3))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handlers = channel.pipeline.syncOperations
                    try secure?(handlers)
                    try handlers.addHandlers([DemoStreamDecoder(), DemoConnectionHandler()])
                }
            }
            .connect(host: host, port: port).get()
        let handler = try await channel.eventLoop.submit {
            let handler = try channel.pipeline.syncOperations.handler(type: DemoConnectionHandler.self)
            return NIOLoopBound(handler, eventLoop: channel.eventLoop)
        }.get()
        return DemoConnection(channel: channel, handler: handler)
    }

    /// Whether requests can still be sent.
    package var isOpen: Bool { channel.isActive }

    /// Sends a request and waits for its final response, at most for `deadline`.
    package func send(_ request: ByteBuffer, branch: String, deadline: TimeAmount) async -> Reply {
        let promise = channel.eventLoop.makePromise(of: Reply.self)
        channel.eventLoop.execute { [state, channel] in
            state.value.send(request, branch: branch, deadline: deadline, promise: promise, channel: channel)
        }
        return (try? await promise.futureResult.get()) ?? .closed
    }

    /// Sends what has no response: the ACK for a 2xx, kept to be repeated when the 2xx of `invite` is.
    package func acknowledge(_ ack: ByteBuffer, invite branch: String) {
        channel.eventLoop.execute { [state, channel] in
            state.value.acknowledgements[branch] = ack
            channel.writeAndFlush(ack, promise: nil)
        }
    }

    /// The call of that INVITE is over; its ACK need not be repeated any more.
    package func forget(invite branch: String) {
        channel.eventLoop.execute { [state] in state.value.acknowledgements[branch] = nil }
    }

    package func close() async {
        try? await channel.close()
    }
}

/// Matches responses to requests by branch (RFC 3261 section 17.1.3).
private final class DemoConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = SIPMessage
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        let request: ByteBuffer
        let promise: EventLoopPromise<DemoConnection.Reply>
        let deadline: Scheduled<Void>
    }

    private var pending: [String: Pending] = [:]
    var acknowledgements: [String: ByteBuffer] = [:]

    func send(
        _ request: ByteBuffer,
        branch: String,
        deadline: TimeAmount,
        promise: EventLoopPromise<DemoConnection.Reply>,
        channel: any Channel
    ) {
        guard channel.isActive else {
            promise.succeed(.closed)
            return
        }
        let scheduled = channel.eventLoop.assumeIsolated().scheduleTask(in: deadline) { [self] in
            if let late = pending.removeValue(forKey: branch) { late.promise.succeed(.timeout) }
        }
        pending[branch] = Pending(request: request, promise: promise, deadline: scheduled)
        channel.writeAndFlush(request, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let message = unwrapInboundIn(data)
        if message.isRequest {
            answer(message, context: context)
        } else if message.status >= 200 {
            finish(message, context: context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let waiting = pending.values
        pending.removeAll()
        for request in waiting {
            request.deadline.cancel()
            request.promise.succeed(.closed)
        }
        context.fireChannelInactive()
    }

    private func finish(_ response: SIPMessage, context: ChannelHandlerContext) {
        guard let branch = Self.branch(of: response) else { return }
        if response.method == .invite { acknowledge(response, branch: branch, context: context) }
        guard let request = pending.removeValue(forKey: branch) else { return }
        request.deadline.cancel()
        request.promise.succeed(.final(response))
    }

    /// A 2xx that comes again gets its ACK again; any other final is acknowledged here (RFC 3261 section 17.1.1.3).
    private func acknowledge(_ response: SIPMessage, branch: String, context: ChannelHandlerContext) {
        if response.status < 300 {
            guard let ack = acknowledgements[branch] else { return }
            context.writeAndFlush(wrapOutboundOut(ack), promise: nil)
        } else if let sent = pending[branch],
            case .message(let invite) = MessageParser.parse(sent.request, framing: .stream, limits: MessageLimits())
        {
            let ack = RequestWriter.ack(for: invite, response: response)
            context.writeAndFlush(wrapOutboundOut(ack), promise: nil)
        }
    }

    /// Requests of the other side: a user agent that is alive and takes no calls.
    private func answer(_ request: SIPMessage, context: ChannelHandlerContext) {
        guard request.method != .ack else { return }
        let takes = request.method == .options || request.method == .bye || request.method == .notify
        let response = ResponseWriter.response(
            to: request,
            status: takes ? 200 : 486,
            reason: takes ? "OK" : "Busy Here",
            tag: DemoTransactionKey.hash(request.bytes.text(request.callID)),
            source: nil
        )
        context.writeAndFlush(wrapOutboundOut(response), promise: nil)
    }

    private static func branch(of message: SIPMessage) -> String? {
        guard let range = message.topmostVia.branch else { return nil }
        let text = message.bytes.text(range)
        return text.hasPrefix("z9hG4bK") ? String(text.dropFirst(7)) : nil
    }
}

@available(*, unavailable)
extension DemoConnectionHandler: Sendable {}
