// SPDX-License-Identifier: Apache-2.0

internal import EdgeRuntime
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// The connections to one backend and what waits for them, as `BackendFlows` of the runtime keeps them.
final class BackendLane {
    private struct Waiting {
        let attempt: AttemptID?
        let bytes: ByteBuffer
    }

    let target: BackendTarget
    let number: Int
    private unowned let edge: Edge
    private(set) var streams: [EdgeStream] = []
    private var isEmptying = false
    private var opening: EdgeStream?
    private var isOutrun = false
    private var race: AddressRace?
    private var racers: [AddressRace] = []
    private var waiting: [Waiting] = []
    private var backoff = ConnectBackoff()
    private var isRetryDue = false

    init(_ edge: Edge, _ target: BackendTarget, number: Int) {
        self.edge = edge
        self.target = target
        self.number = number
    }

    var waitingCount: Int { waiting.count }
    private var isConnecting: Bool { opening != nil || race != nil }

    func send(_ bytes: ByteBuffer, attempt: AttemptID?) {
        if target.endpoint.transport == .udp {
            edge.send(bytes, to: target)
            if let attempt {
                edge.core.attemptSent(attempt, on: edge.datagramFlow(to: target).id, now: edge.agenda.now)
            }
            return
        }
        guard waiting.isEmpty, let stream = best else { return wait(bytes, attempt: attempt) }
        stream.enqueue(bytes)
        if let attempt { edge.core.attemptSent(attempt, on: stream.context.id, now: edge.agenda.now) }
    }

    func ready(_ stream: EdgeStream) {
        if stream === opening { opening = nil }
        isOutrun = false
        backoff.succeeded()
        streams.append(stream)
        empty()
        for race in takeRacers() { race.connected(target) }
    }

    func writable() { empty() }

    func closed(_ stream: EdgeStream) {
        streams.removeAll { $0 === stream }
        guard !waiting.isEmpty else { return }
        openAnother()
        if streams.isEmpty, !isConnecting, !isRetryDue { failWaiting(.closed) }
    }

    private func connectFailed(_ stream: EdgeStream, _ failure: AttemptFailure) {
        guard stream === opening else { return }
        opening = nil
        backoff.failed(now: edge.agenda.now, using: &edge.dice.generator)
        let racers = takeRacers()
        let wasOutrun = isOutrun
        isOutrun = false
        if race == nil, streams.isEmpty {
            if wasOutrun, racers.isEmpty { edge.core.connectionFailed(to: target, failure, now: edge.agenda.now) }
            failWaiting(failure)
        }
        for race in racers { race.failed(target, failure) }
    }

    private func takeRacers() -> [AddressRace] {
        defer { racers = [] }
        return racers
    }

    func forgive() { backoff.succeeded() }

    // MARK: Races

    func join(_ race: AddressRace) {
        if best != nil { return race.connected(target) }
        guard opening != nil || mayOpen else { return race.failed(target, .refused) }
        racers.append(race)
        if opening == nil { connect() }
    }

    func leave(_ race: AddressRace, isOwner: Bool) {
        racers.removeAll { $0 === race }
        guard racers.isEmpty, let stream = opening else { return }
        if isOwner { isOutrun = true }
        guard !isOutrun, waiting.isEmpty else { return }
        opening = nil
        edge.abandon(stream)
    }

    func raceEnded(winner: BackendTarget?, _ failure: AttemptFailure) {
        race = nil
        guard let winner else { return failWaiting(failure) }
        guard winner != target else { return }
        let moving = waiting
        waiting = []
        for entry in moving where !move(entry, to: winner) {
            if opening == nil { fail(entry.attempt, failure) } else { waiting.append(entry) }
        }
    }

    private func move(_ entry: Waiting, to winner: BackendTarget) -> Bool {
        let now = edge.agenda.now
        if let attempt = entry.attempt {
            guard edge.core.awaits(attempt) else { return true }
            guard edge.core.attemptMoved(attempt, to: winner, now: now) else {
                return edge.core.attemptOutrun(attempt, now: now)
            }
        }
        edge.lane(to: winner).send(entry.bytes, attempt: entry.attempt)
        return true
    }

    // MARK: -

