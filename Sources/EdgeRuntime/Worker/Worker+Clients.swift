// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeTLS
internal import NIOCore
internal import ProxyProtocol
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// Client connections: accepting them, and what happens to flows.
extension Worker {
    /// Takes a connection that a listener of this worker accepted, from a load balancer once that has said whose it is.
    func accept(_ channel: any Channel, listener id: ListenerID) -> EventLoopFuture<Void> {
        guard let setup = snapshot.listener(id), let remote = channel.remoteAddress, let address = IPAddress(remote)
        else {
            return channel.close()
        }
        let source = ProxyHeader.Source(address: address, port: UInt16(truncatingIfNeeded: remote.port ?? 0))
        if let policy = setup.proxyProtocol, policy.awaitsHeader(from: address) {
            return awaitHeader(channel, setup, policy, from: source)
        }
        return channel.eventLoop.makeCompletedFuture { try admit(channel, setup, source) }
    }

    /// Counts a connection and sets it up, or closes it because a limit is reached.
    ///
    /// - Parameters:
    ///   - source: whose it is: the other end, or whom a load balancer names (TRN-69).
    ///   - front: the other end where that is such a load balancer.
    func admit(
        _ channel: any Channel,
        _ setup: ListenerSetup,
        _ source: ProxyHeader.Source,
        front: ProxyHeader.Source? = nil
    ) throws {
        if let refusal = refusal(of: source.address, setup) {
            counters.refusals.increment(Int(setup.identity.id.index), refusal)
            if let limit = LimitLabel(refusal) {
                counters.limits.increment(limit)
                tell(limit, source.address, now: eventLoop.now)
            }
            return channel.close(promise: nil)
        }
        counters.connections.increment(Int(setup.identity.id.index), .accepted)
        var context = clientContext(setup.identity, makeFlowID(), address: source.address, port: source.port)
        context.front = front.map { FlowContext.Front(address: $0.address, port: $0.port) }
        let flow = StreamFlow(
            worker: self,
            context: context,
            usesTLS: setup.tls != nil,
            limits: snapshot.limits.message,
            now: eventLoop.now
        )
        streams[context.id] = flow
        if setup.tls != nil { handshakeBegan() }
        // A server's response finds its way by a new connection (TRN-26), a client's only by this one (TRN-08).
        let isClient = setup.identity.isAccess
        if isClient { try? channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true) }
        if let tls = setup.tls {
            let handler = TLSHandler(
                context: tls,
                role: .server,
                handshakeDeadline: snapshot.limits.handshakeTimeout,
                allowsHalfClosure: isClient
            )
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        try channel.pipeline.syncOperations.addHandler(flow)
    }

    /// What the core is told of a client's flow.
    func clientContext(_ listener: ListenerIdentity, _ id: FlowID, address: IPAddress, port: UInt16) -> FlowContext {
        FlowContext(
            id: id,
            side: .client,
            listener: listener.id,
            transport: listener.transport,
            remoteAddress: address,
            remotePort: port,
            remoteText: ByteBuffer(string: address.description),
            token: token(id, listener.id, listener.transport, address, port)
        )
    }

    /// TLS stands; false when the client is none of those who may come, or has too many connections already.
    func handshakeCompleted(_ flow: StreamFlow, _ completed: TLSHandshakeCompleted) -> Bool {
        let side = SideLabel(flow.context.side)
        counters.handshakeCompleted(side, completed, eventLoop.now - flow.connectedAt)
        flow.context.verifiedNames = completed.peer?.sipDomains ?? []
        flow.certificate = completed.peer.map { CertificateLife(notAfter: $0.notAfter, now: eventLoop.now) }
        // A list may have come since the handshake began, and a resumed session was verified when it began (TLS-09).
        if isRevoked(flow) {
            noteRevoked(flow)
            return false
        }
        if let certificate = flow.certificate, certificate.endsAt <= eventLoop.now {
            counters.limits.increment(.certificateEnd)
            return false
        }
        if case .backend(let target) = flow.context.side {
            if completed.isUnasked, let pool = target.pool { counters.poolEvents.increment(Int(pool.index), .unasked) }
            return true
        }
        guard isTaken(flow, completed.peer) else { return false }
        if !flow.context.verifiedNames.isEmpty { renewToken(of: flow) }
        flow.aliasTerms = snapshot.listener(flow.context.listener)?.aliasTerms
        guard let peer = completed.peer else { return true }
        flow.identityShare = identities.join(peer.owner)
        return admit(flow, as: peer)
    }

