// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// The flows of one worker to one backend, and the messages that wait for one (TRN-42, TRN-43, TRN-49).
///
/// One connection attempt serves all that waits. Another flow is opened when every open one is slow to take bytes, up
/// to the pool's number; when all of these are slow, messages wait, up to the pool's `queue`, and leave in their order.
final class BackendFlows {
    /// Bytes collected for one flow after which they are written, to see whether it takes more.
    private static let batch = 64 * 1024

    private struct Waiting {
        let attempt: AttemptID?
        let bytes: ByteBuffer
    }

    let target: BackendTarget
    private unowned let worker: Worker
    private var streams: [StreamFlow] = []
    private var datagram: DatagramFlow?
    private var isOpeningDatagram = false
    private var isEmptying = false
    /// The connection that is being opened.
    private var opening: StreamFlow?
    /// Whether another address of the target was faster: the connection is still awaited, by nobody in particular, to see
    /// whether this one is slow or dead.
    private var isOutrun = false
    /// The race that what waits here waits for.
    private var race: StaggeredConnect?
    /// The races that the connection being opened takes part in.
    private var racers: [StaggeredConnect] = []
    private var waiting = Deque<Waiting>()
    private var backoff = ConnectBackoff()
    /// The next try, where what waits here has nowhere else to go.
    private var retry: Scheduled<Void>?
    /// Why the latest connection did not come up, which is also why none is tried for a while.
    private var lastFailure = AttemptFailure.refused
    /// Whether a connection that was found dead is to be followed by another one at once.
    private var isReplacing = false
    private var use = FlowUse()
    private var search = AliasSearch()

    init(worker: Worker, target: BackendTarget) {
        self.worker = worker
        self.target = target
    }

    /// Whether nothing waits or is being opened, and nothing has been sent or received for long; called once a second.
    func hasRested(at now: NIODeadline) -> Bool {
        use.advance(to: now, lastRead: streams.map(\.lastRead).max())
        return waiting.isEmpty && !isConnecting && use.hasRested(at: now)
    }

    private var isConnecting: Bool { isOpeningDatagram || opening != nil || race != nil }

    /// Flows that are up.
    var count: Int { streams.count + (datagram == nil ? 0 : 1) }

    /// Messages that wait for a flow.
    var waitingCount: Int { waiting.count }

    /// Sends a message on the best flow, or lets it wait for one; the core hears how that went.
    func send(_ bytes: ByteBuffer, attempt: AttemptID?) {
        use.note()
        if target.endpoint.transport == .udp { return sendDatagram(bytes, attempt: attempt) }
        guard waiting.isEmpty, let flow = best else { return sendBack(bytes, attempt: attempt) }
        flow.enqueue(bytes)
        if let attempt { worker.core.attemptSent(attempt, on: flow.context.id, now: worker.eventLoop.now) }
    }

    /// A flow has come up: what waited leaves.
    func ready(_ flow: StreamFlow) {
        if flow === opening { opening = nil }
        isOutrun = false
        backoff.succeeded()
        streams.append(flow)
        empty()
        for race in takeRacers() { race.connected(target) }
    }

    /// A flow takes bytes again: what waited leaves.
    func writable() { empty() }

    /// A flow is gone; what waits goes by another one, or fails when there will be none.
    func closed(_ flow: StreamFlow, wasReady: Bool) {
        guard wasReady else { return connectFailed(flow, flow.openingFailure) }
        streams.removeAll { $0 === flow }
        guard !waiting.isEmpty || isReplacing else { return }
        isReplacing = false
        goOn()
    }

    /// A connection that carried what waits is gone: another one takes over, where there is or may be one.
    func goOn() {
        openAnother()
        if streams.isEmpty, !isConnecting, retry == nil, alias(isWritable: false) == nil { failWaiting(.closed) }
    }

    /// A flow did not come up; what waits goes by those that are up, or fails when there is none.
    func connectFailed(_ flow: StreamFlow, _ failure: AttemptFailure) {
        guard flow === opening else { return }
        opening = nil
        lastFailure = failure
        backoff.failed(now: worker.eventLoop.now, using: &worker.random)
        let racers = takeRacers()
        let wasOutrun = isOutrun
        isOutrun = false
        if race == nil, streams.isEmpty, alias(isWritable: false) == nil {
            // No request tells the core that it was not only slow.
            if wasOutrun, racers.isEmpty, waiting.isEmpty {
                worker.core.connectionFailed(to: target, failure, now: worker.eventLoop.now)
            }
            failWaiting(failure)
        }
        for race in racers { race.failed(target, failure) }
    }

    private func takeRacers() -> [StaggeredConnect] {
        guard !racers.isEmpty else { return [] }
        defer { racers = [] }
        return racers
    }

