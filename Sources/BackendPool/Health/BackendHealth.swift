// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What is known of one backend's fitness, from probes, from live traffic and from the operator.
///
/// Outcomes go in by ``observe(probe:detail:policy:now:)`` and ``observe(traffic:policy:mayEject:now:)``; what comes out is the
/// change of state that they caused, if any.
package struct BackendHealth: Sendable, Hashable {
    /// What the evidence says.
    package enum Verdict: Sendable, Hashable {
        case unknown
        case up
        case down(reason: String, DownCause)
    }

    /// What took a backend down, for it decides what brings it up again.
    package enum DownCause: Sendable, Hashable {
        /// It did not answer; any answer proves that it lives.
        case failure
        /// It answers probes, and says that it wants no new requests (OVL-34); only a probe can take that back.
        case refusal
    }

    package let id: BackendID
    package internal(set) var administrative = AdministrativeState.enabled
    package internal(set) var verdict = Verdict.unknown
    package internal(set) var circuit = Circuit()
    /// Until when 503 with Retry-After asks for no new requests (LOC-49).
    package internal(set) var holdUntil: NIODeadline?
    package internal(set) var holdSince: NIODeadline?
    package internal(set) var slowStart: SlowStart?
    /// Probes without an acceptable answer, in a row.
    package internal(set) var failedProbes = 0
    /// Probes answered with a status that is not accepted, in a row.
    package internal(set) var refusedProbes = 0
    /// Good signs in a row since it went down.
    package internal(set) var goodSigns = 0
    /// Failed requests in a row.
    package internal(set) var failedRequests = 0
    /// What the last failure was, in words.
    package internal(set) var lastFailure = ""

    var window = FailureWindow()
    var ejectionReason = ""

    package init(id: BackendID) {
        self.id = id
    }

    /// Takes the operator's word; a backend that is enabled again starts slowly.
    package mutating func setAdministrative(
        _ state: AdministrativeState,
        policy: HealthPolicy,
        now: NIODeadline
    ) -> HealthChange? {
        change(policy: policy, now: now) { health in
            if state == .enabled, health.administrative != .enabled { health.slowStart = SlowStart(start: now) }
            health.administrative = state
        }
    }

    /// Takes a probe's outcome.
    ///
    /// - Parameter detail: more about a failure, in a few words.
    package mutating func observe(
        probe: BackendOutcome,
        detail: String? = nil,
        policy: HealthPolicy,
        now: NIODeadline
    ) -> HealthChange? {
        change(policy: policy, now: now) { health in
            switch probe {
            case .answered(let status, _) where policy.accepts(status):
                health.probePassed(policy: policy, now: now)
            case .answered(let status, let retryAfter):
                if let retryAfter { health.hold(for: retryAfter, policy: policy, now: now) }
                health.refusedProbes &+= 1
                health.probeFailed("OPTIONS answered with \(status)", .refusal, policy: policy, now: now)
            case .failed(let failure):
                let isProof = failure.isHard
                let words = "probe: \(failure.words)\(detail.map { ": \($0)" } ?? "")"
                health.probeFailed(words, .failure, isProof: isProof, policy: policy, now: now)
            }
        }
    }

    /// Takes what live traffic told.
    ///
    /// - Parameter mayEject: whether the pool can spare the backend.
    package mutating func observe(
        traffic: TrafficSummary,
        policy: HealthPolicy,
        mayEject: Bool,
        now: NIODeadline
    ) -> HealthChange? {
        change(policy: policy, now: now) { health in
            if let time = traffic.retryAfter { health.hold(for: time, policy: policy, now: now) }
            health.window.add(answered: traffic.answered, failed: traffic.failed, now: now)
            if traffic.answered > 0 { health.requestAnswered(policy: policy, now: now) }
            if let failure = traffic.lastFailure {
                health.requestsFailed(traffic.trailingFailures, failure, policy: policy, mayEject: mayEject, now: now)
            }
        }
    }

    /// Runs `body` and reports the change of state that it made.
    private mutating func change(
        policy: HealthPolicy,
        now: NIODeadline,
        _ body: (inout Self) -> Void
    ) -> HealthChange? {
        let before = state(policy: policy, now: now)
        body(&self)
        let after = state(policy: policy, now: now)
        guard before != after else { return nil }
        return HealthChange(backend: id, from: before, to: after, reason: reason(policy: policy, now: now))
    }
}
