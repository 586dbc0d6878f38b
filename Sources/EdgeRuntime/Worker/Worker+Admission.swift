// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// What clients may ask of the edge: connections, requests, and the edge's own strength (OVL-06, OVL-21, OVL-22).
extension Worker {
    // MARK: Connections

    /// Why a new connection is not taken; nil when it is, and then it counts.
    func refusal(of address: IPAddress, _ setup: ListenerSetup) -> RefusalLabel? {
        let isInner = setup.identity.role == .inner
        let limits = snapshot.limits
        if !isInner, overload.level == .refusing { return .overload }
        if let sources, sources.isBanned(address, now: eventLoop.now) { return .ban }
        let places = isInner ? Int.max : DescriptorReserve.clientPlaces
        let refusal = limiter.admit(
            address,
            total: min(limits.connections, places),
            perSource: setup.connectionsPerSource,
            handshakes(of: address, setup),
            now: eventLoop.now
        )
        switch refusal {
        case nil: return nil
        case .total: return places < limits.connections ? .descriptors : .connections
        case .perSource: return .connectionsPerSource
        case .handshakes: return .handshakes
        case .handshakesPerSource: return .handshakesPerSource
        case .rate: return .rateHandshakes
        }
    }

    private func handshakes(of address: IPAddress, _ setup: ListenerSetup) -> ConnectionLimiter.Handshakes {
        let limits = snapshot.limits
        var handshakes = ConnectionLimiter.Handshakes()
        handshakes.isSecure = setup.tls != nil
        guard setup.identity.role != .inner else { return handshakes }
        handshakes.total = limits.handshakes
        guard !limits.sources.trusts(address) else { return handshakes }
        handshakes.perSource = limits.handshakesPerSource
        handshakes.rates = limits.sources.handshakes > 0 ? limits.sources : nil
        return handshakes
    }

    // MARK: Messages

    /// What the limits of its source say of a client's message; nil when that is banned, and the connection is closed.
    ///
    /// - Parameter isNew: whether it begins something; what all clients share is for that alone, so that nobody keeps the
    ///   calls of others from their end.
    func admission(
        of bytes: Int,
        _ kind: RateClass,
        isNew: Bool = true,
        on context: FlowContext,
        now: NIODeadline
    ) -> Admission? {
        guard chargesSources, case .client = context.side, let setup = snapshot.listener(context.listener),
            setup.identity.role != .inner, !snapshot.limits.sources.trusts(context.remoteAddress)
        else { return .admitted }
        switch charge(bytes, kind, isNew: isNew, on: context, now: now) {
        case .admitted: return .admitted
        case .limited(let limit):
            counters.limits.increment(limit)
            tell(limit, context.remoteAddress, now: now)
            return setup.answersOverLimit ? .refused : .dropped
        case .banning(let limit):
            counters.limits.increment(limit)
            ban(context, for: limit.label, now: now)
            return nil
        case .banned:
            counters.drops.increment(.banned)
            streams[context.id]?.close()
            return nil
        }
    }

    private func charge(
        _ bytes: Int,
        _ kind: RateClass,
        isNew: Bool,
        on context: FlowContext,
        now: NIODeadline
    ) -> SourceTable.Verdict {
        let limits = snapshot.limits.sources
        if let limit = chargeConnection(context, limits, now: now) {
            return sources?.refused(context.remoteAddress, limit, now: now) ?? .admitted
        }
        let isProven = context.transport.isReliable
        let verdict = sources?.charge(context.remoteAddress, isProven: isProven, kind, bytes: bytes, now: now)
        // Last, so that what others may ask for is not used up by what is refused; and no fault of its source.
        guard verdict ?? .admitted == .admitted, isNew, limits.total > 0,
            !allClients.take(rate: Float(limits.total), burst: limits.burst.seconds, now: now)
        else { return verdict ?? .admitted }
        return .limited(.rateTotal)
    }

    /// Charges a request to its connection and to whom its certificate proves; gives the limit that was reached.
    private func chargeConnection(_ context: FlowContext, _ limits: SourceLimits, now: NIODeadline) -> LimitLabel? {
        guard limits.connection > 0 || limits.identity > 0, let flow = streams[context.id] else { return nil }
        let burst = limits.burst.seconds
        if limits.connection > 0, !flow.bucket.take(rate: Float(limits.connection), burst: burst, now: now) {
            return .rateConnection
        }
        guard limits.identity > 0, let share = flow.identityShare,
            !share.bucket.take(rate: Float(limits.identity), burst: burst, now: now)
        else { return nil }
        return .rateIdentity
    }

