// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import SIPMessage
internal import Telemetry

/// What the control plane counts of one pool, by its name: a reload that gives the pool another target counts on.
struct PoolCounters: Sendable {
    var membership = CounterTable<MembershipLabel>()
    var majorityLosses: UInt64 = 0
    var probes = CounterTable<ProbeLabel>()
    var probeDurations = BucketHistogram()
    var refreshes = CounterTable<ResultLabel>()
    var refreshDurations = BucketHistogram()
    private var stateChanges: [Endpoint: CounterTable<BackendStateLabel>] = [:]

    /// Changes of one backend's state.
    func stateChanges(of endpoint: Endpoint) -> CounterTable<BackendStateLabel> {
        stateChanges[endpoint] ?? CounterTable()
    }

    mutating func count(_ change: MembershipChange) {
        membership.add(UInt64(change.added.count), to: .added)
        membership.add(UInt64(change.reweighted.count), to: .reweighted)
        membership.add(UInt64(change.draining.count), to: .draining)
        membership.add(UInt64(change.returned.count), to: .returned)
        if change.lostMajority { majorityLosses += 1 }
        for endpoint in change.forgotten { forget(endpoint) }
    }

    mutating func count(_ change: HealthChange) {
        let table = CounterTable<BackendStateLabel>()
        stateChanges[change.backend.endpoint, default: table].increment(BackendStateLabel(change.to))
    }

    /// Counts a probe, and the time of one that was answered.
    mutating func count(_ outcome: BackendOutcome, isAccepted: Bool, nanoseconds: Int64) {
        probes.increment(ProbeLabel(outcome, isAccepted: isAccepted))
        if case .answered = outcome { probeDurations.record(nanoseconds: nanoseconds) }
    }

    /// A backend has gone for good.
    mutating func forget(_ endpoint: Endpoint) {
        membership.increment(.removed)
        stateChanges[endpoint] = nil
    }
}

extension ProbeLabel {
    init(_ outcome: BackendOutcome, isAccepted: Bool) {
        switch outcome {
        case .answered: self = isAccepted ? .passed : .status
        case .failed(.refused): self = .refused
        case .failed(.unreachable): self = .unreachable
        case .failed(.connectTimeout): self = .connectTimeout
        case .failed(.tls): self = .tls
        case .failed(.identity), .failed(.unmatched): self = .identity
        case .failed(.closed): self = .closed
        case .failed(.timeout): self = .timeout
        }
    }
}

extension BackendStateLabel {
    init(_ state: BackendState) {
        switch state {
        case .up: self = .up
        case .down: self = .down
        case .unknown: self = .unknown
        case .draining: self = .draining
        case .ejected: self = .ejected
        case .disabled: self = .disabled
        case .held: self = .held
        }
    }
}