    /// Once a second: pings the connections on which nothing comes, where the backend answers to that, and replaces those
    /// that turn out dead (FLW-32).
    func keepAlive(now: NIODeadline) {
        guard !streams.isEmpty, worker.snapshot.setup(for: target).answersKeepAlive else { return }
        var dead: [StreamFlow] = []
        for flow in streams where flow.phase == .ready {
            switch flow.pulse.advance(to: now, lastRead: flow.lastRead, using: &worker.random) {
            case .none: continue
            case .ping: flow.ping()
            case .close: dead.append(flow)
            }
        }
        for flow in dead {
            worker.counters.limits.increment(.keepAlive)
            isReplacing = true
            flow.abort()
        }
    }

    /// Once a second: the flows whose peer's certificate is about to expire, when there are others; where there are none,
    /// one is opened, and until it stands the old ones serve (TLS-32).
    func retired(now: NIODeadline) -> [StreamFlow] {
        for flow in streams { flow.retire(at: now) }
        let retired = streams.filter(\.isRetired)
        guard !retired.isEmpty else { return [] }
        guard retired.count < streams.count else {
            openAnother()
            return []
        }
        return retired
    }

    /// Probes found the backend up again: what was held against it is past.
    func forgive() { backoff.succeeded() }

    func closed(_ flow: DatagramFlow) {
        if datagram === flow { datagram = nil }
    }

    func close() {
        for flow in streams { flow.close() }
        datagram?.close()
    }

    // MARK: Staggered connects

    /// Opens a connection for a race, or takes what there is.
    func join(_ race: StaggeredConnect) {
        if best != nil || alias() != nil { return race.connected(target) }
        guard opening != nil || mayOpen else { return race.failed(target, .refused) }
        racers.append(race)
        if opening == nil { connect() }
    }

    /// A race is over without this address: unless somebody else waits for the connection, it is given up; that to the
    /// address which requests choose first goes on.
    func leave(_ race: StaggeredConnect, isOwner: Bool) {
        racers.removeAll { $0 === race }
        guard racers.isEmpty, let flow = opening else { return }
        if isOwner { isOutrun = true }
        guard !isOutrun, waiting.isEmpty else { return }
        opening = nil
        worker.abandon(flow)
    }

    /// The race for what waits here is over: it goes to the winner, once, or fails.
    func raceEnded(winner: BackendTarget?, _ failure: AttemptFailure) {
        race = nil
        guard let winner else { return failWaiting(failure) }
        guard winner != target else { return }
        var moving = Deque<Waiting>()
        swap(&moving, &waiting)
        for entry in moving where !move(entry, to: winner) {
            if opening == nil { fail(entry.attempt, failure) } else { waiting.append(entry) }
        }
    }

    /// Sends a message on to another address of the target, where a connection stands, or sees its request go to its next
    /// candidate where it may not; false when it has nowhere to go but here.
    private func move(_ entry: Waiting, to winner: BackendTarget) -> Bool {
        let now = worker.eventLoop.now
        if let attempt = entry.attempt {
            guard worker.core.awaits(attempt) else { return true }
            guard worker.core.attemptMoved(attempt, to: winner, now: now) else {
                return worker.core.attemptOutrun(attempt, now: now)
            }
        }
        worker.flows(to: winner).send(entry.bytes, attempt: entry.attempt)
        return true
    }

    // MARK: -

    /// The flow with the least to send; a slow one alone makes another flow worth opening.
    private var best: StreamFlow? {
        var best: StreamFlow?
        for flow in streams where flow.phase == .ready && flow.isWritable {
            if let current = best {
                let isSame = current.isRetired == flow.isRetired
                if isSame ? current.pendingBytes <= flow.pendingBytes : flow.isRetired { continue }
            }
            best = flow
        }
        return best
    }

    /// A connection that the backend has opened to us and offered (RFC 5923), after the draw has chosen the backend
    /// (TLS-44); nil when one of our own must be opened.
    private func alias(isWritable: Bool = true) -> StreamFlow? {
        guard !worker.aliases.isEmpty, target.endpoint.transport == .tls else { return nil }
        search.adopt(worker.snapshot.proxy.generation, target, worker.snapshot.setup)
        return worker.alias(search, isWritable: isWritable)
    }

    /// No connection of ours can take a message at once: it goes by one of the backend's, or waits.
    private func sendBack(_ bytes: ByteBuffer, attempt: AttemptID?) {
        guard waiting.isEmpty, let flow = alias() else { return wait(bytes, attempt: attempt) }
        put(Waiting(attempt: attempt, bytes: bytes), on: flow)
    }

    private func wait(_ bytes: ByteBuffer, attempt: AttemptID?) {
        guard waiting.count < worker.snapshot.setup(for: target).queue else { return fail(attempt, .queueFull) }
        let hasFlow = !streams.isEmpty || alias(isWritable: false) != nil
        guard isConnecting || hasFlow || mayOpen else { return waitOutBackoff(bytes, attempt: attempt) }
        let entry = Waiting(attempt: attempt, bytes: bytes)
        if isOutrun, streams.isEmpty, let attempt, let other = otherAddresses(attempt).first(where: isOpen),
            move(entry, to: other)
        {
            return
        }
        waiting.append(entry)
        // Another address is no better than a flow that is up but slow.
        let others = isConnecting || hasFlow ? nil : attempt.map(otherAddresses)
        guard let others, !others.isEmpty else { return openAnother() }
        let race = StaggeredConnect(worker, self, with: others)
        self.race = race
        race.start()
    }

