// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Request validation (RFC 3261 section 16.3), in its order: the first check that fails decides (PRX-05).
extension ProxyCore {
    func validate(_ server: ServerTransaction) throws(Rejection) {
        let request = server.request
        guard let uri = request.requestURI else { throw Rejection(400, "Bad Request-URI") }
        try checkScheme(uri, server)
        try checkSource(server)
        if request.maxForwards == 0 {
            if request.method == .options { throw optionsAnswer(server) }
            throw .tooManyHops
        }
        server.plan.isSecure = uri.scheme == .sips
        noteLoopPart(request, on: server.flow, server.snapshot, in: &server.plan)
        if hasLooped(request, server.plan.loopPart) { throw .loopDetected }
        let required = request.optionTags(.proxyRequire)
        if !required.isEmpty { throw unsupported(required, request) }
        if request.method == .options, isAddressedToUs(request, uri) { throw optionsAnswer(server) }
        if isDraining, request.to.tag == nil { throw unavailable(request) }
    }

    /// The schemes that the edge routes by (PRX-07), and SIPS only over TLS (PRX-88, PRX-89).
    private func checkScheme(_ uri: SIPURI, _ server: ServerTransaction) throws(Rejection) {
        if uri.scheme == .other { throw Rejection(416, "Unsupported URI Scheme") }
        guard uri.scheme == .sips else { return }
        if let transport = uri.transport, server.request.equals(transport, "udp") {
            throw Rejection(400, "SIPS Over an Unreliable Transport")
        }
        let role = server.snapshot.listeners[server.flow.listener]?.identity.role
        if !server.flow.transport.isSecure, role != .inner {
            throw Rejection(403, "SIPS Request Over a Clear Transport")
        }
    }

    /// On UDP, a Via that would send answers to somebody else is a tool for reflection, which servers are not suspected of
    /// (TRN-30); and without a transport that is known nobody can say where they go (MSG-47).
    private func checkSource(_ server: ServerTransaction) throws(Rejection) {
        let (via, flow) = (server.request.topmostVia, server.flow)
        guard flow.transport == .udp else { return }
        guard via.transport != nil else { throw Rejection(400, "Unknown Transport in Via") }
        guard via.maddr != nil, !isTrusted(flow, server.snapshot) else { return }
        guard leads(via, in: server.request.bytes, backTo: flow) else {
            throw Rejection(400, "maddr in Via Is Not Allowed")
        }
    }

    /// A keyed checksum over all that decides the way of a request, and not over its method (PRX-42).
    ///
    /// The pool that the rules choose belongs to it where they ask how a request came: what a server sends back by another
    /// listener, and on to another pool, is a spiral. Elsewhere the pool follows from what is in it anyhow.
    func noteLoopPart(_ request: SIPMessage, on flow: FlowContext, _ box: SnapshotBox, in plan: inout ForwardPlan) {
        let part = loopPart(of: request)
        plan.rule = box.routesByOrigin ? rule(for: request, on: flow, box) : nil
        guard let rule = plan.rule, case .pool(let pool) = box.proxy.routes[rule].action else {
            plan.loopPart = part
            return
        }
        plan.loopPart = part ^ UInt32(truncatingIfNeeded: StableHash.mix(UInt64(pool.index) &+ 1))
    }

    /// The number of the first route rule that matches a request.
    func rule(for request: SIPMessage, on flow: FlowContext, _ box: SnapshotBox) -> Int? {
        box.proxy.routes.firstIndex { $0.matches(request, on: flow) }
    }

    private func loopPart(of request: SIPMessage) -> UInt32 {
        var checksum = CRC32C()
        if let uri = request.requestURI { checksum.update(request.bytes, uri.range) }
        if request.has(.route) {
            for field in request.headers where field.name == .route {
                checksum.update(0x7C)
                checksum.update(request.bytes, field.value)
            }
        }
        checksum.update(0x7C)
        checksum.update(request.bytes, request.callID)
        checksum.update(0x7C)
        checksum.update(request.bytes, request.cSeq.numberText)
        return checksum.value ^ snapshot.settings.loopKey
    }

    /// Whether a Via of this request shows that it went through here before, unchanged (RFC 5393 section 4.2.2).
    func hasLooped(_ request: SIPMessage, _ part: UInt32) -> Bool {
        if let branch = request.topmostVia.branch, Branch.read(request.bytes, branch)?.loop == part { return true }
        guard request.viaCount > 1 else { return false }
        return request.foreignBranches().contains { Branch.read(request.bytes, $0)?.loop == part }
    }

    private func unsupported(_ tags: [ByteRange], _ request: SIPMessage) -> Rejection {
        var line = ByteBuffer(string: "Unsupported: ")
        for (index, tag) in tags.enumerated() {
            if index > 0 { line.writeStaticString(", ") }
            line.writeImmutableBuffer(request.bytes.slice(tag))
        }
        line.writeStaticString("\r\n")
        return Rejection(420, "Bad Extension", extra: line)
    }

    private func isAddressedToUs(_ request: SIPMessage, _ uri: SIPURI) -> Bool {
        uri.user.isEmpty && uri.isSIP && !request.has(.route) && box.listeners.owns(uri, in: request)
    }

    /// The answer to OPTIONS that is meant for the edge (PRX-11, OVL-33).
    private func optionsAnswer(_ server: ServerTransaction) -> Rejection {
        guard serves(server), !isDraining else { return unavailable(server.request) }
        let lines = "Accept: */*\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\nSupported: path, outbound\r\n"
        return Rejection(200, "OK", extra: ByteBuffer(string: lines))
    }

    /// Whether the pool to which the routes would take such a request has a place for it; where they take it to none, any.
    private func serves(_ server: ServerTransaction) -> Bool {
        let proxy = server.snapshot.proxy
        if let rule = server.plan.rule ?? rule(for: server.request, on: server.flow, server.snapshot),
            case .pool(let id) = proxy.routes[rule].action, Int(id.index) < proxy.pools.count
        {
            return proxy.pools[Int(id.index)].hasUsable
        }
        return proxy.pools.isEmpty || proxy.pools.contains { $0.hasUsable }
    }
}