    /// Whether a message that cannot be taken may be answered.
    func admitsMalformed(_ message: MalformedMessage, on context: FlowContext, now: NIODeadline) -> Bool {
        guard chargesSources else { return true }
        switch admission(of: message.bytes.readableBytes, .other, on: context, now: now) {
        case .admitted: return true
        case .refused, .dropped, .forbidden: counters.drops.increment(.overLimit)
        case nil: break
        }
        return false
    }

    /// Notes how a client's request ended (OVL-39).
    func noteAnswer(_ summary: RequestSummary) {
        let isFailure = SourceTable.isFailure(summary.status)
        guard sources != nil || isFailure, !summary.isLocal, case .client = summary.flow.side,
            snapshot.listener(summary.flow.listener)?.identity.role != .inner,
            !snapshot.limits.sources.trusts(summary.flow.remoteAddress)
        else { return }
        countSources()
        let now = eventLoop.now
        let isProven = summary.flow.transport.isReliable
        let isOver = sources?.answered(summary.flow.remoteAddress, isProven: isProven, status: summary.status, now: now)
        if isOver == true {
            ban(summary.flow, for: "failures", now: now)
        }
    }

    // MARK: Bans

    private func ban(_ context: FlowContext, for cause: String, now: NIODeadline) {
        counters.limits.increment(.ban)
        let address = context.remoteAddress
        let end = now + snapshot.limits.sources.banTime
        for sibling in siblings where sibling.eventLoop !== eventLoop { sibling.ban(address, until: end) }
        hooks.logConnection("source banned", [("source", address.hostText), ("limit", cause)])
        // What it was told is still sent, and all its other connections close with their next message.
        streams[context.id]?.close()
    }

    // MARK: The edge's own strength

    /// How often it is looked how late the loop is.
    static let lagInterval = TimeAmount.milliseconds(25)

    /// Looks how late the loop is, again and again (OVL-06).
    func watchLag() {
        let due = eventLoop.now + Self.lagInterval
        eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
            guard let self else { return }
            let now = self.eventLoop.now
            self.observe(lag: now - due, now: now)
            self.watchLag()
        }
    }

    func observe(lag: TimeAmount, now: NIODeadline) {
        worstLag = max(worstLag, lag)
        let before = overload.level
        let reported = core.ownReportedPercent
        overload.observe(lag: lag, now: now, snapshot.limits.overload)
        core.shedding = overload.shedding
        if core.ownReportedPercent != reported { tellOthers(core.ownReportedPercent) }
        guard overload.level != before else { return }
        let isWorse = overload.level > before
        if isWorse { counters.limits.increment(.overload) }
        hooks.logConnection(
            isWorse ? "worker is overloaded" : "worker is less loaded",
            [("worker", "\(index)"), ("level", "\(overload.level)"), ("lag", "\(lag.nanoseconds / 1_000_000) ms")]
        )
    }
}

// MARK: What clients are told

extension Worker {
    /// Nanoseconds from 1970 to the zero of `NIODeadline`; the same for all workers, whose sequence numbers a client
    /// compares.
    static let epoch: Int64 = {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
        let wall = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        return wall - Int64(clamping: NIODeadline.now().uptimeNanoseconds)
    }()

    /// Tells the other workers what clients are asked to hold back for this one's sake: the connections of one client may
    /// be everywhere.
    private func tellOthers(_ percent: UInt32) {
        for sibling in siblings where sibling.eventLoop !== eventLoop { sibling.report(percent, of: index) }
    }

    /// Another worker asks for so much.
    func hear(_ percent: UInt32, from other: WorkerIndex) {
        reportsOfOthers[other] = percent
        core.reportOthers(reportsOfOthers.values.max() ?? 0)
    }
}

extension LimitLabel {
    /// The limit that a refusal was for; nil where it was for none.
    init?(_ refusal: RefusalLabel) {
        switch refusal {
        case .connections: self = .connections
        case .connectionsPerSource: self = .connectionsPerSource
        case .connectionsPerIdentity: self = .connectionsPerIdentity
        case .handshakes: self = .handshakes
        case .handshakesPerSource: self = .handshakesPerSource
        case .rateHandshakes: self = .rateHandshakes
        case .descriptors: self = .descriptors
        case .ban: self = .ban
        case .overload: self = .overload
        case .proxyHeaderTimeout: self = .proxyHeaderTimeout
        case .proxyHeader, .peer: return nil
        }
    }
}
