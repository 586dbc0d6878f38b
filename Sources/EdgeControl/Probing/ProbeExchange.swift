// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeRuntime
internal import EdgeTLS
internal import NIOCore
internal import NIOPosix
internal import SIPMessage
internal import SIPProxy

/// One OPTIONS to one backend on a connection of its own, over the backend's transport and with the same identity
/// checks as calls (OVL-25).
struct ProbeExchange: Sendable {
    let loop: any EventLoop
    let endpoint: Endpoint
    let setup: BackendSetup
    let requestURI: String
    let from: String
    let timeout: TimeAmount

    /// How the backend answered, or failed to.
    struct Result: Sendable {
        let outcome: BackendOutcome
        /// What was wrong where it failed in TLS.
        var failure: TLSFailure?

        init(_ outcome: BackendOutcome) { self.outcome = outcome }

        init(_ failure: TLSFailure) {
            self.failure = failure
            outcome =
                switch failure.reason {
                case .nameMismatch: .failed(.identity)
                case .daneMismatch: .failed(.unmatched)
                default: .failed(.tls)
                }
        }
    }

    /// Asks, and waits for the answer as long as may be.
    func run() async -> Result {
        let promise = loop.makePromise(of: Result.self)
        let deadline = loop.scheduleTask(in: timeout) { promise.succeed(Result(.failed(.timeout))) }
        let opening = endpoint.transport == .udp ? openDatagram(promise) : openStream(promise)
        opening.whenFailure { error in
            let timedOut = if case .connectTimeout = error as? ChannelError { true } else { false }
            promise.succeed(Result(.failed(timedOut ? .connectTimeout : .refused)))
        }
        let result = (try? await promise.futureResult.get()) ?? Result(.failed(.closed))
        deadline.cancel()
        opening.whenSuccess { $0.close(promise: nil) }
        return result
    }

    private func openStream(_ promise: EventLoopPromise<Result>) -> EventLoopFuture<any Channel> {
        let exchange = self
        return ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let target = BackendTarget(endpoint: exchange.endpoint, pool: nil)
                    let pipeline = channel.pipeline.syncOperations
                    try exchange.setup.addHandlers(to: pipeline, for: target, deadline: exchange.timeout)
                    try pipeline.addHandler(StreamProbeHandler(exchange, promise))
                }
            }
            .connect(to: SocketAddress(endpoint.address, port: endpoint.port))
    }

    private func openDatagram(_ promise: EventLoopPromise<Result>) -> EventLoopFuture<any Channel> {
        let exchange = self
        let remote = SocketAddress(endpoint.address, port: endpoint.port)
        let any: IPAddress = endpoint.address.isIPv6 ? .v6(high: 0, low: 0) : .v4(0)
        return DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramProbeHandler(promise))
                }
            }
            .bind(to: SocketAddress(any, port: 0))
            .flatMap { channel in channel.connect(to: remote).map { channel } }
            .flatMap { channel in
                let envelope = AddressedEnvelope(remoteAddress: remote, data: exchange.request(from: channel))
                return channel.writeAndFlush(envelope).map { channel }
            }
    }

    /// The probe, whose Via names the socket that it leaves from.
    func request(from channel: any Channel) -> ByteBuffer {
        let local = channel.localAddress
        let address = local.flatMap { IPAddress($0) } ?? .v4(0x7F00_0001)
        let probe = OptionsProbe(
            requestURI: requestURI,
            sentBy: "\(address.hostText):\(local?.port ?? 5060)",
            from: from,
            transport: endpoint.transport,
            userAgent: "Brana"
        )
        var output = ByteBuffer()
        let number = UInt64.random(in: .min ... .max)
        probe.write(branch: ByteBuffer(string: String(number, radix: 16)), identifier: number, into: &output)
        return output
    }

    /// What a response says.
    static func outcome(of bytes: ByteBuffer, framing: MessageParser.Framing) -> BackendOutcome? {
        guard case .message(let message) = MessageParser.parse(bytes, framing: framing, limits: MessageLimits()),
            !message.isRequest, message.status >= 200
        else { return nil }
        let retryAfter = message.number(.retryAfter).map { TimeAmount.seconds(Int64($0)) }
        return .answered(status: message.status, retryAfter: retryAfter)
    }
}

/// Sends the probe once the connection stands, and reads the answer.
private final class StreamProbeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let exchange: ProbeExchange
    private let promise: EventLoopPromise<ProbeExchange.Result>
    private var framer = StreamFramer()

    init(_ exchange: ProbeExchange, _ promise: EventLoopPromise<ProbeExchange.Result>) {
        self.exchange = exchange
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        if exchange.endpoint.transport == .tcp { send(context) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is TLSHandshakeCompleted { send(context) }
    }

    private func send(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(exchange.request(from: context.channel)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        framer.append(unwrapInboundIn(data))
        while true {
            switch framer.next() {
            case .message(let bytes):
                if let outcome = ProbeExchange.outcome(of: bytes, framing: .stream) { promise.succeed(.init(outcome)) }
            case .keepAlive: continue
            case .needMore: return
            case .failed: return promise.succeed(.init(.failed(.closed)))
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let failure = error as? TLSFailure else { return promise.succeed(.init(.failed(.closed))) }
        promise.succeed(.init(failure))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(.init(.failed(.closed))) }
}

/// Reads the answer of a UDP probe.
private final class DatagramProbeHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let promise: EventLoopPromise<ProbeExchange.Result>

    init(_ promise: EventLoopPromise<ProbeExchange.Result>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let outcome = ProbeExchange.outcome(of: unwrapInboundIn(data).data, framing: .datagram) {
            promise.succeed(.init(outcome))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.succeed(.init(.failed(.refused))) }
}