    /// Counts a client's connection among those that its certificate's owner has open (FLW-42); servers of others and our
    /// own open as many as they need.
    private func admit(_ flow: StreamFlow, as peer: PeerIdentity) -> Bool {
        let limit = snapshot.limits.connectionsPerIdentity
        guard limit > 0, snapshot.listener(flow.context.listener)?.identity.isAccess ?? false else { return true }
        let identity = peer.owner
        guard limiter.admit(identity, limit: limit) else {
            counters.refusals.increment(Int(flow.context.listener.index), .connectionsPerIdentity)
            counters.limits.increment(.connectionsPerIdentity)
            tell(.connectionsPerIdentity, flow.context.remoteAddress, now: eventLoop.now)
            return false
        }
        flow.countedIdentity = identity
        return true
    }

    func handshakeFailed(_ flow: StreamFlow, _ failure: TLSFailure) {
        counters.handshakeFailures.increment(SideLabel(failure.side), TLSFailureLabel(failure.reason))
        log("TLS handshake failed", flow, failure)
    }

    /// TLS failed after its handshake; a peer that leaves without a close_notify is counted and no news (TLS-35).
    ///
    /// In TLS 1.3 a server refuses our certificate only now, when for us the handshake is over (RFC 8446 section 4.4.2.4).
    func connectionDamaged(_ flow: StreamFlow, _ failure: TLSFailure) {
        counters.tlsFailures.increment(SideLabel(failure.side), TLSFailureLabel(failure.reason))
        if failure.reason != .truncated { log("TLS connection failed", flow, failure) }
    }

    /// A stream lost its frame, and nothing of the message could be read.
    func framingFailed(_ error: FramingError) {
        counters.malformed.increment(MalformedLabel(error))
    }

    /// A stream is none of SIP: it counts as something that its source has asked for.
    func foreign(_ error: FramingError, on context: FlowContext, now: NIODeadline) {
        framingFailed(error)
        _ = admission(of: 0, .other, on: context, now: now)
    }

    /// A flow has come up.
    func ready(_ flow: StreamFlow) {
        if flow.isClientOverTLS { handshakeEnded(flow) }
        guard case .backend(let target) = flow.context.side else { return }
        backends[target]?.ready(flow)
        runActions()
    }

    /// A flow takes bytes again.
    func writable(_ flow: StreamFlow) {
        if case .backend(let target) = flow.context.side {
            backends[target]?.writable()
        } else {
            guard !flow.offeredPorts.isEmpty else { return }
            aliasIsFree()
        }
        runActions()
    }

    /// A client sends nothing more: what it has asked is still answered, then the flow is closed (TRN-08).
    func inputClosed(_ flow: StreamFlow) {
        guard flow.context.side == .client else { return }
        scheduleEndings()
        endedInputs.insert(flow.context.id)
    }

    /// A client's connection waits for nothing but its end: for all others it is gone.
    func lingers(_ flow: StreamFlow) {
        if !flow.offeredPorts.isEmpty { endAliases([flow.context.id]) }
        noteClosed(flow.context.id)
    }

    /// A stream flow is gone.
    func closed(_ flow: StreamFlow, was phase: StreamFlow.Phase) {
        let wasReady = phase != .opening
        counters.add(bytesIn: flow.bytesIn, bytesOut: flow.bytesOut, SideLabel(flow.context.side))
        streams[flow.context.id] = nil
        switch flow.context.side {
        case .client:
            counters.connections.increment(Int(flow.context.listener.index), .closed)
            if flow.isClientOverTLS, !wasReady { handshakeEnded(flow) }
            limiter.release(flow.context.remoteAddress)
            if let identity = flow.countedIdentity { limiter.release(identity) }
            if let share = flow.identityShare { identities.leave(share, now: eventLoop.now) }
            if !flow.offeredPorts.isEmpty { endAliases([flow.context.id]) }
        case .backend(let target): backends[target]?.closed(flow, wasReady: wasReady)
        }
        if phase == .ready { noteClosed(flow.context.id) }
        runActions()
    }

    private func noteClosed(_ flow: FlowID) {
        scheduleEndings()
        closedFlows.insert(flow)
    }

    /// Tells the core at the end of this loop tick: where many clients leave at once, it looks through its transactions
    /// once for all of them.
    private func scheduleEndings() {
        guard closedFlows.isEmpty, endedInputs.isEmpty else { return }
        eventLoop.assumeIsolated().execute { [self] in tellEndings() }
    }

    private func tellEndings() {
        let (closed, ended) = (closedFlows, endedInputs)
        (closedFlows, endedInputs) = ([], [])
        if !closed.isEmpty { core.flowsClosed(closed, now: eventLoop.now) }
        let open = ended.subtracting(closed)
        if !open.isEmpty {
            let awaited = core.inputsClosed(open)
            for flow in open.subtracting(awaited) { streams[flow]?.close() }
        }
        runActions()
    }
}

extension StreamFlow {
    var isClientOverTLS: Bool { usesTLS && context.side == .client }
}

extension PeerIdentity {
    /// Whose connections are counted together.
    fileprivate var owner: String { sipDomains.first ?? subject }
}
