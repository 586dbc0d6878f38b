// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// ACK: absorbed when it is for a final that was sent from here or relayed other than 2xx, else forwarded without any
/// state (RFC 3261 sections 17.2.1 and 16.11, TXN-43).
extension ProxyCore {
    /// The slot of attempts that carry ACKs; no transaction has it.
    static let ackSlot = UInt32.max - 1

    func receiveACK(_ ack: SIPMessage, on flow: FlowContext, _ admission: Admission, now: NIODeadline) {
        if let server = server(acknowledgedBy: ack, on: flow) {
            if server.state == .completed {
                noteShown(by: ack, on: flow, of: server)
                server.state = .confirmed
                server.retransmitAt = nil
                guard !server.flow.transport.isReliable else { return end(server) }
                server.endAt = now + snapshot.settings.t4
                return arm(server)
            }
            guard server.state == .accepted else { return }
        } else if acknowledgesStateless(ack) {
            return act(.event(.dropped(.absorbedAck)))
        }
        noteShown(byPassing: ack, on: flow)
        guard admission == .admitted else { return act(.event(.dropped(.overLimit))) }
        guard ack.maxForwards != 0 else { return act(.event(.dropped(.maxForwards))) }
        guard ack.requestURI?.scheme != .other else { return act(.event(.dropped(.strayAck))) }
        var plan = ForwardPlan()
        sendACK(ack, on: flow, &plan)
    }

    private func sendACK(_ ack: SIPMessage, on flow: FlowContext, _ plan: inout ForwardPlan) {
        plan.isSecure = ack.requestURI?.scheme == .sips
        noteLoopPart(ack, on: flow, box, in: &plan)
        guard !hasLooped(ack, plan.loopPart) else { return act(.event(.dropped(.loop))) }
        do {
            try self.plan(ack, on: flow, box: box, into: &plan)
        } catch {
            return act(.event(.dropped(.strayAck)))
        }
        forwardACK(ack, on: flow, plan)
    }

    private func forwardACK(_ ack: SIPMessage, on flow: FlowContext, _ plan: ForwardPlan) {
        switch plan.destination {
        case .flow(let token):
            forwardACK(ack, on: flow, plan, to: token)
        case .endpoint(let endpoint, let domain):
            guard !isDisabled(endpoint) else { return act(.event(.dropped(.strayAck))) }
            forwardACK(ack, on: flow, plan, to: target(at: endpoint, domain: domain))
        case .name(let name):
            askForHops(name, for: .ack(ack, flow, plan))
        case .pool:
            if let client = attempt(acknowledgedBy: ack, on: flow) {
                return forwardACK(ack, on: flow, plan, after: client)
            }
            // It follows its INVITE at least where that was drawn by what both have (PRX-76).
            guard let endpoint = statelessChoice(ack, flow, plan) else { return act(.event(.dropped(.strayAck))) }
            forwardACK(ack, on: flow, plan, to: target(at: endpoint, domain: nil))
        }
    }

    /// An ACK without a Route of ours goes where the 2xx came from that it is for (TXN-26, PRX-79).
    private func forwardACK(
        _ ack: SIPMessage,
        on flow: FlowContext,
        _ plan: ForwardPlan,
        after client: ClientTransaction
    ) {
        if let target = client.backend {
            guard !isDisabled(target.endpoint) else { return act(.event(.dropped(.strayAck))) }
            return forwardACK(ack, on: flow, plan, to: target)
        }
        guard case .flow(let token) = client.server.plan.destination else { return act(.event(.dropped(.strayAck))) }
        forwardACK(ack, on: flow, plan, to: token)
    }

    private func forwardACK(_ ack: SIPMessage, on flow: FlowContext, _ plan: ForwardPlan, to token: FlowToken) {
        guard token.transport.isSecure || !plan.isSecure else { return act(.event(.dropped(.unsendable))) }
        let bytes = write(ack, on: flow, plan, .flow(token), token.transport)
        let datagram = token.transport == .udp ? DatagramAddress(address: token.address, port: token.port) : nil
        act(.sendOnFlow(token.flow, datagram: datagram, mayTurn(ack, on: flow, plan, token), bytes))
    }

    /// The attempt that tells whether a token's flow is gone, where the ACK would then go outwards (FLW-26).
    private func mayTurn(
        _ ack: SIPMessage,
        on flow: FlowContext,
        _ plan: ForwardPlan,
        _ token: FlowToken
    ) -> AttemptID? {
        guard plan.goneFlow == nil, namesOwnFlow(token, ack, on: flow) else { return nil }
        let attempt = AttemptID(slot: Self.ackSlot, nonce: makeNonce())
        turning[attempt] = TurningACK(ack: ack, flow: flow, way: .outwards(gone: token.flow))
        return attempt
    }

