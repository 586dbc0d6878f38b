// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix
internal import SIPLocation

/// The one connection to a server of DNS over TLS (RFC 7858): opened for the first query, used by all that follow, closed
/// when it has been idle for a while, and opened again.
///
/// It lives on one loop. Who the server is, the TLS handler checks before anything is sent.
final class SecureLink {
    /// How old a connection is when an answer that stays out is a reason to give it up: before, its handshake may be all
    /// that takes its time, and the next query should find it done.
    static let youth = TimeAmount.seconds(5)

    typealias Failure = DNSExchange.ExchangeFailure

    private struct Waiting {
        let promise: EventLoopPromise<DNSMessageCodec.Response>
        let deadline: Scheduled<Void>
    }

    private enum State {
        case closed
        /// Queries wait until it is open.
        case opening([ByteBuffer])
        case open(any Channel)
    }

    private let loop: any EventLoop
    private let server: DNSServer
    private let settings: DNSClient.Settings
    private var state = State.closed
    private var queries = StreamQueries<Waiting>()
    /// Counts connections, so that the end of an old one is not taken for the end of the one in use.
    private var serial = 0
    private var hasAnswered = false
    private var isRetired = false
    private var openedAt = NIODeadline.uptimeNanoseconds(0)
    private var idle: Scheduled<Void>?

    init(loop: any EventLoop, server: DNSServer, settings: DNSClient.Settings) {
        self.loop = loop
        self.server = server
        self.settings = settings
    }

    /// The response to a question; an error when there is none in time.
    ///
    /// A connection that ends, however it does, after it has answered others is no failure of the server: the question
    /// goes over a new one, once (RFC 7766 section 6.2.4).
    func ask(_ question: DNSQuestion) -> EventLoopFuture<DNSMessageCodec.Response> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        return send(question).flatMapError { error in
            guard (error as? Failure) == .dropped else { return bound.value.loop.makeFailedFuture(error) }
            return bound.value.send(question)
        }
    }

    /// Closes the connection for good: what waits fails, and nothing more is asked here.
    func retire() {
        isRetired = true
        close()
    }

    private func close() {
        let channel: (any Channel)? = if case .open(let channel) = state { channel } else { nil }
        ended(serial, Failure.closed)
        channel?.close(promise: nil)
    }

    private func send(_ question: DNSQuestion) -> EventLoopFuture<DNSMessageCodec.Response> {
        guard !isRetired else { return loop.makeFailedFuture(Failure.retired) }
        var generator = SystemRandomNumberGenerator()
        guard let id = queries.freeID(using: &generator),
            let query = DNSMessageCodec.query(question, id: id, settings.options)
        else {
            return loop.makeFailedFuture(Failure.malformed)
        }
        let promise = loop.makePromise(of: DNSMessageCodec.Response.self)
        let bound = NIOLoopBound(self, eventLoop: loop)
        let deadline = loop.scheduleTask(in: settings.timeout) { bound.value.giveUp(id) }
        queries.add(
            ExpectedAnswer(id: id, question: question, rawQuestion: nil),
            Waiting(promise: promise, deadline: deadline)
        )
        write(DNSStreamDecoder.framed(query))
        return promise.futureResult
    }

    private func write(_ bytes: ByteBuffer) {
        idle?.cancel()
        switch state {
        case .open(let channel): channel.writeAndFlush(bytes, promise: nil)
        case .opening(let waiting): state = .opening(waiting + [bytes])
        case .closed:
            state = .opening([bytes])
            open()
        }
    }

    private func open() {
        serial += 1
        hasAnswered = false
        openedAt = .now()
        let (bound, serial, server, makeHandler) = (
            NIOLoopBound(self, eventLoop: loop), serial, server, settings.makeTLSHandler
        )
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let tls = makeHandler(server) else { throw ChannelError.operationUnsupported }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(tls)
                    try pipeline.addHandler(ByteToMessageHandler(DNSStreamDecoder(limit: 65_535)))
                    try pipeline.addHandler(SecureLinkAnswers(bound.value, serial: serial))
                }
            }
            .connect(to: server.socketAddress)
            .whenComplete { result in bound.value.opened(serial, result) }
    }

    private func opened(_ serial: Int, _ result: Result<any Channel, any Error>) {
        guard serial == self.serial, case .opening(let waiting) = state else {
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        switch result {
        case .failure(let error): ended(serial, error)
        case .success(let channel):
            state = .open(channel)
            // The TLS handler holds this back until it knows whom it talks to.
            for bytes in waiting { channel.write(bytes, promise: nil) }
            channel.flush()
        }
    }

    /// Hands a response to whoever waits for it; others are passed over.
    fileprivate func received(_ message: ByteBuffer, _ serial: Int) {
        guard serial == self.serial, let response = DNSMessageCodec.response(message),
            let waiting = queries.take(response)
        else { return }
        hasAnswered = true
        waiting.deadline.cancel()
        closeWhenIdle()
        if response.isTruncated {
            waiting.promise.fail(Failure.malformed)
        } else {
            waiting.promise.succeed(response)
        }
    }

    private func closeWhenIdle() {
        guard queries.isEmpty else { return }
        let (bound, serial) = (NIOLoopBound(self, eventLoop: loop), serial)
        idle?.cancel()
        idle = loop.scheduleTask(in: settings.idleTime) {
            let link = bound.value
            if link.serial == serial, link.queries.isEmpty { link.close() }
        }
    }

    /// A query that got no answer in time.
    private func giveUp(_ id: UInt16) {
        guard let waiting = queries.remove(id) else { return }
        if queries.isEmpty {
            if openedAt + Self.youth <= .now() { close() } else { closeWhenIdle() }
        }
        waiting.promise.fail(Failure.timeout)
    }

    /// The connection is gone: everything that waits fails, and the next query opens another.
    fileprivate func ended(_ serial: Int, _ error: any Error) {
        guard serial == self.serial else { return }
        state = .closed
        idle?.cancel()
        idle = nil
        // Told before anything is asked again, which opens the next connection.
        let failure: any Error = isRetired ? Failure.retired : hasAnswered ? Failure.dropped : error
        for waiting in queries.removeAll() {
            waiting.deadline.cancel()
            waiting.promise.fail(failure)
        }
    }
}

/// What comes in on the connection, behind TLS and framing.
private final class SecureLinkAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: SecureLink
    private let serial: Int

    init(_ link: SecureLink, serial: Int) {
        self.link = link
        self.serial = serial
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { link.received(unwrapInboundIn(data), serial) }

    func channelInactive(context: ChannelHandlerContext) {
        link.ended(serial, SecureLink.Failure.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        link.ended(serial, error)
        context.close(promise: nil)
    }
}
