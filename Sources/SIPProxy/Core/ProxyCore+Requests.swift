// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Requests: matching them to transactions (RFC 3261 section 17.2.3), and starting new ones.
extension ProxyCore {
    func receiveRequest(_ request: SIPMessage, on flow: FlowContext, _ admission: Admission, now: NIODeadline) {
        // Not even what belongs to a transaction: it may be another's.
        if admission == .forbidden { return forbid(request, on: flow) }
        switch request.method {
        case .ack: return receiveACK(request, on: flow, admission, now: now)
        case .cancel: return receiveCANCEL(request, on: flow, admission, now: now)
        default: break
        }
        let key = keys.key(of: request, method: request.method, on: flow)
        if let server = server(of: request, method: request.method, key: key, on: flow) {
            return repeated(server, by: request, from: flow)
        }
        countForReports(request, flow)
        var owner: TransactionShares.Owner?
        guard admits(request, key, on: flow, admission), takesShare(request, on: flow, &owner) else { return }
        start(request, key: key, on: flow, of: owner, now: now)
    }

    /// A retransmission: the latest response is sent again, if there is one that may be (TXN-20, TXN-24, TXN-27).
    func repeated(_ server: ServerTransaction, by request: SIPMessage, from flow: FlowContext) {
        server.bytesReceived &+= UInt32(truncatingIfNeeded: request.bytes.readableBytes)
        // A NAT that has bound the client anew changes the port; an answer to another address would be a reflection.
        if flow.transport == .udp, flow.remoteAddress == server.flow.remoteAddress {
            server.move(to: flow, key: server.key)
        } else if flow.transport.isReliable, flow.id != server.flow.id {
            move(server, to: flow)
        }
        guard server.state == .proceeding || server.state == .completed, let response = server.lastResponse else {
            return
        }
        respond(server, response)
    }

    private func start(
        _ request: SIPMessage,
        key: TransactionKey,
        on flow: FlowContext,
        of owner: TransactionShares.Owner?,
        now: NIODeadline
    ) {
        // A call may ring for minutes; what else came in the same bytes is not kept for so long.
        let kept = request.method == .invite ? request.compacted() : request
        let server = servers.insert { slot in
            ServerTransaction(
                slot: slot,
                nonce: makeNonce(),
                key: key,
                request: kept,
                flow: flow,
                startedAt: now,
                tag: generator.next(),
                snapshot: box
            )
        }
        serverByKey[key] = server.slot
        server.owner = owner
        noteProven(server)
        do throws(Rejection) {
            try validate(server)
            try preprocessRoutes(server)
            try choosePool(server)
            if request.method == .invite {
                sendTrying(server)
            } else {
                // A 100 to another method is sent only when 7·T1 have passed without a final (RFC 4320 section 4.1).
                server.tryingAt = now + snapshot.settings.t1 * 7
                arm(server)
            }
            try forward(server, now: now)
        } catch {
            // After a 100 the client repeats nothing by itself, so that the final must be.
            let isRepeated = server.lastResponse != nil || isTrusted(flow, server.snapshot)
            if isRepeated { reject(server, error, now: now) } else { turnDown(server, error, now: now) }
        }
    }

    /// A response of the edge's own.
    func ownResponse(
        to request: SIPMessage,
        _ status: UInt16,
        _ reason: String,
        tag: UInt64?,
        on flow: FlowContext,
        extra: ByteBuffer? = nil
    ) -> ByteBuffer {
        let server = snapshot.settings.serverLine
        return ResponseWriter.response(
            to: request,
            status: status,
            reason: reason,
            tag: tag,
            source: source(of: flow),
            overload: feedback(to: request, on: flow)
        ) { buffer in
            if let extra { buffer.writeImmutableBuffer(extra) }
            buffer.writeImmutableBuffer(server)
        }
    }

    func source(of flow: FlowContext) -> ResponseWriter.Source {
        ResponseWriter.Source(address: flow.remoteAddress, text: flow.remoteText, port: flow.remotePort)
    }

    /// Where a datagram answer to a request goes: the source's address, and its port when `rport` asks for it, else the
    /// port that sent-by names (RFC 3261 section 18.2.2, RFC 3581 section 4).
    func responseAddress(_ request: SIPMessage, _ flow: FlowContext) -> DatagramAddress? {
        responseAddress(request.topmostVia, in: request.bytes, flow)
    }

    func responseAddress(_ via: Via, in bytes: ByteBuffer, _ flow: FlowContext) -> DatagramAddress? {
        guard flow.transport == .udp else { return nil }
        let isNamed = via.returnPort == .absent || leads(via, in: bytes, backTo: flow)
        return DatagramAddress(address: flow.remoteAddress, port: isNamed ? via.port ?? 5060 : flow.remotePort)
    }

    /// Whether a Via asks by `maddr` for answers at the very address that its request came from; to any other none is sent
    /// (TRN-30).
    func leads(_ via: Via, in bytes: ByteBuffer, backTo flow: FlowContext) -> Bool {
        guard let maddr = via.maddr, let address = bytes.address(maddr)?.unmapped else { return false }
        return address == flow.remoteAddress.unmapped && !address.isUnsendable
    }
}
