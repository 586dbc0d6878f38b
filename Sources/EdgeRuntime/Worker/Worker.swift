// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import NIOCore
internal import SIPMessage
package import SIPProxy
internal import Telemetry

/// The owner of one event loop and of all that lives on it: the SIP core, the flows of clients, the flows to backends.
///
/// Nothing of it is shared with another worker. It carries out what the core decides and decides nothing itself.
package final class Worker {
    package let index: WorkerIndex
    package let eventLoop: any EventLoop
    let hooks: WorkerHooks
    let limiter: ConnectionLimiter
    let core: ProxyCore
    private(set) var snapshot: EdgeSnapshot

    var streams: [FlowID: StreamFlow] = [:]
    var datagrams: [FlowID: DatagramFlow] = [:]
    var backends: [BackendTarget: BackendFlows] = [:]
    /// Flows that have closed in this loop tick.
    var closedFlows: Set<FlowID> = []
    /// Those on which a client sends nothing more, of which the core does not know yet.
    var endedInputs: Set<FlowID> = []
    var listenerChannels: [ListenerID: any Channel] = [:]
    var listenerDatagrams: [ListenerID: DatagramFlow] = [:]
    /// The local addresses of those that are bound to all.
    var faces = ListenerFaces()
    /// Those that are to accept, whether they do at present or not.
    var acceptingListeners: Set<ListenerID> = []
    /// Connections of load balancers that have not said yet whose they are.
    var fronts: [ObjectIdentifier: (listener: ListenerID, channel: any Channel)] = [:]
    /// The sockets of responses to other servers over UDP.
    private(set) lazy var returns = ReturnSockets(worker: self)
    /// Connections of other servers on which requests may go back to them.
    var aliases = AliasTable()
    /// The other workers by index, this one among them; set once before anything is opened.
    var siblings: [WorkerHandle] = []
    var counters = WorkerCounters()
    var observations = BackendObservations()
    var random = SystemRandomNumberGenerator()
    /// How a connection to a backend is opened; tests in virtual time have connections of their own.
    var openConnection: (Worker, StreamFlow, BackendTarget) -> Void = { $0.connect($1, to: $2) }
    /// What sources have used up, and how often they failed; nil while nothing is limited and nobody has.
    var sources: SourceTable?
    /// Whether messages are charged to their sources.
    private(set) var chargesSources = false
    var refusalNotes = RefusalNotes()
    /// What owners of certificates, and all clients together, have used up.
    var identities = IdentityBuckets()
    var allClients = TokenBucket()
    var overload = OverloadMonitor()
    /// What clients are asked to hold back by the other workers, in per cent.
    var reportsOfOthers: [WorkerIndex: UInt32] = [:]
    /// When it may be told again that a backend does not use the Path (FLW-37), and how long that waits.
    var nextPathHint = NIODeadline.distantPast
    static let pathHintInterval = TimeAmount.minutes(10)
    /// The worst lag of this second and of the one before.
    var worstLag = TimeAmount.zero
    var lastLag = TimeAmount.zero

    /// One CRLF, the answer to a keep-alive (RFC 5626 section 4.4.1).
    let pong = ByteBuffer(string: "\r\n")
    /// Two of them, the keep-alive itself.
    let ping = ByteBuffer(string: "\r\n\r\n")
    /// How many TLS handshakes with clients are under way, and whether connections wait for that.
    var admission = HandshakeAdmission()

    private var nextSerial: UInt64
    private var dirtyStreams: [StreamFlow] = []
    private var dirtyDatagrams: [DatagramFlow] = []
    private var isFlushScheduled = false
    private var isDraining = false
    private var isTicking = false
    private var housekeeping: RepeatedTask?

    /// Makes the worker of `eventLoop`; called on that loop.
    ///
    /// `serialBase` differs with every start of the process, so that no token of an earlier one fits a flow of this.
    init(
        index: WorkerIndex,
        eventLoop: any EventLoop,
        snapshot: EdgeSnapshot,
        serialBase: UInt64,
        limiter: ConnectionLimiter,
        hooks: WorkerHooks
    ) {
        self.index = index
        self.eventLoop = eventLoop
        self.snapshot = snapshot
        self.limiter = limiter
        self.hooks = hooks
        nextSerial = serialBase
        core = ProxyCore(
            worker: index,
            snapshot: snapshot.proxy,
            seed: .random(in: .min ... .max),
            epoch: Self.epoch,
            now: .now()
        )
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        housekeeping = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.keepHouse()
        }
        adoptLimits()
        watchLag()
    }

    // MARK: Events of flows

    /// - Parameter isUnlisted: whether its sender is none of those who may ask (TLS-23).
    func received(_ message: SIPMessage, on context: FlowContext, isUnlisted: Bool = false, now: NIODeadline) {
        var verdict: Admission? = .admitted
        if chargesSources, message.isRequest {
            let size = message.bytes.readableBytes
            let isNew = message.to.tag == nil && message.method != .ack && message.method != .cancel
            verdict = admission(of: size, RateClass(message.method), isNew: isNew, on: context, now: now)
        }
        guard var verdict else { return }
        if isUnlisted, message.isRequest {
            // What is refused for its rate could still be a repeat or CANCEL of what was taken: not from such a peer.
            guard verdict == .admitted else { return counters.drops.increment(.overLimit) }
            verdict = .forbidden
            logForbidden(message, on: context)
        }
        core.receive(message, on: context, admission: verdict, now: now)
        runActions()
    }

    func receivedMalformed(_ message: MalformedMessage, on context: FlowContext, now: NIODeadline) {
        counters.malformed.increment(MalformedLabel(message.reason))
        guard admitsMalformed(message, on: context, now: now) else { return }
        core.receiveMalformed(message, on: context, now: now)
        runActions()
    }

    // MARK: Snapshot and end

    func adopt(_ snapshot: EdgeSnapshot) {
        let before = self.snapshot
        self.snapshot = snapshot
        adoptLimits()
        if snapshot.proxy.tokens.currentKeyID != before.proxy.tokens.currentKeyID { renewTokens() }
        reviewAliases()
        core.adopt(snapshot.proxy, now: eventLoop.now)
        closeBackendSockets { snapshot.listener($0) == nil }
        // What ends with these connections goes on by the new snapshot.
        reviewRevocations(since: before)
        runActions()
        for (target, flows) in backends where snapshot.isUsable(target) && !before.isUsable(target) { flows.forgive() }
        counters.backends = counters.backends.filter { snapshot.knows($0.key) }
    }

    private func adoptLimits() {
        let limits = snapshot.limits.sources
        // With the limits go the bans.
        if chargesSources, limits.countsNothing { sources = nil }
        chargesSources = !limits.countsNothing
        if chargesSources { countSources() }
        if sources?.limits != limits { sources?.adopt(limits) }
    }

    /// Sees to it that there is a table of sources.
    func countSources() {
        if sources == nil { sources = SourceTable(snapshot.limits.sources, seed: random.next()) }
    }

    /// Takes no new dialogs from now on; what runs goes on.
    func quiesce() {
        core.quiesce(now: eventLoop.now)
        runActions()
    }

    /// Closes everything.
    func shutDown() {
        housekeeping?.cancel()
        for channel in listenerChannels.values { channel.close(promise: nil) }
        for front in fronts.values { front.channel.close(promise: nil) }
        for flow in streams.values { flow.close() }
        for flow in datagrams.values { flow.close() }
    }

    func makeFlowID() -> FlowID {
        nextSerial &+= 1
        return FlowID(worker: index, serial: nextSerial)
    }

    // MARK: Carrying out

    /// Carries out what the core has decided, and what comes of it, in order.
    func runActions() {
        guard !isDraining else { return }
        isDraining = true
        var actions = core.takeActions()
        while !actions.isEmpty {
            for action in actions { perform(action) }
            core.recycle(&actions)
            actions = core.takeActions()
        }
        isDraining = false
        startTicking()
    }

    /// Advances the core's timers every 10 ms while it has any.
    private func startTicking() {
        guard !isTicking, core.hasTimers else { return }
        isTicking = true
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) { [weak self] in
            guard let self else { return }
            self.isTicking = false
            self.core.advance(to: self.eventLoop.now)
            self.runActions()
            self.startTicking()
        }
    }

    func markDirty(_ flow: StreamFlow) {
        dirtyStreams.append(flow)
        scheduleFlush()
    }

    func markDirty(_ flow: DatagramFlow) {
        dirtyDatagrams.append(flow)
        scheduleFlush()
    }

    /// Flushes once a loop tick: tasks run after all events of the tick.
    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute { self.flushDirty() }
    }

    private func flushDirty() {
        isFlushScheduled = false
        var streams: [StreamFlow] = []
        swap(&streams, &dirtyStreams)
        for flow in streams { flow.flush() }
        streams.removeAll(keepingCapacity: true)
        if dirtyStreams.isEmpty { swap(&streams, &dirtyStreams) }
        var datagrams: [DatagramFlow] = []
        swap(&datagrams, &dirtyDatagrams)
        for flow in datagrams { flow.flush() }
        datagrams.removeAll(keepingCapacity: true)
        if dirtyDatagrams.isEmpty { swap(&datagrams, &dirtyDatagrams) }
    }
}

@available(*, unavailable)
extension Worker: Sendable {}

extension EdgeSnapshot {
    /// Whether a pool still has the backend.
    func knows(_ target: BackendTarget) -> Bool {
        view(of: target)?.index(of: target.endpoint) != nil
    }

    /// Whether a pool has the backend and gives it requests.
    func isUsable(_ target: BackendTarget) -> Bool {
        guard let view = view(of: target), let index = view.index(of: target.endpoint) else { return false }
        return view.backends[index].isUsable
    }

    private func view(of target: BackendTarget) -> PoolView? {
        guard let pool = target.pool, Int(pool.index) < proxy.pools.count else { return nil }
        return proxy.pools[Int(pool.index)]
    }
}
