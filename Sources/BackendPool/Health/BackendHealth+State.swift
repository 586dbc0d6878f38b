// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What the evidence means at a given time.
extension BackendHealth {
    /// The state in one word, but for membership: a backend that DNS dropped drains.
    package func state(policy: HealthPolicy, now: NIODeadline) -> BackendState {
        switch administrative {
        case .disabled: return .disabled
        case .draining: return .draining
        case .enabled: break
        }
        if case .down = verdict { return .down }
        if circuit.isOpen(at: now) { return .ejected }
        if circuit.isHalfOpen(at: now) { return policy.isProbing ? .ejected : .unknown }
        if isHeld(at: now) { return .held }
        return verdict == .up ? .up : .unknown
    }

    /// Why the state is what it is, in words; empty where nothing is to be said.
    package func reason(policy: HealthPolicy, now: NIODeadline) -> String {
        switch state(policy: policy, now: now) {
        case .disabled: return "disabled by the operator"
        case .draining: return "drained by the operator"
        case .down:
            if case .down(let reason, _) = verdict { return reason }
            return ""
        case .ejected: return ejectionReason
        case .held: return "503 with Retry-After"
        case .unknown:
            if circuit.isHalfOpen(at: now) { return "on trial after an ejection" }
            return policy.waitsForProbe ? "waiting for the first probe" : "not judged yet"
        case .up: return rampPercent(policy: policy, now: now) < 100 ? "slow start" : ""
        }
    }

    /// Whether new requests may go there; one without verdict waits for its first probe if the policy says so.
    package func isUsable(policy: HealthPolicy, now: NIODeadline) -> Bool {
        switch state(policy: policy, now: now) {
        case .up: true
        case .unknown: !policy.waitsForProbe || circuit.isHalfOpen(at: now)
        case .down, .draining, .ejected, .disabled, .held: false
        }
    }

    /// Whether it may be tried when no backend is usable (LOC-54).
    package func isUsableInPanic(policy: HealthPolicy, now: NIODeadline) -> Bool {
        guard administrative == .enabled else { return false }
        guard isHeld(at: now), let holdSince else { return true }
        return now >= holdSince + policy.panicHold
    }

    /// How much of its weight counts: 10 to 100 per cent.
    package func rampPercent(policy: HealthPolicy, now: NIODeadline) -> UInt8 {
        if circuit.isHalfOpen(at: now) { return 10 }
        return slowStart?.percent(at: now, over: policy.slowStart) ?? 100
    }

    /// When the state or the ramp changes by time alone; nil for never.
    package func nextChange(policy: HealthPolicy, after now: NIODeadline) -> NIODeadline? {
        var times: [NIODeadline] = []
        if let until = circuit.openUntil { times.append(until) }
        if let until = holdUntil { times.append(until) }
        if let since = holdSince, isHeld(at: now) { times.append(since + policy.panicHold) }
        if let step = slowStart?.nextStep(after: now, over: policy.slowStart) { times.append(step) }
        return times.filter { $0 > now }.min()
    }

    /// When the next probe is due, counted from the end of the last one: at once for a backend without verdict, with
    /// growing gaps for one that fails (OVL-27), not before its time for an ejected one.
    package func probeDelay(
        policy: HealthPolicy,
        now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> TimeAmount {
        if verdict == .unknown, failedProbes == 0 { return .zero }
        if let until = circuit.openUntil, until > now { return until - now }
        var delay = policy.interval
        if failedProbes > 0 || verdict != .up {
            let doublings = min(max(failedProbes, 1) - 1, 20)
            delay = min(.nanoseconds(policy.retryInterval.nanoseconds << doublings), policy.downInterval)
        }
        let stray = min(max(policy.jitter, 0), 0.9)
        guard stray > 0 else { return delay }
        return .nanoseconds(
            Int64(Double(delay.nanoseconds) * Double.random(in: 1 - stray...1 + stray, using: &generator))
        )
    }

    private func isHeld(at now: NIODeadline) -> Bool {
        holdUntil.map { now < $0 } ?? false
    }
}
