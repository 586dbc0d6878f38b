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

    private let target: BackendTarget
    private unowned let worker: Worker
    private var streams: [StreamFlow] = []
    private var datagram: DatagramFlow?
    private var isConnecting = false
    private var isEmptying = false
    private var waiting = Deque<Waiting>()
    private var backoff = ConnectBackoff()
    private var use = FlowUse()

    init(worker: Worker, target: BackendTarget) {
        self.worker = worker
        self.target = target
    }

    /// Whether nothing waits or is being opened, and nothing has been sent or received for long; called once a second.
    func hasRested(at now: NIODeadline) -> Bool {
        use.advance(to: now, lastRead: streams.map(\.lastRead).max())
        return waiting.isEmpty && !isConnecting && use.hasRested(at: now)
    }

    /// Flows that are up.
    var count: Int { streams.count + (datagram == nil ? 0 : 1) }

    /// Messages that wait for a flow.
    var waitingCount: Int { waiting.count }

    /// Sends a message on the best flow, or lets it wait for one; the core hears how that went.
    func send(_ bytes: ByteBuffer, attempt: AttemptID?) {
        use.note()
        if target.endpoint.transport == .udp { return sendDatagram(bytes, attempt: attempt) }
        guard waiting.isEmpty, let flow = best else { return wait(bytes, attempt: attempt) }
        flow.enqueue(bytes)
        if let attempt { worker.core.attemptSent(attempt, on: flow.context.id, now: worker.eventLoop.now) }
    }

    /// A flow has come up: what waited leaves.
    func ready(_ flow: StreamFlow) {
        isConnecting = false
        backoff.succeeded()
        streams.append(flow)
        empty()
    }

    /// A flow takes bytes again: what waited leaves.
    func writable() { empty() }

    /// A flow is gone; what waits goes by another one, or fails when there will be none.
    func closed(_ flow: StreamFlow, wasReady: Bool) {
        guard wasReady else { return connectFailed(flow.openingFailure) }
        streams.removeAll { $0 === flow }
        guard !waiting.isEmpty else { return }
        openAnother()
        if streams.isEmpty, !isConnecting { failWaiting(.closed) }
    }

    /// A flow did not come up; what waits goes by those that are up, or fails when there is none.
    func connectFailed(_ failure: AttemptFailure) {
        isConnecting = false
        backoff.failed(now: worker.eventLoop.now, using: &worker.random)
        if streams.isEmpty { failWaiting(failure) }
    }

    /// Probes found the backend up again: what was held against it is past.
    func forgive() { backoff.succeeded() }

    func datagramClosed() { datagram = nil }

    func close() {
        for flow in streams { flow.close() }
        datagram?.close()
    }

    // MARK: -

    /// The flow with the least to send; a slow one alone makes another flow worth opening.
    private var best: StreamFlow? {
        var best: StreamFlow?
        for flow in streams where flow.phase == .ready && flow.isWritable {
            if let current = best, current.pendingBytes <= flow.pendingBytes { continue }
            best = flow
        }
        return best
    }

    private func wait(_ bytes: ByteBuffer, attempt: AttemptID?) {
        guard waiting.count < worker.snapshot.setup(for: target).queue else { return fail(attempt, .queueFull) }
        openAnother()
        guard isConnecting || !streams.isEmpty else { return fail(attempt, .refused) }
        waiting.append(Waiting(attempt: attempt, bytes: bytes))
    }

    /// Opens one more flow, unless one is being opened, there are as many as there may be, or the last try failed a
    /// moment ago.
    private func openAnother() {
        guard !isConnecting, streams.count < worker.snapshot.setup(for: target).connections,
            backoff.allows(now: worker.eventLoop.now)
        else { return }
        isConnecting = true
        worker.connect(to: target)
    }

    /// Sends what waits, in its order, as far as the flows take it.
    ///
    /// Writing may make a flow writable, which comes back here: the outer call goes on then.
    private func empty() {
        guard !isEmptying else { return }
        isEmptying = true
        while let flow = best, let next = waiting.popFirst() {
            put(next, on: flow)
            if flow.pendingBytes > Self.batch { flow.flush() }
        }
        isEmptying = false
        if !waiting.isEmpty { openAnother() }
    }

    /// Gives a message to a flow, unless it waited until its attempt was given up.
    private func put(_ message: Waiting, on flow: StreamFlow) {
        guard let attempt = message.attempt else { return flow.enqueue(message.bytes) }
        guard worker.core.awaits(attempt) else { return }
        flow.enqueue(message.bytes)
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
        guard !isConnecting else { return }
        isConnecting = true
        worker.openDatagram(to: target) { [weak self] flow in self?.datagramOpened(flow) }
    }

    private func datagramOpened(_ flow: DatagramFlow?) {
        isConnecting = false
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
