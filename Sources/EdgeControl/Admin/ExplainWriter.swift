// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeRuntime
internal import Foundation
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Makes words of what the workers remember: values in, values out.
struct ExplainWriter {
    /// When this is, on both clocks.
    let now: NIODeadline
    let date: Date
    /// When the edge was started.
    let startedAt: NIODeadline
    /// `limits.remembered_requests`.
    let limit: Int
    let listenerName: (ListenerID) -> String?
    let poolName: (PoolID) -> String?
    /// What is published of a backend now.
    let published: (PoolID, Endpoint) -> BackendCandidate?
    /// What a backend must prove by DANE, in words.
    var proof: (PoolID, Endpoint) -> String? = { _, _ in nil }

    func report(callID: String, _ workers: [WorkerExplanation]) -> ExplainReport {
        let requests =
            workers
            .flatMap { worker in worker.requests.map { (worker: worker.worker, request: $0) } }
            .sorted { $0.request.record.startedAt < $1.request.record.startedAt }
        return ExplainReport(
            callId: callID,
            requests: requests.map { request($0.request, worker: $0.worker) },
            memory: memory(workers),
            problem: requests.isEmpty ? problem(callID, workers) : nil
        )
    }

    // MARK: How far back

    private func memory(_ workers: [WorkerExplanation]) -> ExplainReport.Memory {
        ExplainReport.Memory(
            limit: limit,
            remembered: workers.reduce(0) { $0 + $1.reach.count },
            forgotten: workers.reduce(0) { $0 &+ $1.reach.forgotten },
            invitesSince: time(since(workers, \.invitesSince)),
            othersSince: time(since(workers, \.othersSince))
        )
    }

    /// All that began later is remembered, whichever worker had it.
    private func since(
        _ workers: [WorkerExplanation],
        _ reach: KeyPath<RequestMemoryReach, NIODeadline?>
    ) -> NIODeadline {
        workers.compactMap { $0.reach[keyPath: reach] }.max() ?? startedAt
    }

    private func problem(_ callID: String, _ workers: [WorkerExplanation]) -> String {
        let none = "no request with the Call-ID '\(callID)' is known; "
        guard limit > 0 else {
            return none + "only requests that run are, for limits.remembered_requests is 0"
        }
        let (invites, others) = (since(workers, \.invitesSince), since(workers, \.othersSince))
        return none + "remembered are INVITEs since \(time(invites)) (\(age(invites))) and other requests since "
            + "\(time(others)) (\(age(others))), as limits.remembered_requests allows; a Call-ID is compared letter by letter"
    }

    private func age(_ time: NIODeadline) -> String {
        let seconds = max(0, (now - time).nanoseconds / 1_000_000_000)
        return seconds < 120 ? "\(seconds) s ago" : "\(seconds / 60) min ago"
    }

    private func time(_ time: NIODeadline) -> String {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return date.addingTimeInterval(-Double((now - time).nanoseconds) / 1e9).formatted(style)
    }

    // MARK: A request

    private func request(_ explanation: RequestExplanation, worker: WorkerIndex) -> ExplainReport.Request {
        let record = explanation.record
        let isRunning = record.duration == nil
        return ExplainReport.Request(
            method: record.method == .other ? "other" : "\(record.method.name)",
            startedAt: time(record.startedAt),
            source: "\(record.sourceAddress.hostText):\(record.sourcePort)",
            front: record.front.map { "\($0.address.hostText):\($0.port)" },
            transport: record.transport.name,
            listener: listenerName(record.listener) ?? "\(record.listener.index)",
            worker: Int(worker),
            generation: record.generation,
            isRunning: isRunning,
            isCancelled: record.isCancelled,
            isSecure: record.isSecure,
            way: Self.words(record.way),
            route: Self.route(record.way),
            pool: record.pool.map { explanation.view?.name ?? poolName($0) ?? "\($0.index)" },
            target: explanation.view?.targetText,
            choice: explanation.view.map(Self.choice),
            affinityKey: record.affinity.map { Self.hexadecimal($0.hash) },
            attempts: attempts(record),
            status: record.status > 0 ? record.status : nil,
            reason: record.reason.isEmpty ? nil : record.reason,
            cause: record.isOverBudget ? "its pool had no retry left (retry_percent)" : nil,
            answeredBy: record.status == 0 ? nil : record.isLocal ? "edge" : "backend",
            milliseconds: record.duration.map(Self.milliseconds),
            candidates: explanation.view.map { candidates($0, record) }
        )
    }

