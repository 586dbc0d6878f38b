// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// The bytes of a forwarded request: the received ones with a proxy's edits (RFC 3261 section 16.6).
extension ProxyCore {
    func write(
        _ server: ServerTransaction,
        _ client: ClientTransaction,
        _ hop: Hop,
        recording recorded: Hop? = nil
    ) -> ByteBuffer {
        let facing = facing(hop, server.snapshot)
        client.facing = facing?.identity.id
        return write(server, client, hop, facing, recording: recorded)
    }

    /// The request of an attempt once more, as it was sent but for what its other hops wrote; nil where that cannot be.
    ///
    /// Its connection may have been one to another address of its target (LOC-43): the side that it named stays.
    func writeAgain(_ client: ClientTransaction) -> ByteBuffer? {
        let server = client.server
        let hop: Hop
        if let target = client.target {
            hop = .backend(target, index: client.poolIndex)
        } else {
            guard case .flow(let token) = server.plan.destination else { return nil }
            hop = .flow(token)
        }
        return write(server, client, hop, client.facing.flatMap { server.snapshot.listeners[$0] })
    }

    private func write(
        _ server: ServerTransaction,
        _ client: ClientTransaction,
        _ hop: Hop,
        _ facing: RenderedListeners.Listener?,
        recording recorded: Hop? = nil
    ) -> ByteBuffer {
        let branch = Branch(worker: worker, slot: client.slot, nonce: client.nonce, loop: server.plan.loopPart)
        return write(
            server.request,
            on: server.flow,
            server.plan,
            branch,
            hop,
            client.transport,
            facing,
            recording: recorded,
            box: server.snapshot
        )
    }

    /// Edits a request for one hop; `recorded` is the hop that Record-Route and Path are to speak of, if it is another.
    func write(
        _ request: SIPMessage,
        on flow: FlowContext,
        _ plan: ForwardPlan,
        _ branch: Branch,
        _ hop: Hop,
        _ transport: SIPTransport,
        _ facing: RenderedListeners.Listener?,
        recording recorded: Hop? = nil,
        box: SnapshotBox
    ) -> ByteBuffer {
        edits.reset()
        let recordedSide = recorded.flatMap { self.facing($0, box) } ?? facing
        screen(request, box, isBelieved: believes(flow, box), isConfided: trusts(hop, box))
        assertPeer(request, on: flow, hop, box)
        let offers = ViaOffers(alias: offersAlias(hop, facing, box), overload: controlsOverload(hop, box))
        pushVia(request, facing, transport, branch, offers)
        edits.removeOverload(ofTopmostViaOf: request)
        edits.stampSource(on: request, address: flow.remoteAddress, text: flow.remoteText, port: flow.remotePort)
        if plan.addsRecordRoute { pushRecordRoute(request, flow, plan, hop, recordedSide, box) }
        if plan.addsPath, let recordedSide { pushPath(request, flow, recordedSide) }
        if plan.requiresPath { requirePath(request) }
        edits.lowerMaxForwards(of: request)
        edits.boundMaxBreadth(of: request)
        editRoutes(request, plan)
        if transport.isReliable { edits.addContentLength(to: request) }
        var output = ByteBuffer()
        edits.apply(to: request, into: &output)
        return output
    }

    /// The listener that stands for us towards a hop.
    func facing(_ hop: Hop, _ box: SnapshotBox) -> RenderedListeners.Listener? {
        switch hop {
        case .flow(let token): return box.listeners[token.listener]
        case .backend(let target, _):
            return box.listeners.facing(target.endpoint, policy: box.proxy.policy(of: target.pool))
        }
    }

    /// What the Via of a request offers to its next hop.
    private struct ViaOffers {
        let alias: Bool
        let overload: Bool
    }

    /// Whether the connection to a hop is offered for requests back: over TLS alone, where its pool has it and the Via names
    /// a TLS listener, at which we listen too (RFC 5923 section 8.1, TLS-36, TLS-40).
    private func offersAlias(_ hop: Hop, _ facing: RenderedListeners.Listener?, _ box: SnapshotBox) -> Bool {
        guard case .backend(let target, _) = hop, target.endpoint.transport == .tls else { return false }
        let offer = box.proxy.policy(of: target.pool).aliasOffer
        guard offer != .never, let facing, facing.identity.transport == .tls else { return false }
        return offer == .always || facing.identity.role != .peer
    }

    private func pushVia(
        _ request: SIPMessage,
        _ facing: RenderedListeners.Listener?,
        _ transport: SIPTransport,
        _ branch: Branch,
        _ offers: ViaOffers
    ) {
        edits.pushVia(on: request) { buffer in
            switch transport {
            case .udp: buffer.writeStaticString("Via: SIP/2.0/UDP ")
            case .tcp: buffer.writeStaticString("Via: SIP/2.0/TCP ")
            case .tls: buffer.writeStaticString("Via: SIP/2.0/TLS ")
            }
            if let facing { buffer.writeImmutableBuffer(facing.sentBy) } else { buffer.writeStaticString("localhost") }
            buffer.writeStaticString(";branch=")
            branch.write(into: &buffer)
            if offers.alias { buffer.writeStaticString(";alias") }
            if offers.overload { buffer.writeStaticString(";oc;oc-algo=\"loss\"") }
            buffer.writeStaticString("\r\n")
        }
    }

