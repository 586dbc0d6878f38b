// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// Route preprocessing and the choice of where a request goes (RFC 3261 sections 16.4 and 16.5).
extension ProxyCore {
    /// Route values that one request may carry (PRX-20).
    static let routeValueLimit = 20
    /// Those of ours among them: one or two come off a pass, so that as many passes may follow.
    static let ownRouteLimit = 10

    func preprocessRoutes(_ server: ServerTransaction) throws(Rejection) {
        try plan(server.request, on: server.flow, box: server.snapshot, into: &server.plan)
    }

    /// Works out where a request goes: by its own flow token, by the next Route, by its Request-URI, or by a route rule.
    func plan(
        _ request: SIPMessage,
        on flow: FlowContext,
        box: SnapshotBox,
        into plan: inout ForwardPlan
    ) throws(Rejection) {
        guard let routes = request.routeValues(.route) else { throw Rejection(400, "Bad Route") }
        guard routes.count <= Self.routeValueLimit, !hasTooManyOwn(routes, request, box) else {
            act(.event(.limit(.routeValues)))
            throw Rejection(400, "Too Many Route Values")
        }
        plan.routes = routes
        repairAfterStrictRouter(request, routes, box, &plan)
        let tokens = try popOwnRoutes(request, routes, box, &plan)
        // Whether the next Route goes into the request line is known in the end.
        defer { decideRecordRoute(request, on: flow, &plan) }
        let method = request.method
        plan.addsPath = method == .register && flow.side == .client && wantsPath(request)
        plan.requiresPath = plan.addsPath && snapshot.settings.pathMode == .supported
        let gone = plan.goneFlow
        if let token = tokens.first(where: { !$0.isMark && !leads($0, to: flow) && $0.flow != gone }) {
            plan.destination = .flow(token)
            return
        }
        let remaining = routes.count - plan.ownRoutes - (plan.repairedURI == nil ? 0 : 1)
        // Our plain name anybody can write into a Route; only a token shows that we are in the dialog's path (PRX-22).
        let isInvited = isTrusted(flow, box) || isInvited(by: tokens, request, on: flow)
        let isInDialog = isInvited && request.to.tag != nil && (plan.ownRoutes > 0 || plan.repairedURI != nil)
        if remaining > 0 {
            guard isInvited else { throw .noRelay }
            let next = routes[plan.ownRoutes]
            plan.isNextStrict = !next.uri.isLoose
            let isSecure = plan.isSecure
            plan.destination = try nextHop(next.uri, request, isRoute: true, isSecure: isSecure, from: flow, box: box)
        } else if isInDialog, let uri = plan.repairedURI?.uri ?? request.requestURI {
            plan.destination = try nextHop(uri, request, isSecure: plan.isSecure, from: flow, box: box)
        } else if plan.repairedURI == nil, let uri = request.requestURI, let maddr = uri.maddr {
            try followAddress(maddr, of: uri, request, on: flow, box: box, into: &plan)
        } else {
            plan.destination = .pool
        }
    }

    /// Whether so many Route values are ours that their request would go round here for long.
    private func hasTooManyOwn(_ routes: [RouteValue], _ request: SIPMessage, _ box: SnapshotBox) -> Bool {
        guard routes.count > Self.ownRouteLimit else { return false }
        return routes.count { box.listeners.owns($0.uri, in: request) } > Self.ownRouteLimit
    }

    /// A Request-URI says by `maddr` where its request is to go (RFC 3261 section 16.4): here, which then says nothing
    /// more; to another place of this host; or elsewhere, where clients have nothing relayed (PRX-17, PRX-23).
    private func followAddress(
        _ maddr: ByteRange,
        of uri: SIPURI,
        _ request: SIPMessage,
        on flow: FlowContext,
        box: SnapshotBox,
        into plan: inout ForwardPlan
    ) throws(Rejection) {
        let isOurs = box.listeners.hasAddress(maddr, of: request)
        if isOurs, cameThere(uri, request, flow, box) {
            plan.isPlaceOurs = true
            plan.destination = .pool
            return
        }
        guard isOurs || isTrusted(flow, box) else { throw .noRelay }
        plan.destination = try nextHop(uri, request, isSecure: plan.isSecure, from: flow, box: box)
    }

    /// Whether a request came by the port and transport that its Request-URI names; what it leaves open is as it came.
    private func cameThere(_ uri: SIPURI, _ request: SIPMessage, _ flow: FlowContext, _ box: SnapshotBox) -> Bool {
        guard let listener = box.listeners[flow.listener]?.identity else { return false }
        let named = uri.scheme == .sips ? .tls : request.transport(of: uri)
        guard uri.transport == nil || named == flow.transport else { return false }
        return uri.port == nil || uri.port == listener.port || uri.port == listener.advertisedPort
    }

