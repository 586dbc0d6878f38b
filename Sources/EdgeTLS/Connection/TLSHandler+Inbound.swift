// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import NIOCore

extension TLSHandler {
    /// The channel is active: the time runs, and a client says hello.
    func begin(_ context: ChannelHandlerContext) {
        guard self.state == .idle else { return }
        guard let connection = TLSConnection(context: self.context, role: self.role) else {
            self.state = .closed
            context.fireErrorCaught(
                TLSFailure(
                    reason: .library,
                    words: OpenSSLErrors.drained().words,
                    serverName: nil,
                    side: self.role.side
                )
            )
            context.close(promise: nil)
            return
        }
        if self.observes { connection.observe() }
        self.connection = connection
        self.state = .handshaking
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.deadline = context.eventLoop.scheduleTask(in: self.handshakeDeadline) {
            let (handler, context) = loopBound.value
            handler.missDeadline(context)
        }
        if case .client = self.role { self.continueHandshake(with: ByteBuffer(), context) }
    }

    /// The peer took too long.
    private func missDeadline(_ context: ChannelHandlerContext) {
        guard self.state == .handshaking, let connection = self.connection else { return }
        self.fail(connection.failure(.handshakeDeadline, "the handshake was not done in time"), context)
    }

    /// Takes the handshake further with what came.
    func continueHandshake(with data: ByteBuffer, _ context: ChannelHandlerContext) {
        guard let connection = self.connection else { return }
        var ciphertext = data
        var replies = ByteBuffer()
        switch connection.handshake(&ciphertext, replies: &replies) {
        case .incomplete:
            self.send(replies, promise: nil, context)
        case .complete:
            self.complete(connection, replies: replies, context)
            if ciphertext.readableBytes > 0, self.state == .established { self.receive(ciphertext, context) }
        case .ended(.closeNotify):
            self.send(replies, promise: nil, context)
            self.fail(connection.failure(.closedDuringHandshake, "the peer closed during the handshake"), context)
        case .ended(.failed(let errors)):
            self.send(replies, promise: nil, context)
            self.fail(connection.failure(errors), context)
        }
    }

    /// The handshake is done: what waited leaves together with its last flight, then everyone may know.
    private func complete(_ connection: TLSConnection, replies: ByteBuffer, _ context: ChannelHandlerContext) {
        let outcome = connection.outcome()
        guard !connection.lacksRequiredPeer(outcome) else {
            return self.fail(connection.failure(.certificateMissing, "the session shows no valid certificate"), context)
        }
        self.deadline?.cancel()
        self.deadline = nil
        self.state = .established
        self.records = replies
        let hasReplies = replies.readableBytes > 0
        if self.mustFlush {
            self.mustFlush = false
            self.flush(context: context)
        } else if hasReplies {
            self.records = ByteBuffer()
            self.send(replies, promise: nil, context)
        }
        // Sending can have closed the channel.
        if self.state != .closed { context.fireUserInboundEventTriggered(outcome) }
    }

    /// Decrypts what came, and passes it on as one buffer.
    func receive(_ ciphertext: ByteBuffer, _ context: ChannelHandlerContext) {
        guard let connection = self.connection, !self.hasPeerClosed else { return }
        var plaintext = context.channel.allocator.buffer(capacity: ciphertext.readableBytes)
        var replies = ByteBuffer()
        let result = connection.read(ciphertext, into: &plaintext, replies: &replies)
        if case .ended = result { self.hasPeerClosed = true }
        if replies.readableBytes > 0 { self.send(replies, promise: nil, context) }
        if plaintext.readableBytes > 0 {
            self.hasDelivered = true
            context.fireChannelRead(self.wrapInboundOut(plaintext))
        }
        switch result {
        case .complete, .incomplete:
            break
        case .ended(.closeNotify):
            self.receiveCloseNotify(context)
        case .ended(.failed(let errors)):
            if self.state != .closed { self.fail(connection.failure(errors), context) }
        }
    }

    /// The peer has said all it wants to say.
    private func receiveCloseNotify(_ context: ChannelHandlerContext) {
        guard self.state == .established || self.state == .outputClosed else { return }
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        if self.state == .outputClosed || !self.allowsHalfClosure {
            self.close(context: context, mode: .all, promise: nil)
        }
    }

    /// Says what is wrong and closes.
    func fail(_ failure: TLSFailure, _ context: ChannelHandlerContext) {
        guard self.state != .closed else { return }
        self.finish(with: failure)
        context.fireErrorCaught(failure)
        context.close(promise: nil)
    }

    /// Sends records at once.
    func send(_ records: ByteBuffer, promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        guard records.readableBytes > 0 else {
            promise?.succeed()
            return
        }
        context.writeAndFlush(self.wrapOutboundOut(records), promise: promise)
    }
}
