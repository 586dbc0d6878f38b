// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// TLS in a channel's pipeline: ciphertext on the network's side, plaintext on the other, both as `ByteBuffer`.
///
/// It fires ``TLSHandshakeCompleted`` once the peer is verified, and no plaintext before. When something fails it fires
/// a ``TLSFailure`` as an error and closes the channel. What is written before the handshake is done waits here; the
/// caller bounds it. Each function stores the new state first and calls out last, because anything that it calls may
/// come back into the handler.
package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// How far the connection has come.
    enum State {
        /// The channel is not active yet.
        case idle
        case handshaking
        case established
        /// A close_notify was sent, but the peer may go on.
        case outputClosed
        /// A close_notify was sent and the channel is about to close: what still comes is discarded (TLS-34).
        case closing
        case closed
    }

    /// From this size on waiting plaintext is made into records at once instead of being collected further.
    static let collectLimit = TLSConnection.recordLimit

    let context: TLSContext
    let role: TLSRole
    let handshakeDeadline: TimeAmount
    /// Whether a close_notify from the peer leaves the way to it open.
    let allowsHalfClosure: Bool

    /// Whether what the server offers is kept for ``peerOffer``; set before the channel is active.
    package var observes = false

    var state = State.idle
    /// nil before the channel is active and after it is closed.
    var connection: TLSConnection?
    var deadline: Scheduled<Void>?
    /// The peer has said that it sends nothing more.
    var hasPeerClosed = false
    /// Plaintext that waits for a flush or for the end of the handshake.
    var waiting = ByteBuffer()
    /// Records that wait for a flush.
    var records = ByteBuffer()
    /// The promises of what waits.
    var promises: [EventLoopPromise<Void>] = []
    /// A flush came during the handshake.
    var mustFlush = false
    /// Plaintext went up since the last end of a read.
    var hasDelivered = false

    /// A handler for one connection.
    ///
    /// - Parameters:
    ///   - handshakeDeadline: time from the channel being active to the end of the handshake (TLS-31).
    ///   - allowsHalfClosure: when the peer says close_notify, `ChannelEvent.inputClosed` is fired in any case; without
    ///     this the channel then closes, with it the owner does so.
    package init(
        context: TLSContext,
        role: TLSRole,
        handshakeDeadline: TimeAmount,
        allowsHalfClosure: Bool = false
    ) {
        self.context = context
        self.role = role
        self.handshakeDeadline = handshakeDeadline
        self.allowsHalfClosure = allowsHalfClosure
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.begin(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.finish(with: ChannelError.ioOnClosedChannel)
    }

    package func channelActive(context: ChannelHandlerContext) {
        self.begin(context)
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let failure = self.failureOfInactivity()
        self.finish(with: failure ?? ChannelError.ioOnClosedChannel)
        if let failure { context.fireErrorCaught(failure) }
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let ciphertext = self.unwrapInboundIn(data)
        switch self.state {
        case .established, .outputClosed: self.receive(ciphertext, context)
        case .handshaking: self.continueHandshake(with: ciphertext, context)
        case .idle, .closing, .closed: break
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        let hasDelivered = self.hasDelivered
        self.hasDelivered = false
        context.fireChannelReadComplete()
        // Whoever asked for a read got nothing from it, so it must go on without being asked again.
        if !hasDelivered && self.state != .closed { context.read() }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        // The network's end of input; the peer's own word for it has been passed on already, or should have come first.
        if let failure = self.failureOfInactivity() { self.fail(failure, context) }
    }

    /// What an end of the connection is worth telling.
    private func failureOfInactivity() -> TLSFailure? {
        guard let connection = self.connection else { return nil }
        switch self.state {
        case .handshaking:
            return connection.failure(.closedDuringHandshake, "the connection ended before the handshake did")
        case .established where !self.hasPeerClosed, .outputClosed where !self.hasPeerClosed:
            return connection.failure(.truncated, "the connection ended without a close_notify")
        case .idle, .established, .outputClosed, .closing, .closed:
            return nil
        }
    }

    /// Lets go of everything; what waits fails.
    func finish(with error: any Error) {
        self.state = .closed
        self.deadline?.cancel()
        self.deadline = nil
        self.connection = nil
        self.waiting = ByteBuffer()
        self.records = ByteBuffer()
        let promises = self.promises
        self.promises = []
        for promise in promises { promise.fail(error) }
    }
}

@available(*, unavailable)
extension TLSHandler: Sendable {}
