// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// All that the control plane knows of one pool: who is published, how each fares, and the rules.
///
/// Events go in, changes come out; ``view(now:)`` makes of it what the data plane works on.
package struct PoolState: Sendable {
    package let id: PoolID
    package private(set) var settings: PoolSettings
    package private(set) var policy: HealthPolicy
    package private(set) var membership: PoolMembership
    package private(set) var health: [Endpoint: BackendHealth] = [:]
    package private(set) var families = FamilyMemory()
    /// The state of each backend that was reported last.
    private var states: [Endpoint: BackendState] = [:]
    /// Whether an answer with a backend has been taken; the first backends all start at once.
    private var hasStarted = false

    package init(
        id: PoolID,
        settings: PoolSettings,
        policy: HealthPolicy = HealthPolicy(),
        membership: PoolMembership = PoolMembership()
    ) {
        self.id = id
        self.settings = settings
        self.policy = policy
        self.membership = membership
    }

    /// Takes a new configuration; what is known of the backends stays, but for what only probes could take back where they
    /// end.
    package mutating func reconfigure(settings: PoolSettings, policy: HealthPolicy) {
        if self.policy.isProbing, !policy.isProbing { health = health.mapValues { $0.withoutProbes() } }
        self.settings = settings
        self.policy = policy
    }

    /// Takes a DNS answer whole, and holds what `keeping` says of backends that it could not tell of (LOC-57).
    package mutating func apply(
        _ candidates: [BackendCandidate],
        keeping: (BackendCandidate) -> BackendCandidate? = { _ in nil },
        now: NIODeadline
    ) -> MembershipChange {
        let change = membership.apply(candidates, keeping: keeping, now: now)
        for endpoint in change.added {
            var new = BackendHealth(id: BackendID(pool: id, endpoint: endpoint))
            if hasStarted { new.slowStart = SlowStart(start: now) }
            health[endpoint] = new
        }
        for endpoint in change.forgotten { forget(endpoint) }
        families.prune(keeping: membership.members.values.map(\.candidate), now: now)
        if !candidates.isEmpty { hasStarted = true }
        for endpoint in membership.members.keys { states[endpoint] = state(of: endpoint, now: now) }
        return change
    }

    /// The same pool with another target: what is known of the backends stays, and all drain that the new target does not
    /// name (LOC-51).
    package func retargeted(settings: PoolSettings, policy: HealthPolicy, now: NIODeadline) -> PoolState {
        var copy = self
        copy.reconfigure(settings: settings, policy: policy)
        _ = copy.apply([], now: now)
        return copy
    }

    /// Takes a probe's outcome, with more about a failure in a few words; nil when the state is as it was or the backend is
    /// unknown, or when probing has ended since the probe began.
    package mutating func observe(
        probe outcome: BackendOutcome,
        detail: String? = nil,
        of endpoint: Endpoint,
        now: NIODeadline
    ) -> HealthChange? {
        guard policy.isProbing else { return nil }
        let policy = policy
        return change(endpoint, now: now) { health in
            health.observe(probe: outcome, detail: detail, policy: policy, now: now)
        }
    }

    /// Takes what live traffic told of a backend; nil when the state is as it was or the backend is unknown.
    package mutating func observe(
        traffic summary: TrafficSummary,
        of endpoint: Endpoint,
        now: NIODeadline
    ) -> HealthChange? {
        let policy = policy
        let mayEject = mayEject(endpoint, now: now)
        if summary.answered > 0 { noteFamily(of: endpoint, now: now) }
        return change(endpoint, now: now) { health in
            health.observe(traffic: summary, policy: policy, mayEject: mayEject, now: now)
        }
    }

    /// Takes the operator's word; nil when the state is as it was or the backend is unknown.
    package mutating func setAdministrative(
        _ state: AdministrativeState,
        of endpoint: Endpoint,
        now: NIODeadline
    ) -> HealthChange? {
        let policy = policy
        return change(endpoint, now: now) { health in
            health.setAdministrative(state, policy: policy, now: now)
        }
    }

    /// Follows time: drops what has drained, and reports the states that changed by time alone.
    package mutating func advance(to now: NIODeadline) -> (changes: [HealthChange], removed: [Endpoint]) {
        let removed = membership.removeDrained(now: now)
        for endpoint in removed { forget(endpoint) }
        var changes: [HealthChange] = []
        for (endpoint, old) in states {
            let new = state(of: endpoint, now: now)
            guard new != old, let health = health[endpoint] else { continue }
            states[endpoint] = new
            let reason = Self.reasonOfTime(old, health.reason(policy: policy, now: now))
            changes.append(HealthChange(backend: health.id, from: old, to: new, reason: reason))
        }
        return (changes, removed)
    }

    /// When time alone next changes the view; nil for never.
    package func nextChange(after now: NIODeadline) -> NIODeadline? {
        let times = health.values.compactMap { $0.nextChange(policy: policy, after: now) }
        return (times + [membership.nextRemoval, families.nextEnd(after: now)].compactMap { $0 }).min()
    }

    /// How backends are authenticated by DANE, those that drain among them (RFC 7673).
    package var plans: [Endpoint: DANEPlan] { membership.members.compactMapValues(\.candidate.dane) }

    /// When the next probe of a backend is due, counted from now; nil when it is not to be probed.
    package func probeDelay(
        of endpoint: Endpoint,
        now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> TimeAmount? {
        guard policy.isProbing, let health = health[endpoint], health.administrative != .disabled,
            membership.members[endpoint]?.vanishedAt == nil
        else { return nil }
        return health.probeDelay(policy: policy, now: now, using: &generator)
    }

    /// Remembers the family of a backend that serves behind one of the same target that does not (LOC-44).
    private mutating func noteFamily(of endpoint: Endpoint, now: NIODeadline) {
        guard let own = membership.members[endpoint]?.candidate, families.order(of: own, now: now) > 0 else { return }
        let hasFailed = membership.members.values.contains { other in
            let preferred = other.candidate
            guard preferred.endpoint.address.isIPv6 != endpoint.address.isIPv6, preferred.name == own.name,
                preferred.service == own.service, preferred.endpoint.port == endpoint.port,
                preferred.endpoint.transport == endpoint.transport, other.vanishedAt == nil,
                let health = health[preferred.endpoint]
            else { return false }
            return health.failedRequests > 0 || !health.isUsable(policy: policy, now: now)
        }
        if hasFailed { families.note(own, now: now) }
    }

    private mutating func change(
        _ endpoint: Endpoint,
        now: NIODeadline,
        _ body: (inout BackendHealth) -> HealthChange?
    ) -> HealthChange? {
        guard var health = health[endpoint] else { return nil }
        let change = body(&health)
        self.health[endpoint] = health
        // The state before is the one reported last: it may have changed by time alone since then.
        let (old, new) = (states[endpoint] ?? .unknown, state(of: endpoint, now: now))
        guard old != new else { return nil }
        states[endpoint] = new
        let reason = change?.reason ?? Self.reasonOfTime(old, health.reason(policy: policy, now: now))
        return HealthChange(backend: health.id, from: old, to: new, reason: reason)
    }

    private mutating func forget(_ endpoint: Endpoint) {
        health[endpoint] = nil
        states[endpoint] = nil
    }

    private static func reasonOfTime(_ old: BackendState, _ reason: String) -> String {
        switch old {
        case .held: "the time of Retry-After is over"
        case .ejected: "the ejection is over"
        // Time alone never takes it back: the rules have changed.
        case .down: "no longer probed"
        case .up, .unknown, .draining, .disabled: reason
        }
    }
}
