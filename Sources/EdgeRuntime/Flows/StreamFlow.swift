// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// One stream connection, TCP or TLS, to a client or a backend: the last handler of its pipeline.
///
/// It cuts the byte stream into messages and hands each to its worker; what is to leave it collects, until the worker
/// flushes it once a loop tick. It belongs to its worker's loop.
final class StreamFlow: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the flow has come to.
    enum Phase {
        /// Connecting, or in the TLS handshake.
        case opening
        case ready
        /// Its last answer has been written, and what still comes is discarded.
        case lingering
        case closed
    }

    let worker: Worker
    var context: FlowContext
    private(set) var phase = Phase.opening
    /// Why a flow did not come up, as far as it is known.
    private(set) var openingFailure = AttemptFailure.refused
    private(set) var lastRead: NIODeadline
    /// When the transport's connection stood, from which a TLS handshake is timed.
    private(set) var connectedAt: NIODeadline
    /// Whether it was given up while it was being opened.
    private(set) var isAbandoned = false
    /// Whether the peer sends nothing more, and still takes what is sent (TRN-08).
    private(set) var isInputClosed = false
    /// How long the client was promised to be kept without a sign of life; nil: as the configuration says (FLW-36).
    var idleLimit: TimeAmount?
    /// Whom its certificate proves, as long as the flow counts among that identity's connections (FLW-42).
    var countedIdentity: String?
    /// Whether its certificate proves none of those who may ask, so that all its requests are answered 403 (TLS-23).
    var isUnlisted = false
    /// Until when its peer's certificate is valid; nil without one that was verified.
    var certificate: CertificateLife?
    /// Whether that is about to end; looked at once a second, not for each message.
    var isRetired = false
    /// The rules by which its peer was verified, where its listener takes offers of connections (RFC 5923).
    var aliasTerms: AliasTerms?
    /// When something was first sent back on it that may be answered, since anything came.
    private var askedAt: NIODeadline?
    /// Ports of its server for which the connection was offered.
    private(set) var offeredPorts: [UInt16] = []
    /// When the backend is asked whether it is still there.
    var pulse = KeepAlivePulse()
    /// Whether the answer to a ping is due.
    private var isPongDue = false
    /// Until when the message that is being received must have come.
    private(set) var reception = ReceptionClock()
    var receptionTimer: Scheduled<Void>?
    private(set) var bytesIn: UInt64 = 0
    private(set) var bytesOut: UInt64 = 0

    /// What its peer may still ask for now, where a connection has a limit of its own.
    var bucket = TokenBucket()
    /// The same of all connections of whom its peer's certificate proves; nil without one that was verified.
    var identityShare: IdentityBuckets.Share?

    let usesTLS: Bool
    private var framer: StreamFramer
    private let limits: MessageLimits
    private(set) var channelContext: ChannelHandlerContext?
    private var outgoing = ByteBuffer()
    private var isDirty = false
    /// Bytes collected since the peer stopped to take any.
    private var blockedBytes = 0
    /// What a peer whose queue has overflowed takes since then.
    private var stall: WriteStall?
    var lingering: Lingering?

    init(worker: Worker, context: FlowContext, usesTLS: Bool, limits: MessageLimits, now: NIODeadline) {
        self.worker = worker
        self.context = context
        self.usesTLS = usesTLS
        self.limits = limits
        self.lastRead = now
        self.connectedAt = now
        self.framer = StreamFramer(limits: limits)
    }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        channelContext = context
        if context.channel.isActive, !usesTLS { becomeReady() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        channelContext = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        connectedAt = worker.eventLoop.now
        if !usesTLS { becomeReady() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let completed = event as? TLSHandshakeCompleted {
            guard worker.handshakeCompleted(self, completed) else {
                openingFailure = .tls
                return context.close(promise: nil)
            }
            becomeReady()
        } else if let event = event as? ChannelEvent, event == .inputClosed {
            if phase == .lingering { return context.close(promise: nil) }
            guard phase == .ready, !isInputClosed else { return }
            isInputClosed = true
            worker.inputClosed(self)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        bytesIn &+= UInt64(bytes.readableBytes)
        guard phase != .lingering else { return discard(bytes.readableBytes) }
        let now = worker.eventLoop.now
        lastRead = now
        askedAt = nil
        framer.append(bytes)
        while phase == .ready {
            switch framer.next() {
            case .message(let bytes):
                receive(bytes, now: now)
            case .keepAlive:
                enqueue(worker.pong)
            case .needMore:
                if isPongDue, framer.takePong() { isPongDue = false }
                return awaitRest(now)
            case .failed(let error, let head):
                return fail(error, head: head, now: now)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard phase != .lingering else { return }
        // Back-pressure: nothing more is read from who does not read what is written to it.
        let isWritable = context.channel.isWritable
        context.channel.setOption(.autoRead, value: isWritable).whenFailure { _ in }
        guard isWritable else { return reception.stop(now: worker.eventLoop.now) }
        reception.goOn(now: worker.eventLoop.now)
        watchReception()
        blockedBytes = 0
        stall = nil
        context.read()
        worker.writable(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let failure = error as? TLSFailure, !isAbandoned {
            if phase == .opening {
                openingFailure = .tls
                worker.handshakeFailed(self, failure)
            } else {
                worker.connectionDamaged(self, failure)
            }
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let was = phase
        phase = .closed
        lingering?.end()
        receptionTimer?.cancel()
        if !isAbandoned { worker.closed(self, was: was) }
        context.fireChannelInactive()
    }

    // MARK: From the worker

    /// Whether more can be written without piling up.
    var isWritable: Bool { channelContext?.channel.isWritable ?? false }

    /// Bytes collected for the next flush.
    var pendingBytes: Int { outgoing.readableBytes }

    /// Whether a revocation list of these rules names the certificate of its peer.
    func isPeerRevoked(by rules: TLSContext) -> Bool {
        guard usesTLS, certificate != nil, let pipeline = channelContext?.pipeline else { return false }
        return (try? pipeline.syncOperations.handler(type: TLSHandler.self))?.isPeerRevoked(by: rules) ?? false
    }

    /// Collects a message to be sent; it leaves when the worker flushes, at the end of this loop tick.
    ///
    /// False where nothing can be sent, or more than the limit waits already for a peer that takes nothing.
    @discardableResult
    func enqueue(_ message: ByteBuffer) -> Bool {
        guard phase == .ready else { return false }
        if !isWritable {
            guard blockedBytes + message.readableBytes <= worker.snapshot.limits.writeQueue else {
                overflow()
                return false
            }
            blockedBytes += message.readableBytes
        }
        if outgoing.readableBytes == 0 {
            outgoing = message
        } else {
            outgoing.writeImmutableBuffer(message)
        }
        guard !isDirty else { return true }
        isDirty = true
        worker.markDirty(self)
        return true
    }

    private func overflow() {
        guard stall == nil else { return }
        worker.counters.limits.increment(.writeQueue)
        stall = WriteStall(taken: takenBytes, now: worker.eventLoop.now)
    }

    /// Whether the queue has overflowed and nothing was taken from it for so long since then (TRN-10).
    func isStalled(at now: NIODeadline, for limit: TimeAmount) -> Bool {
        stall?.advance(to: now, taken: takenBytes)
        return stall.map { now - $0.since >= limit } ?? false
    }

    /// Bytes that have left the process, or somewhat less over TLS.
    private var takenBytes: Int64 {
        let waiting = try? channelContext?.channel.syncOptions?.getOption(.bufferedWritableBytes)
        return Int64(bytesOut) - Int64(waiting ?? 0)
    }

    /// Closes without sending what waits, which nobody takes.
    func abort() {
        outgoing = ByteBuffer()
        channelContext?.close(promise: nil)
    }

    /// Asks whether the other side is still there; its answer, half of a ping, is not taken for the beginning of one.
    func ping() {
        if enqueue(worker.ping) { isPongDue = true }
    }

    /// Writes what was collected.
    func flush() {
        isDirty = false
        guard outgoing.readableBytes > 0, let channelContext else { return }
        bytesOut &+= UInt64(outgoing.readableBytes)
        let bytes = outgoing
        outgoing = ByteBuffer()
        channelContext.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Sends what was collected, then closes.
    func close() {
        guard phase != .closed else { return }
        flush()
        channelContext?.close(promise: nil)
    }

    /// Closes a flow that is still being opened, and tells nobody.
    func abandon() {
        isAbandoned = true
        channelContext?.close(promise: nil)
    }

    // MARK: -

    private func becomeReady() {
        guard phase == .opening, !isAbandoned else { return }
        phase = .ready
        worker.ready(self)
    }

    /// From now on what comes is discarded.
    func becomeLingering(_ lingering: Lingering) {
        phase = .lingering
        self.lingering = lingering
    }

    private func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        reception.rest()
        switch MessageParser.parse(bytes, framing: .stream, limits: limits) {
        case .message(let message):
            if usesTLS, message.topmostVia.offersAlias, message.isRequest { offer(message.topmostVia) }
            worker.received(message, on: context, isUnlisted: isUnlisted, now: now)
        case .malformed(let malformed):
            worker.receivedMalformed(malformed, on: context, now: now)
            // What ends its lines in two ways may be read as two messages by the next who reads it (MSG-01).
            if malformed.reason == .lineEnd { linger() }
        }
    }

    /// A message must come whole in its time.
    private func awaitRest(_ now: NIODeadline) {
        guard framer.isInsideMessage else { return reception.rest() }
        reception.awaits(body: framer.awaitedBody, now: now, limit: worker.snapshot.limits.messageTimeout)
        watchReception()
    }

    /// The peer offers its connection for requests back; said once for each port, though it says so in every request.
    private func offer(_ via: Via) {
        guard via.transport == .tls, !offeredPorts.contains(via.effectivePort),
            offeredPorts.count < AliasTable.portsPerFlow
        else { return }
        if worker.noteAlias(self, port: via.effectivePort) { offeredPorts.append(via.effectivePort) }
    }

    /// A request goes back to the server that has opened it.
    func asked(now: NIODeadline) { askedAt = askedAt ?? now }

    /// Whether its peer has answered nothing for so long that it may be gone (TRN-43).
    func isMute(at now: NIODeadline) -> Bool { askedAt.map { now - $0 > AliasTable.longestSilence } ?? false }

    /// The stream has lost its frame: answer what can be answered, then close (TRN-02, TRN-03).
    private func fail(_ error: FramingError, head: ByteBuffer?, now: NIODeadline) {
        guard !error.isForeign else { return refuse(error, now: now) }
        var limits = limits
        limits.headerSection = max(limits.headerSection, head?.readableBytes ?? 0)
        if let head, case .malformed(let malformed) = MessageParser.parse(head, framing: .stream, limits: limits) {
            let isTooLong = error == .messageTooLong
            worker.receivedMalformed(isTooLong ? malformed.asTooLarge : malformed, on: context, now: now)
        } else {
            worker.framingFailed(error)
        }
        linger()
    }

    /// What is no SIP is not answered (TRN-09); a pong for what only looked like a ping has not left yet.
    private func refuse(_ error: FramingError, now: NIODeadline) {
        worker.foreign(error, on: context, now: now)
        if error == .proxyHeader, bytesOut == 0 { outgoing = ByteBuffer() }
        close()
    }
}

@available(*, unavailable)
extension StreamFlow: Sendable {}
