// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOPosix
internal import SIPMessage
internal import SIPProxy

/// Flows to backends: opening them.
extension Worker {
    /// The flows to one backend, made when it is first needed.
    func flows(to target: BackendTarget) -> BackendFlows {
        if let flows = backends[target] { return flows }
        let flows = BackendFlows(worker: self, target: target)
        backends[target] = flows
        return flows
    }

    func backendContext(_ id: FlowID, _ target: BackendTarget, listener: ListenerID) -> FlowContext {
        FlowContext(
            id: id,
            side: .backend(target),
            listener: listener,
            transport: target.endpoint.transport,
            remoteAddress: target.endpoint.address,
            remotePort: target.endpoint.port,
            remoteText: ByteBuffer(string: target.endpoint.address.description),
            token: ByteBuffer()
        )
    }

    /// The listener that stands for Brana towards a backend.
    func facingListener(_ target: BackendTarget) -> ListenerID {
        core.facingListener(target)
    }

    /// A stream flow that is not open yet.
    func makeStream(to target: BackendTarget) -> StreamFlow {
        let context = backendContext(makeFlowID(), target, listener: facingListener(target))
        let flow = StreamFlow(
            worker: self,
            context: context,
            usesTLS: target.endpoint.transport == .tls,
            limits: snapshot.limits.message,
            now: eventLoop.now
        )
        streams[context.id] = flow
        return flow
    }

    /// Gives up a flow that is being opened; nobody hears of it.
    func abandon(_ flow: StreamFlow) {
        streams[flow.context.id] = nil
        flow.abandon()
    }

    /// Starts to open a stream flow; `BackendFlows` hears of it by `ready` or `closed`.
    func connect(_ flow: StreamFlow, to target: BackendTarget) {
        let setup = snapshot.setup(for: target)
        let bound = NIOLoopBound(flow, eventLoop: eventLoop)
        let handshake = snapshot.limits.handshakeTimeout
        ClientBootstrap(group: eventLoop)
            .connectTimeout(snapshot.limits.connectTimeout)
            .channelOption(ListenerSocket.noDelay, value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard !bound.value.isAbandoned else { throw ChannelError.alreadyClosed }
                    try setup.addHandlers(to: channel.pipeline.syncOperations, for: target, deadline: handshake)
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .connect(to: SocketAddress(target.endpoint.address, port: target.endpoint.port))
            .assumeIsolated()
            .whenFailure { [weak self] error in self?.connectFailed(flow, target, error) }
    }

    private func connectFailed(_ flow: StreamFlow, _ target: BackendTarget, _ error: any Error) {
        guard streams[flow.context.id] != nil else { return }
        streams[flow.context.id] = nil
        let timedOut = if case .connectTimeout = error as? ChannelError { true } else { false }
        backends[target]?.connectFailed(flow, timedOut ? .connectTimeout : .refused)
        runActions()
    }

    /// Opens a UDP socket that is bound to the listener's port and connected to the backend; gives nil where that cannot be.
    func openDatagram(to target: BackendTarget, completion: @escaping (DatagramFlow?) -> Void) {
        let listener = facingListener(target)
        guard let source = datagramSource(listener, for: target) else {
            hooks.logConnection(
                "no UDP listener could send a request to a next hop",
                [("worker", "\(index)"), ("next_hop", "\(target.endpoint)")]
            )
            return completion(nil)
        }
        let flow = DatagramFlow(
            worker: self,
            id: makeFlowID(),
            listener: listener,
            backend: target,
            limits: snapshot.limits.message
        )
        let remote = SocketAddress(target.endpoint.address, port: target.endpoint.port)
        open(flow, from: source, to: remote) { [weak self] opened in
            // The listener may be gone meanwhile, and with it the address that the backend would answer to.
            guard let self, let opened, self.snapshot.listener(listener) == nil else { return completion(opened) }
            opened.close()
            self.openDatagram(to: target, completion: completion)
        }
    }

    /// Opens a UDP socket of a worker's own, bound to `source` beside others and connected to `remote`; gives nil when
    /// that cannot be.
    func open(
        _ flow: DatagramFlow,
        from source: SocketAddress,
        to remote: SocketAddress,
        completion: @escaping (DatagramFlow?) -> Void
    ) {
        let bound = NIOLoopBound(flow, eventLoop: eventLoop)
        ListenerSocket.datagram(on: eventLoop, address: source) { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
        }
        .flatMap { channel in channel.connect(to: remote) }
        .assumeIsolated()
        .whenComplete { [weak self] result in
            guard let self, case .success = result else { return completion(nil) }
            self.datagrams[flow.id] = flow
            completion(flow)
        }
    }

    /// The address that datagrams to a backend leave from: the UDP listener's (TRN-52).
    ///
    /// From a port that the kernel picks nobody would expect them, and Via would lead the answers elsewhere.
    private func datagramSource(_ listener: ListenerID, for target: BackendTarget) -> SocketAddress? {
        let any: IPAddress = target.endpoint.address.isIPv6 ? .v6(high: 0, low: 0) : .v4(0)
        guard let identity = snapshot.listener(listener)?.identity, identity.sends(to: target.endpoint) else {
            return nil
        }
        let isSameFamily = identity.address.isIPv6 == target.endpoint.address.isIPv6
        return SocketAddress(isSameFamily ? identity.address : any, port: identity.port)
    }
}

/// A backend is to be reached over TLS, and its pool names no TLS profile.
struct MissingTLSProfile: Error {}
