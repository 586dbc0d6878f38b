// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// The flows of one worker to one backend, and the messages that wait for one (TRN-42, TRN-43, TRN-49).
///
/// One connection attempt serves all that waits. Another flow is opened when every open one is slow to take bytes, up
/// to the pool's number.
final class BackendFlows {
    private struct Waiting {
        let attempt: AttemptID?
        let bytes: ByteBuffer
    }

    private let target: BackendTarget
    private unowned let worker: Worker
    private var streams: [StreamFlow] = []
    private var datagram: DatagramFlow?
    private var isConnecting = false
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

    /// Sends a message on the best flow, or lets it wait for one; the core hears how that went.
    func send(_ bytes: ByteBuffer, attempt: AttemptID?) {
        use.note()
        if target.endpoint.transport == .udp { return sendDatagram(bytes, attempt: attempt) }
        guard let flow = best else { return wait(bytes, attempt: attempt) }
        flow.enqueue(bytes)
        if let attempt { worker.core.attemptSent(attempt, on: flow.context.id, now: worker.eventLoop.now) }
    }

    /// A flow has come up: what waited leaves.
    func ready(_ flow: StreamFlow) {
        isConnecting = false
        backoff.succeeded()
        streams.append(flow)
        while let next = waiting.popFirst() {
            flow.enqueue(next.bytes)
            if let attempt = next.attempt {
                worker.core.attemptSent(attempt, on: flow.context.id, now: worker.eventLoop.now)
            }
        }
    }

    /// A flow is gone; one that never came up fails what waited for it.
    func closed(_ flow: StreamFlow, wasReady: Bool) {
        if wasReady {
            streams.removeAll { $0 === flow }
        } else {
            connectFailed(flow.openingFailure)
        }
    }

    func connectFailed(_ failure: AttemptFailure) {
        isConnecting = false
        backoff.failed(now: worker.eventLoop.now, using: &worker.random)
        failWaiting(failure)
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
        let setup = worker.snapshot.setup(for: target)
        guard waiting.count < setup.queue else { return fail(attempt, .queueFull) }
        if isConnecting {
            waiting.append(Waiting(attempt: attempt, bytes: bytes))
            return
        }
        guard streams.count < setup.connections else { return fail(attempt, .queueFull) }
        guard backoff.allows(now: worker.eventLoop.now) else { return fail(attempt, .refused) }
        isConnecting = true
        waiting.append(Waiting(attempt: attempt, bytes: bytes))
        worker.connect(to: target)
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
        guard let attempt else { return }
        worker.core.attemptFailed(attempt, failure, now: worker.eventLoop.now)
    }
}

@available(*, unavailable)
extension BackendFlows: Sendable {}
