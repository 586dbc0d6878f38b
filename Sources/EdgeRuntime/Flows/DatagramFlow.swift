// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// One UDP socket: a listener's, which speaks to everybody, or one connected to a backend or to a server that gets
/// responses.
///
/// A connected socket learns of one host's ICMP errors alone (TRN-31, TRN-47), and the kernel brings what that host sends
/// back to the worker that sent.
final class DatagramFlow: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    let worker: Worker
    let id: FlowID
    let listener: ListenerID
    /// The backend that the socket is connected to.
    let backend: BackendTarget?
    /// The server that the socket is connected to for responses; what comes from it is the listener's.
    let server: DatagramAddress?
    /// The listener's flow that a server's requests are for: the listener's own, or that of one local address.
    let shared: FlowID?
    private(set) var bytesIn: UInt64 = 0
    private(set) var bytesOut: UInt64 = 0

    private let limits: MessageLimits
    private var channelContext: ChannelHandlerContext?
    private var isDirty = false
    /// What leaves from a local address of choice at the end of this loop tick, or when the kernel has room for it.
    private var located = LocatedQueue()
    private var isRetrying = false
    /// How that is sent; tests without sockets have a way of their own.
    var sendLocated: (CInt, LocatedDatagram) -> LocatedDatagram.Outcome = { $1.send(on: $0) }

    init(
        worker: Worker,
        id: FlowID,
        listener: ListenerID,
        backend: BackendTarget? = nil,
        server: DatagramAddress? = nil,
        shared: FlowID? = nil,
        limits: MessageLimits
    ) {
        self.worker = worker
        self.id = id
        self.listener = listener
        self.backend = backend
        self.server = server
        self.shared = shared
        self.limits = limits
    }

    /// Whom the socket is connected to; nil for a listener's.
    var peer: DatagramAddress? {
        backend.map { DatagramAddress(address: $0.endpoint.address.unmapped, port: $0.endpoint.port) } ?? server
    }

    var side: SideLabel { backend == nil ? .client : .backend }

    func handlerAdded(context: ChannelHandlerContext) { channelContext = context }

    func handlerRemoved(context: ChannelHandlerContext) { channelContext = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        // The buffer that it came in has room for the largest datagram: what is kept must not hold that, and the next one
        // can come in it.
        let bytes = ByteBuffer(bytes: envelope.data.readableBytesView)
        guard let address = IPAddress(envelope.remoteAddress), let port = envelope.remoteAddress.port else { return }
        bytesIn &+= UInt64(bytes.readableBytes)
        // What came between bind and connect may be from anybody, and a backend is trusted.
        if let endpoint = backend?.endpoint, (address, port) != (endpoint.address.unmapped, Int(endpoint.port)) {
            return worker.counters.drops.increment(.foreignSource)
        }
        // A keep-alive is swallowed: there is no ping on UDP (MSG-10, FLW-31).
        guard !MessageParser.isKeepAlive(bytes) else { return worker.counters.drops.increment(.keepAlive) }
        let now = worker.eventLoop.now
        let id = envelope.metadata?.packetInfo.map { worker.face(of: self, at: $0.destinationAddress) }
        let source = DatagramAddress(address: address, port: UInt16(truncatingIfNeeded: port))
        let flow = worker.datagramContext(of: self, id, from: source)
        switch MessageParser.parse(bytes, framing: .datagram, limits: limits) {
        case .message(let message): worker.received(message, on: flow, now: now)
        case .malformed(let malformed): worker.receivedMalformed(malformed, on: flow, now: now)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // ICMP unreachable reaches a connected socket as an error of its next call; a listener's socket outlives it.
        guard peer != nil else { return }
        worker.datagramRefused(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        located.abandon { worker.counters.drops.increment($0) }
        worker.closed(self)
        context.fireChannelInactive()
    }

    /// Sends a datagram at the end of this loop tick; a connected socket sends to its own host, whatever `remote` says.
    func enqueue(_ message: ByteBuffer, to remote: DatagramAddress?) {
        guard let channelContext else { return }
        bytesOut &+= UInt64(message.readableBytes)
        let address: SocketAddress
        if let backend {
            address = SocketAddress(backend.endpoint.address, port: backend.endpoint.port)
        } else if let remote = server ?? remote {
            address = SocketAddress(remote.address, port: remote.port)
        } else {
            return
        }
        channelContext.write(wrapOutboundOut(AddressedEnvelope(remoteAddress: address, data: message)))
            .assumeIsolated().whenFailure { [weak self] _ in
                guard let self, self.peer != nil else { return }
                self.worker.datagramRefused(self)
            }
        markDirty()
    }

    /// Sends a datagram from one local address of a socket that is bound to all, at the end of this loop tick (TRN-28).
    func enqueue(_ message: ByteBuffer, to remote: DatagramAddress, from local: IPAddress) {
        bytesOut &+= UInt64(message.readableBytes)
        located.append(LocatedDatagram(bytes: message, remote: remote, local: local))
        markDirty()
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.markDirty(self)
    }

    func flush() {
        isDirty = false
        if !located.isEmpty { flushLocated() }
        channelContext?.flush()
    }

    private func flushLocated() {
        let isOpen: Void? = try? channelContext?.pipeline.syncOperations
            .withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
                located.flush {
                    sendLocated(socket, $0)
                } lost: {
                    worker.counters.drops.increment($0)
                }
            }
        guard isOpen != nil else { return located.abandon { worker.counters.drops.increment($0) } }
        guard !located.isEmpty, !isRetrying else { return }
        isRetrying = true
        worker.eventLoop.assumeIsolated().scheduleTask(in: LocatedQueue.pause) { [weak self] in
            guard let self else { return }
            self.isRetrying = false
            if !self.located.isEmpty { self.flushLocated() }
        }
    }

    func close() { channelContext?.close(promise: nil) }
}

@available(*, unavailable)
extension DatagramFlow: Sendable {}