    /// A request whose Request-URI is a Record-Route value of ours comes from a strict router: the real Request-URI is
    /// the last Route value (PRX-15, PRX-16).
    private func repairAfterStrictRouter(
        _ request: SIPMessage,
        _ routes: [RouteValue],
        _ box: SnapshotBox,
        _ plan: inout ForwardPlan
    ) {
        guard let last = routes.last, let uri = request.requestURI, uri.isLoose,
            box.listeners.owns(uri, in: request)
        else { return }
        plan.repairedURI = last
    }

    /// Takes Route values of ours off the top: one, and a second when it is its pair (PRX-18, PRX-19).
    ///
    /// Gives the flow tokens found in them.
    private func popOwnRoutes(
        _ request: SIPMessage,
        _ routes: [RouteValue],
        _ box: SnapshotBox,
        _ plan: inout ForwardPlan
    ) throws(Rejection) -> [FlowToken] {
        var found: [FlowToken] = []
        let limit = min(2, routes.count - (plan.repairedURI == nil ? 0 : 1))
        if let uri = request.requestURI, plan.repairedURI != nil {
            if let token = try token(in: uri, request, box) { found.append(token) }
        }
        while plan.ownRoutes < limit {
            let uri = routes[plan.ownRoutes].uri
            let token = try token(in: uri, request, box)
            guard token != nil || box.listeners.owns(uri, in: request) else { break }
            if plan.ownRoutes == 1, !isPair(routes[0].uri, uri, request.bytes) { break }
            if let token { found.append(token) }
            plan.ownRoutes += 1
        }
        return found
    }

    private func isPair(_ first: SIPURI, _ second: SIPURI, _ bytes: ByteBuffer) -> Bool {
        guard let left = first.pairing, let right = second.pairing else { return false }
        return bytes.equals(left, bytes, right)
    }

    private func token(in uri: SIPURI, _ request: SIPMessage, _ box: SnapshotBox) throws(Rejection) -> FlowToken? {
        guard !uri.user.isEmpty else { return nil }
        switch FlowToken.open(request.bytes, uri.user, by: box.proxy.tokens) {
        case .valid(let token): return token
        case .notAToken: return nil
        case .forged:
            guard box.listeners.owns(uri, in: request) else { return nil }
            act(.event(.badToken))
            throw .forgedToken
        }
    }

    /// Whether a token names the flow that its request came on; all datagrams of a listener come on one (FLW-13).
    func leads(_ token: FlowToken, to flow: FlowContext) -> Bool {
        guard token.flow == flow.id else { return false }
        return token.transport != .udp || (token.address == flow.remoteAddress && token.port == flow.remotePort)
    }

    /// Record-Route is for dialogs; but where the path turns from or to TLS we must stay in it whatever the method, as far as
    /// it may have one (PRX-30, PRX-32).
    private func decideRecordRoute(_ request: SIPMessage, on flow: FlowContext, _ plan: inout ForwardPlan) {
        plan.recordsSecurely = leavesAsSIPS(request, plan)
        let came = request.requestURI?.scheme == .sips || plan.routes.first?.uri.scheme == .sips
        let isSecure = flow.transport.isSecure
        let isCompulsory = plan.recordsSecurely ? !isSecure : isSecure && came
        let mayRecord = request.method != .register && request.method != .ack
        plan.addsRecordRoute = recordsRoute(request.method) || (isCompulsory && mayRecord)
    }

    /// Whether a request leaves with a SIPS URI in its request line or topmost Route.
    private func leavesAsSIPS(_ request: SIPMessage, _ plan: ForwardPlan) -> Bool {
        let end = plan.routes.count - (plan.repairedURI == nil ? 0 : 1)
        let left = plan.routes[min(plan.ownRoutes, end)..<end]
        let uri = plan.repairedURI?.uri ?? request.requestURI
        // A strict router's URI takes the place of the Request-URI, which becomes the last Route.
        let first = plan.isNextStrict ? left.first?.uri : uri
        let second = plan.isNextStrict ? left.dropFirst().first?.uri ?? uri : left.first?.uri
        return first?.scheme == .sips || second?.scheme == .sips
    }

    /// Methods that form or refresh a dialog, and unknown ones (PRX-30).
    private func recordsRoute(_ method: SIPMethod) -> Bool {
        switch method {
        case .invite, .subscribe, .refer, .notify, .update, .other: true
        default: false
        }
    }

    /// Path goes on REGISTER when this edge is the first hop (FLW-01 to FLW-03).
    private func wantsPath(_ request: SIPMessage) -> Bool {
        switch snapshot.settings.pathMode {
        case .off: false
        case .always: true
        case .supported: request.optionTags(.supported).contains { request.equals($0, "path") }
        }
    }
}