    var best: EdgeStream? {
        var best: EdgeStream?
        for stream in streams where stream.phase == .ready && stream.isWritable {
            if let current = best, current.pendingBytes <= stream.pendingBytes { continue }
            best = stream
        }
        return best
    }

    private func wait(_ bytes: ByteBuffer, attempt: AttemptID?) {
        guard waiting.count < edge.queue else { return fail(attempt, .queueFull) }
        guard isConnecting || !streams.isEmpty || mayOpen else { return waitOutBackoff(bytes, attempt: attempt) }
        let entry = Waiting(attempt: attempt, bytes: bytes)
        if isOutrun, streams.isEmpty, let attempt,
            let other = others(attempt).first(where: { edge.lanes[$0]?.best != nil }), move(entry, to: other)
        {
            return
        }
        waiting.append(entry)
        let others = isConnecting || !streams.isEmpty ? nil : attempt.map(others)
        guard let others, !others.isEmpty else { return openAnother() }
        let race = AddressRace(edge, self, with: others)
        self.race = race
        race.start()
    }

    private func waitOutBackoff(_ bytes: ByteBuffer, attempt: AttemptID?) {
        guard let attempt, let time = backoff.lastResortAt, edge.core.isLastResort(attempt, now: edge.agenda.now) else {
            return fail(attempt, .refused)
        }
        waiting.append(Waiting(attempt: attempt, bytes: bytes))
        guard !isRetryDue else { return }
        isRetryDue = true
        edge.agenda.after(time > edge.agenda.now ? time - edge.agenda.now : .zero) { [weak edge] in
            guard let edge else { return }
            self.isRetryDue = false
            guard !self.waiting.isEmpty, self.streams.isEmpty, !self.isConnecting else { return }
            self.connect()
            edge.runActions()
        }
    }

    private func others(_ attempt: AttemptID) -> [BackendTarget] {
        edge.core.otherAddresses(of: attempt, now: edge.agenda.now)
    }

    private var mayOpen: Bool { streams.count < edge.connections && backoff.allows(now: edge.agenda.now) }

    private func openAnother() {
        guard !isConnecting, mayOpen else { return }
        connect()
    }

    private func connect() {
        let stream = EdgeStream(edge, edge.backendContext(target))
        edge.streams[stream.context.id] = stream
        isOutrun = false
        opening = stream
        let source = DatagramAddress(address: Addresses.inner, port: UInt16(edge.dice.number(32768...60999)))
        var isDecided = false
        edge.network.connect(from: source, to: target.endpoint) { [weak edge] end in
            guard let edge, !isDecided else { return end?.close() ?? () }
            isDecided = true
            guard !stream.isAbandoned else { return end?.close() ?? () }
            if let end { return stream.open(end) }
            self.gaveUp(stream, .refused, edge)
        }
        edge.agenda.after(.seconds(3)) { [weak edge] in
            guard let edge, !isDecided, !stream.isAbandoned else { return }
            isDecided = true
            self.gaveUp(stream, .connectTimeout, edge)
        }
    }

    private func gaveUp(_ stream: EdgeStream, _ failure: AttemptFailure, _ edge: Edge) {
        edge.streams[stream.context.id] = nil
        connectFailed(stream, failure)
        edge.runActions()
    }

    private func empty() {
        guard !isEmptying else { return }
        isEmptying = true
        while let stream = best, !waiting.isEmpty {
            let next = waiting.removeFirst()
            put(next, on: stream)
            if stream.pendingBytes > edge.network.watermark { stream.flush() }
        }
        isEmptying = false
        if !waiting.isEmpty { openAnother() }
    }

    private func put(_ message: Waiting, on stream: EdgeStream) {
        guard let attempt = message.attempt else { return stream.enqueue(message.bytes) }
        guard edge.core.awaits(attempt) else { return }
        stream.enqueue(message.bytes)
        edge.core.attemptSent(attempt, on: stream.context.id, now: edge.agenda.now)
    }

    private func failWaiting(_ failure: AttemptFailure) {
        let failed = waiting
        waiting = []
        for entry in failed { fail(entry.attempt, failure) }
    }

    private func fail(_ attempt: AttemptID?, _ failure: AttemptFailure) {
        if failure == .queueFull { edge.fullAt[target.endpoint] = edge.agenda.now }
        if let attempt { edge.core.attemptFailed(attempt, failure, now: edge.agenda.now) }
    }
}