    private func attempts(_ record: RequestRecord) -> [ExplainReport.Attempt] {
        let notes = record.trail.notes
        // While the request runs another attempt may follow.
        let last = record.duration == nil ? nil : notes.indices.last
        return notes.indices.map { attempt(notes[$0], since: record.startedAt, isLast: $0 == last) }
    }

    private func attempt(_ note: AttemptNote, since start: NIODeadline, isLast: Bool) -> ExplainReport.Attempt {
        let outcome = AttemptWords(note.outcome, isLast: isLast)
        let duration = note.endedAt.map { Self.milliseconds($0 - note.sentAt) }
        let backend = note.target.map { "\($0.endpoint)" }
        let time =
            duration.map { " after \(Self.text($0)) ms" }
            ?? " for \(Self.text(Self.milliseconds(now - note.sentAt))) ms"
        return ExplainReport.Attempt(
            backend: backend,
            afterMilliseconds: Self.milliseconds(note.sentAt - start),
            outcome: outcome.word,
            status: outcome.status,
            milliseconds: duration,
            words: "\(backend ?? "the client's connection"): \(outcome.words)\(time)"
        )
    }

    private func candidates(_ view: PoolView, _ record: RequestRecord) -> [ExplainReport.Candidate] {
        let notes = view.explain(
            locallyDown: record.passedBy.contains,
            throttled: record.throttled.contains
        )
        let attempts = record.trail.notes
        return notes.map { note in
            let backend = view.backends[note.index]
            let isInTheClear = record.isSecure && !backend.endpoint.transport.isSecure
            let published = published(view.id, backend.endpoint)
            let left = published?.expiresAt.map { ($0 - now).nanoseconds / 1_000_000_000 }
            return ExplainReport.Candidate(
                backend: "\(backend.endpoint)",
                name: backend.name,
                rank: backend.rank,
                priority: backend.priority,
                weight: backend.weight,
                rampPercent: backend.rampPercent,
                state: backend.state.rawValue,
                standing: note.standing.rawValue,
                words: isInTheClear ? "not for SIPS, which goes over TLS alone" : note.words,
                service: published.flatMap { $0.service.isEmpty ? nil : $0.service },
                isStale: published?.expiresAt.map { $0 <= now } ?? false,
                attempts: attempts.indices.filter { attempts[$0].target?.endpoint == backend.endpoint }.map { $0 + 1 },
                ttlLeft: left.map { Int(max(0, $0)) },
                dane: proof(view.id, backend.endpoint)
            )
        }
    }

    // MARK: Words

    private static func words(_ way: RequestRecord.Way) -> String {
        switch way {
        case .none: "answered before a route was chosen"
        case .route(let index): "route rule \(index + 1)"
        case .flow: "the flow token of its Route: a client's connection"
        case .address: "the address in its Route or Request-URI"
        case .name: "the name in its Route or Request-URI"
        }
    }

    private static func route(_ way: RequestRecord.Way) -> Int? {
        if case .route(let index) = way { index + 1 } else { nil }
    }

    private static func choice(_ view: PoolView) -> String {
        view.affinity == .none ? "balance \(view.algorithm.rawValue)" : "affinity \(view.affinity.rawValue)"
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func milliseconds(_ time: TimeAmount) -> Double {
        Double(time.nanoseconds / 1000) / 1000
    }

    /// Milliseconds with one digit behind the point.
    static func text(_ milliseconds: Double) -> String { String(format: "%.1f", milliseconds) }
}