    /// Within the wait after a failed connection the backend has failed at once, for all that may go elsewhere; the rest
    /// waits for the next try (TRN-50).
    private func waitOutBackoff(_ bytes: ByteBuffer, attempt: AttemptID?) {
        guard let attempt, let time = backoff.lastResortAt, worker.core.isLastResort(attempt, now: worker.eventLoop.now)
        else { return fail(attempt, lastFailure) }
        waiting.append(Waiting(attempt: attempt, bytes: bytes))
        guard retry == nil else { return }
        retry = worker.eventLoop.assumeIsolated().scheduleTask(deadline: time) { [weak self] in self?.tryAgain() }
    }

    private func tryAgain() {
        retry = nil
        guard !waiting.isEmpty, streams.isEmpty, !isConnecting else { return }
        connect()
        worker.runActions()
    }

    private func otherAddresses(_ attempt: AttemptID) -> [BackendTarget] {
        worker.core.otherAddresses(of: attempt, now: worker.eventLoop.now)
    }

    private func isOpen(_ other: BackendTarget) -> Bool { worker.backends[other]?.best != nil }

    /// Whether one more flow may be opened: there are fewer than there may be, and no try failed a moment ago.
    private var mayOpen: Bool {
        let lasting = streams.count { !$0.isRetired }
        return lasting < worker.snapshot.setup(for: target).connections && backoff.allows(now: worker.eventLoop.now)
    }

    /// Opens one more flow, if that may be and none is being opened.
    private func openAnother() {
        guard !isConnecting, mayOpen else { return }
        connect()
    }

    private func connect() {
        let flow = worker.makeStream(to: target)
        isOutrun = false
        opening = flow
        worker.openConnection(worker, flow, target)
    }

    /// Sends what waits, in its order, as far as the flows take it.
    ///
    /// Writing may make a flow writable, which comes back here: the outer call goes on then.
    private func empty() {
        guard !isEmptying else { return }
        isEmptying = true
        while !waiting.isEmpty, let flow = best ?? alias(), let next = waiting.popFirst() {
            put(next, on: flow)
            if flow.pendingBytes > Self.batch { flow.flush() }
        }
        isEmptying = false
        if !waiting.isEmpty { openAnother() }
    }

    /// Gives a message to a flow, unless it waited until its attempt was given up.
    private func put(_ message: Waiting, on flow: StreamFlow) {
        if let attempt = message.attempt, !worker.core.awaits(attempt) { return }
        flow.enqueue(message.bytes)
        if flow.context.side == .client { worker.counters.aliasedRequests &+= 1 }
        guard let attempt = message.attempt else { return }
        if flow.context.side == .client { flow.asked(now: worker.eventLoop.now) }
        worker.core.attemptSent(attempt, on: flow.context.id, now: worker.eventLoop.now)
    }

    private func sendDatagram(_ bytes: ByteBuffer, attempt: AttemptID?) {
        if let datagram {
            datagram.enqueue(bytes, to: nil)
            if let attempt { worker.core.attemptSent(attempt, on: datagram.id, now: worker.eventLoop.now) }
            return
        }
        guard waiting.count < worker.snapshot.setup(for: target).queue else { return fail(attempt, .queueFull) }
        waiting.append(Waiting(attempt: attempt, bytes: bytes))
        guard !isOpeningDatagram else { return }
        isOpeningDatagram = true
        worker.openDatagram(to: target) { [weak self] flow in self?.datagramOpened(flow) }
    }

    private func datagramOpened(_ flow: DatagramFlow?) {
        isOpeningDatagram = false
        guard let flow else {
            failWaiting(.refused)
            return worker.runActions()
        }
        datagram = flow
        while let next = waiting.popFirst() {
            flow.enqueue(next.bytes, to: nil)
            if let attempt = next.attempt {
                worker.core.attemptSent(attempt, on: flow.id, now: worker.eventLoop.now)
            }
        }
        worker.runActions()
    }

    private func failWaiting(_ failure: AttemptFailure) {
        var failed = Deque<Waiting>()
        swap(&failed, &waiting)
        for entry in failed { fail(entry.attempt, failure) }
    }

    private func fail(_ attempt: AttemptID?, _ failure: AttemptFailure) {
        if failure == .queueFull { worker.counters.limits.increment(.queue) }
        // Nobody awaits an answer to an ACK, so nobody is told.
        guard let attempt else {
            return worker.counters.drops.increment(failure == .queueFull ? .queueFull : .deadFlow)
        }
        worker.core.attemptFailed(attempt, failure, now: worker.eventLoop.now)
    }
}

@available(*, unavailable)
extension BackendFlows: Sendable {}
