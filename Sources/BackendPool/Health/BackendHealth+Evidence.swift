// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What each kind of evidence does to the counters and the verdict.
extension BackendHealth {
    mutating func probePassed(policy: HealthPolicy, now: NIODeadline) {
        failedProbes = 0
        refusedProbes = 0
        goodSign(policy: policy, now: now)
        if circuit.isHalfOpen(at: now) { closeCircuit(now: now) }
    }

    /// - Parameter isProof: whether one failure is enough.
    mutating func probeFailed(
        _ words: String,
        _ cause: DownCause,
        isProof: Bool = false,
        policy: HealthPolicy,
        now: NIODeadline
    ) {
        failedProbes &+= 1
        goodSigns = 0
        lastFailure = words
        switch verdict {
        case .down:
            verdict = .down(reason: words, cause)
        case .unknown:
            // Nothing is lost by leaving out a backend that has never been seen to work.
            verdict = .down(reason: words, cause)
        case .up:
            let count = max(failedProbes, cause == .refusal ? refusedProbes : 0)
            if isProof || count >= policy.fall { verdict = .down(reason: words, cause) }
        }
        if circuit.isHalfOpen(at: now) { _ = circuit.open(now: now, policy: policy) }
    }

    mutating func requestAnswered(policy: HealthPolicy, now: NIODeadline) {
        failedRequests = 0
        failedProbes = 0
        if circuit.isHalfOpen(at: now) { closeCircuit(now: now) }
        switch verdict {
        case .down(_, .refusal):
            // It serves the dialogs that it has and wants no new ones (OVL-34).
            break
        case .down(_, .failure), .unknown:
            goodSign(policy: policy, now: now)
        case .up:
            break
        }
    }

    mutating func requestsFailed(
        _ count: Int,
        _ failure: BackendFailure,
        policy: HealthPolicy,
        mayEject: Bool,
        now: NIODeadline
    ) {
        failedRequests &+= count
        goodSigns = 0
        lastFailure = "live traffic: \(failure.words)"
        if failure.isHard, policy.isProbing {
            verdict = .down(reason: lastFailure, .failure)
            return
        }
        guard mayEject, !circuit.isOpen(at: now), let why = causeToEject(failure, policy: policy, now: now) else {
            return
        }
        let time = circuit.open(now: now, policy: policy)
        ejectionReason = "\(why); left alone for \(time.nanoseconds / 1_000_000_000) s"
        failedRequests = 0
        window.clear()
    }

    /// The same without a verdict that only a probe would take back, and without what probes have counted.
    func withoutProbes() -> BackendHealth {
        var copy = self
        if case .down = verdict { copy.verdict = .unknown }
        (copy.failedProbes, copy.refusedProbes, copy.goodSigns) = (0, 0, 0)
        return copy
    }

    /// Holds new requests back as Retry-After asks, within the limit (LOC-49).
    mutating func hold(for time: TimeAmount, policy: HealthPolicy, now: NIODeadline) {
        let time = min(time, policy.retryAfterLimit)
        guard time > .zero else { return }
        let until = now + time
        if holdUntil.map({ $0 <= now }) ?? true { holdSince = now }
        holdUntil = max(holdUntil ?? until, until)
    }

    private mutating func goodSign(policy: HealthPolicy, now: NIODeadline) {
        switch verdict {
        case .up:
            return
        case .unknown:
            verdict = .up
            // One that had to wait begins its ramp now, not when it was published.
            if slowStart != nil, policy.waitsForProbe { slowStart = SlowStart(start: now) }
        case .down:
            goodSigns &+= 1
            guard goodSigns >= policy.rise else { return }
            verdict = .up
            slowStart = SlowStart(start: now)
        }
        goodSigns = 0
        failedRequests = 0
        window.clear()
    }

    private mutating func closeCircuit(now: NIODeadline) {
        circuit.close(now: now)
        failedRequests = 0
        slowStart = SlowStart(start: now)
    }

    private mutating func causeToEject(_ failure: BackendFailure, policy: HealthPolicy, now: NIODeadline) -> String? {
        if circuit.isHalfOpen(at: now) { return "failed its trial: \(failure.words)" }
        if failure.isHard { return failure.words }
        if failedRequests >= policy.ejectAfter { return "\(failedRequests) requests in a row failed: \(failure.words)" }
        let totals = window.totals(now: now)
        guard totals.count >= policy.ejectMinimum, totals.failedShare > policy.ejectShare else { return nil }
        let share = Int(totals.failedShare * 100)
        return "\(share) % of \(totals.count) requests in \(FailureWindow.seconds) s failed, last: \(failure.words)"
    }
}