    /// Two Record-Route values where the sides differ: the outgoing side's on top, the incoming side's below; the value
    /// of the client's side carries the flow token (RFC 5658, FLW-20, FLW-21, PRX-33).
    private func pushRecordRoute(
        _ request: SIPMessage,
        _ flow: FlowContext,
        _ plan: ForwardPlan,
        _ hop: Hop,
        _ facing: RenderedListeners.Listener?,
        _ box: SnapshotBox
    ) {
        guard let incoming = box.listeners[flow.listener], let facing else { return }
        let pairing = UInt64(branchPairing(request))
        var outgoingToken: ByteBuffer?
        if case .flow(let token) = hop { outgoingToken = token.sealed(by: box.proxy.tokens) }
        // Servers are reached by their names and addresses; a client has nothing but its flow (FLW-21).
        var incomingToken = flow.side == .client && incoming.identity.isAccess ? flow.token : nil
        if incomingToken == nil, outgoingToken == nil {
            // Who is no server of ours must show within the dialog that it is in one; it sends both values (PRX-22).
            if case .backend(let target, _) = hop,
                standing(of: target, facing: facing.identity.role, box) == .access
            {
                outgoingToken = facing.mark
            } else if flow.side != .client, standing(of: flow, box) == .access {
                incomingToken = incoming.mark
            }
        }
        edits.push(.recordRoute, on: request) { buffer in
            let isOneSide = facing.identity.id == incoming.identity.id && (outgoingToken == nil || incomingToken == nil)
            if !isOneSide {
                Self.writeRecordRoute(facing, outgoingToken, plan.recordsSecurely, pairing, into: &buffer)
            }
            Self.writeRecordRoute(
                incoming,
                incomingToken ?? (isOneSide ? outgoingToken : nil),
                plan.recordsSecurely,
                pairing,
                into: &buffer
            )
        }
    }

    /// A number that both values of one insertion share; it follows from the dialog, so copies of one request agree.
    private func branchPairing(_ request: SIPMessage) -> UInt16 {
        var checksum = CRC32C()
        checksum.update(request.bytes, request.callID)
        if let tag = request.from.tag { checksum.update(request.bytes, tag) }
        return UInt16(truncatingIfNeeded: checksum.value ^ snapshot.settings.loopKey)
    }

    private static func writeRecordRoute(
        _ listener: RenderedListeners.Listener,
        _ token: ByteBuffer?,
        _ isSecure: Bool,
        _ pairing: UInt64,
        into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString(isSecure ? "Record-Route: <sips:" : "Record-Route: <sip:")
        if let token, token.readableBytes > 0 {
            buffer.writeImmutableBuffer(token)
            buffer.writeStaticString("@")
        }
        buffer.writeImmutableBuffer(isSecure ? listener.sipsHost : listener.sipHost)
        buffer.writeStaticString(";lr;ep=")
        buffer.writeHexadecimal(pairing, digits: 4)
        buffer.writeStaticString(">\r\n")
    }

    /// One Path value that names the inner side and carries the token of the client's flow (FLW-01 to FLW-07).
    private func pushPath(_ request: SIPMessage, _ flow: FlowContext, _ facing: RenderedListeners.Listener) {
        edits.push(.path, on: request) { buffer in
            buffer.writeStaticString("Path: <sip:")
            buffer.writeImmutableBuffer(flow.token)
            buffer.writeStaticString("@")
            buffer.writeImmutableBuffer(facing.sipHost)
            buffer.writeStaticString(request.viaCount == 1 ? ";lr;ob>\r\n" : ";lr>\r\n")
        }
    }

    /// A registrar that does not know Path must refuse (FLW-04).
    private func requirePath(_ request: SIPMessage) {
        guard !request.hasOption("path", in: .require) else { return }
        guard let field = request.first(.require) else {
            return edits.push(.require, on: request) { $0.writeStaticString("Require: path\r\n") }
        }
        edits.splice(at: field.value.end) { $0.writeStaticString(", path") }
    }

    /// Takes own Routes off.
    ///
    /// After a strict router the Request-URI is the last Route value; before one, the next Route goes into the request
    /// line and the Request-URI to the end of the Routes (PRX-15, PRX-38).
    private func editRoutes(_ request: SIPMessage, _ plan: ForwardPlan) {
        let bytes = request.bytes
        if let repaired = plan.repairedURI {
            edits.replaceRequestURI(of: request) { request.writeRequestURI(repaired.uri, into: &$0) }
            if plan.ownRoutes + 1 >= plan.routes.count { return edits.removeAll(.route, of: request) }
            return edits.removeRoutes(first: plan.ownRoutes, last: true, of: plan.routes, in: request)
        }
        if plan.isPlaceOurs, let uri = request.requestURI {
            edits.replaceRequestURI(of: request) { request.writeRequestURI(uri, .withoutPlace, into: &$0) }
        }
        guard plan.isNextStrict, plan.ownRoutes < plan.routes.count, let uri = request.requestURI else {
            return edits.popRoutes(plan.ownRoutes, of: plan.routes, in: request)
        }
        let next = plan.routes[plan.ownRoutes]
        edits.popRoutes(plan.ownRoutes + 1, of: plan.routes, in: request)
        edits.replaceRequestURI(of: request) { request.writeRequestURI(next.uri, into: &$0) }
        edits.appendRoute(on: request) { $0.writeImmutableBuffer(bytes.slice(uri.range)) }
    }
}