    /// An ACK could not be sent: where its flow is gone it follows its INVITE, which went outwards, and where TCP was
    /// refused to it, for which it was too large for UDP, it goes by UDP after all (TRN-41).
    func turn(_ entry: TurningACK, _ failure: AttemptFailure) {
        switch entry.way {
        case .outwards(let gone):
            var plan = ForwardPlan()
            plan.goneFlow = gone
            sendACK(entry.ack, on: entry.flow, &plan)
        case .byDatagram(let target, let plan):
            guard failure == .refused else { return act(.event(.dropped(.deadFlow))) }
            let bytes = write(entry.ack, on: entry.flow, plan, .backend(target, index: nil), .udp)
            act(.sendToBackend(target, nil, bytes))
        }
    }

    func forwardACK(_ ack: SIPMessage, on flow: FlowContext, _ plan: ForwardPlan, to target: BackendTarget) {
        // A SIPS request goes on over TLS or not at all (PRX-85); nobody can be told.
        guard target.endpoint.transport.isSecure || !plan.isSecure else {
            return act(.event(.dropped(.unsendable)))
        }
        let hop = Hop.backend(target, index: nil)
        let bytes = write(ack, on: flow, plan, hop, target.endpoint.transport)
        guard target.endpoint.transport == .udp, bytes.readableBytes > Self.datagramLimit else {
            return act(.sendToBackend(target, nil, bytes))
        }
        // As its INVITE would (TRN-40).
        let endpoint = Endpoint(transport: .tcp, address: target.endpoint.address, port: target.endpoint.port)
        let moved = BackendTarget(endpoint: endpoint, pool: target.pool)
        let attempt = AttemptID(slot: Self.ackSlot, nonce: makeNonce())
        turning[attempt] = TurningACK(ack: ack, flow: flow, way: .byDatagram(target, plan))
        act(.sendToBackend(moved, attempt, write(ack, on: flow, plan, .backend(moved, index: nil), .tcp)))
    }

    private func write(
        _ ack: SIPMessage,
        on flow: FlowContext,
        _ plan: ForwardPlan,
        _ hop: Hop,
        _ transport: SIPTransport
    ) -> ByteBuffer {
        write(ack, on: flow, plan, branch(of: ack, plan), hop, transport, facing(hop, box), box: box)
    }

    private func statelessChoice(_ ack: SIPMessage, _ flow: FlowContext, _ plan: ForwardPlan) -> Endpoint? {
        guard let rule = plan.rule ?? rule(for: ack, on: flow, box), case .pool(let id) = snapshot.routes[rule].action,
            Int(id.index) < snapshot.pools.count
        else { return nil }
        let pool = snapshot.pools[Int(id.index)]
        let key = affinityKey(ack, on: flow, pool.affinity) ?? affinityKey(ack, on: flow, .callID)
        let needsTLS = plan.isSecure || snapshot.policy(of: id).requiresTLS
        let chosen = pool.select(
            key: key,
            forbidden: { needsTLS && !pool.backends[$0].endpoint.transport.isSecure },
            using: &generator
        )
        return chosen.map { pool.backends[$0.index].endpoint }
    }

    /// A branch that follows from the message alone, so that copies of one ACK leave alike, by whatever worker and after a
    /// restart too, if the key stays (PRX-78).
    ///
    /// Its slot is one that no transaction has.
    private func branch(of ack: SIPMessage, _ plan: ForwardPlan) -> Branch {
        var hash = KeyedHash(UInt64(snapshot.settings.loopKey), 0x41434B)
        let branch = ack.topmostVia.branch ?? .empty
        if TransactionKeyMaker.hasCookie(ack, branch) {
            hash.add(ack.bytes, branch)
        } else {
            hash.add(ack.bytes, ack.topmostVia.range)
            for tag in [ack.to.tag, ack.from.tag] { hash.add(ack.bytes, tag ?? .empty) }
            hash.add(ack.bytes, ack.callID)
            hash.add(UInt64(ack.cSeq.number))
            hash.add(ack.bytes, ack.requestURI?.range ?? .empty)
        }
        return Branch(worker: 0, slot: .max, nonce: hash.key.first & Branch.nonceMask, loop: plan.loopPart)
    }
}

/// An ACK for a 2xx that has another way to go if it cannot be sent.
struct TurningACK {
    enum Way {
        /// It is on its way to the flow that its token names, whose client may have come back over another one.
        case outwards(gone: FlowID)
        /// It went by TCP for its size alone.
        case byDatagram(BackendTarget, ForwardPlan)
    }

    let ack: SIPMessage
    let flow: FlowContext
    let way: Way
}
