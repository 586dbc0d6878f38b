// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

extension Worker {
    /// Does one thing that the core asked for.
    func perform(_ action: ProxyAction) {
        switch action {
        case .respond(let id, let datagram, let bytes):
            respond(bytes, on: id, datagram: datagram)
        case .respondWatched(let id, let address, let attempt, let bytes):
            returns.send(bytes, to: address, from: id, attempt: attempt)
        case .sendToBackend(let target, let attempt, let bytes):
            flows(to: target).send(bytes, attempt: attempt)
        case .sendOnFlow(let id, let datagram, let attempt, let bytes):
            send(bytes, on: id, datagram: datagram, attempt: attempt)
        case .resolve(let id, let name):
            resolve(id, name)
        case .handOver(let worker, let message, let context):
            guard Int(worker) < siblings.count, worker != index else { return }
            siblings[Int(worker)].deliver(message, on: context)
        case .limitIdle(let id, let time):
            streams[id]?.idleLimit = time
        case .closeFlow(let id):
            streams[id]?.close()
        case .event(let event):
            note(event)
        }
    }

    private func respond(_ bytes: ByteBuffer, on id: FlowID, datagram: DatagramAddress?) {
        if let flow = streams[id] {
            if !flow.enqueue(bytes) { counters.drops.increment(flow.phase == .ready ? .queueFull : .deadFlow) }
            if flow.isInputClosed { inputClosed(flow) }
        } else if let flow = datagrams[id] {
            flow.enqueue(bytes, to: datagram)
        } else if let face = faces[id] {
            face.send(bytes, to: datagram)
        } else {
            counters.drops.increment(.deadFlow)
        }
    }

    /// Sends a request on exactly this flow, wherever it lives (FLW-12, FLW-14).
    private func send(_ bytes: ByteBuffer, on id: FlowID, datagram: DatagramAddress?, attempt: AttemptID?) {
        guard id.worker == index else {
            guard Int(id.worker) < siblings.count else {
                guard let attempt else { return countLost(.flowGone) }
                return core.attemptFailed(attempt, .flowGone, now: eventLoop.now)
            }
            siblings[Int(id.worker)].send(
                bytes,
                on: id,
                datagram: datagram,
                attempt: attempt,
                for: siblings[Int(index)]
            )
            return
        }
        let failure = sendHere(bytes, on: id, datagram: datagram)
        guard let attempt else { return countLost(failure) }
        if let failure {
            core.attemptFailed(attempt, failure, now: eventLoop.now)
        } else {
            core.attemptSent(attempt, on: id, now: eventLoop.now)
        }
    }

    /// Counts what nobody is told of, such as an ACK, when its flow is gone (FLW-17); a full queue is counted where it is.
    func countLost(_ failure: AttemptFailure?) {
        if failure == .flowGone { counters.drops.increment(.deadFlow) }
    }

    /// Sends on a flow of this worker; gives why that cannot be: it is gone, answers to nothing any more, or its queue is
    /// full.
    func sendHere(_ bytes: ByteBuffer, on id: FlowID, datagram: DatagramAddress?) -> AttemptFailure? {
        if let flow = streams[id], flow.phase == .ready, !flow.isInputClosed {
            if flow.enqueue(bytes) { return nil }
            counters.drops.increment(.queueFull)
            return .queueFull
        }
        if let flow = datagrams[id] {
            flow.enqueue(bytes, to: datagram)
        } else if let face = faces[id] {
            face.send(bytes, to: datagram)
        } else {
            return .flowGone
        }
        return nil
    }

    private func resolve(_ id: ResolutionID, _ name: NextHopName) {
        let loop = NIOLoopBound(self, eventLoop: eventLoop)
        hooks.resolve(name, eventLoop) { outcome in
            let worker = loop.value
            worker.core.resolved(id, outcome, now: worker.eventLoop.now)
            worker.runActions()
        }
    }

    private func note(_ event: ProxyEvent) {
        switch event {
        case .finished(let summary):
            counters.finished(summary)
            noteAnswer(summary)
            if snapshot.logsRequests { hooks.logRequest(summary) }
        case .attempt(let target, let failure, let retryAfter, let duration):
            counters.attemptEnded(target, failure, duration)
            observations.note(target, failure: failure, retryAfter: retryAfter)
            // A failure must not wait: other workers still choose this backend.
            if failure != nil { reportObservations() }
        case .dropped(let reason): counters.drops.increment(DropLabel(reason))
        case .limit(let limit):
            if let label = LimitLabel(limit) { counters.limits.increment(label) }
        case .refused(let limit, let context): noteRefusal(limit, context)
        case .badToken: counters.forgedTokens &+= 1
        case .pathUnused(let context): hintAtPath(context)
        case .overloadAlarm(let target, let percent): raiseAlarm(target, percent)
        }
    }

    /// The only backend of a pool asks to be spared nearly everything, which is honoured (OVL-19).
    private func raiseAlarm(_ target: BackendTarget, _ percent: UInt32) {
        hooks.logConnection(
            "the only backend of a pool asks to be spared nearly all requests",
            [("worker", "\(index)"), ("backend", "\(target.endpoint)"), ("percent", "\(percent)")]
        )
    }

    /// A server of ours asks for clients by their addresses, again and again: now and then that is told (FLW-37).
    private func hintAtPath(_ context: FlowContext) {
        let now = eventLoop.now
        guard now >= nextPathHint else { return }
        nextPathHint = now + Self.pathHintInterval
        hooks.logConnection(
            "a backend does not use the Path of its registrations, by which alone clients are reached: 480",
            [("worker", "\(index)"), ("backend", context.peerText)]
        )
    }

    /// Tells the control plane what was learnt of backends, at most once a loop tick.
    private func reportObservations() {
        guard !observations.isReportScheduled else { return }
        observations.isReportScheduled = true
        eventLoop.assumeIsolated().execute { self.sendObservations() }
    }

    func sendObservations() {
        let batch = observations.take()
        if !batch.isEmpty { hooks.observed(batch) }
    }
}
