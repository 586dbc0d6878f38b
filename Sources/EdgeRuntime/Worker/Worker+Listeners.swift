// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// The listeners of one worker.
extension Worker {
    /// Binds a listener without accepting yet; gives the port that it is bound to.
    func open(_ identity: ListenerIdentity, port: UInt16, limits: EdgeLimits) -> EventLoopFuture<UInt16> {
        let address = SocketAddress(identity.address, port: port)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let id = identity.id
        let binding: EventLoopFuture<any Channel>
        if identity.transport == .udp {
            let flow = DatagramFlow(worker: self, id: makeFlowID(), listener: id, backend: nil, limits: limits.message)
            datagrams[flow.id] = flow
            listenerDatagrams[id] = flow
            let boundFlow = NIOLoopBound(flow, eventLoop: eventLoop)
            binding = ListenerSocket.datagram(on: eventLoop, address: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(boundFlow.value)
                }
            }
            .flatMap { channel in Self.tellLocalAddress(channel, identity) }
        } else {
            binding = ListenerSocket.stream(on: eventLoop, address: address) { channel in
                bound.value.accept(channel, listener: id)
            }
        }
        return binding.map { channel in
            bound.value.listenerChannels[id] = channel
            return UInt16(truncatingIfNeeded: channel.localAddress?.port ?? 0)
        }
    }

    /// Has the kernel tell where datagrams come to, at a socket that is bound to all addresses (TRN-28).
    private static func tellLocalAddress(
        _ channel: any Channel,
        _ identity: ListenerIdentity
    ) -> EventLoopFuture<any Channel> {
        guard identity.address.isUnspecified else { return channel.eventLoop.makeSucceededFuture(channel) }
        return channel.setOption(.receivePacketInfo, value: true).map { channel }
    }

    /// Begins to accept on a listener that is bound.
    func startAccepting(_ id: ListenerID) -> EventLoopFuture<Void> {
        guard let channel = listenerChannels[id] else { return eventLoop.makeSucceededVoidFuture() }
        acceptingListeners.insert(id)
        if admission.isPaused, isTLS(id) { return eventLoop.makeSucceededVoidFuture() }
        return channel.setOption(.autoRead, value: true)
    }

    /// A client begins its TLS handshake.
    func handshakeBegan() {
        guard admission.began(limit: snapshot.limits.handshakesPerWorker) else { return }
        counters.limits.increment(.handshakesPerWorker)
        setAccepting(false)
    }

    /// It has ended, whichever way; told once for each.
    func handshakeEnded(_ flow: StreamFlow) {
        limiter.handshakeEnded(flow.context.remoteAddress)
        if admission.ended(limit: snapshot.limits.handshakesPerWorker) { setAccepting(true) }
    }

    private func setAccepting(_ isAccepting: Bool) {
        for (id, channel) in listenerChannels where acceptingListeners.contains(id) && isTLS(id) {
            channel.setOption(.autoRead, value: isAccepting).whenFailure { _ in }
        }
    }

    private func isTLS(_ id: ListenerID) -> Bool { snapshot.listener(id)?.identity.transport == .tls }

    /// Accepts no more; connections that were accepted stay, but for those of which nobody knows yet whose they are.
    func closeListener(_ id: ListenerID) {
        acceptingListeners.remove(id)
        listenerChannels.removeValue(forKey: id)?.close(promise: nil)
        closeFronts(of: id)
        guard let flow = listenerDatagrams.removeValue(forKey: id) else { return }
        forget(flow)
        returns.close(from: id)
        closeBackendSockets { $0 == id }
    }

    /// Closes the sockets to backends that are bound to such listeners: what left by them would bear a Via of another one
    /// (TRN-52), and the address would not be free.
    func closeBackendSockets(of isGone: (ListenerID) -> Bool) {
        for flow in datagrams.values where flow.backend != nil && isGone(flow.listener) { flow.close() }
    }
}
