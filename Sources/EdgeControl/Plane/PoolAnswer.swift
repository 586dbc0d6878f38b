// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// What the target of a pool resolves to by what is known, and what that makes of the pool.
struct PoolAnswer: Sendable {
    /// The rules that it was resolved by.
    let policy: ResolutionPolicy
    /// Every answer on the way.
    let known: [DNSQuestion: DNSAnswer]
    let trace: ResolutionTrace
    private let domain: String

    init(_ target: SIPTarget, policy: ResolutionPolicy, known: [DNSQuestion: DNSAnswer]) {
        self.policy = policy
        self.known = known
        trace = TargetResolution(target, policy: policy).evaluate(known)
        domain = target.referenceDomain
    }

    /// Whether DNS has said where the target leads, if only in part, or that it leads nowhere.
    var isAnswered: Bool {
        switch trace.step {
        case .resolved, .absent: true
        case .failed, .ask: false
        }
    }

    /// Whether something was left to be asked for.
    var isUnfinished: Bool { if case .ask = trace.step { true } else { false } }

    /// Why there is nothing, or not all; nil when all is there.
    var problem: String? {
        switch trace.step {
        case .resolved(let located): located.problem
        case .absent(let reason), .failed(let reason): reason
        case .ask: known.isEmpty ? "no answer in time" : "the resolution did not end"
        }
    }

    /// Why an answer could not be renewed, and serves on for as long as it may; nil when all could that had to be.
    var renewalFailure: String? {
        known.sorted { "\($0.key)" < "\($1.key)" }.lazy
            .compactMap { question, answer in answer.renewalFailure.map { "\(question): \($0)" } }
            .first
    }

    /// When the first of the answers is due to be asked for again; nil when none was needed.
    var refreshAt: NIODeadline? { known.values.map(\.refreshAt).min() }

    /// When the first record expires that the outcome rests on; nil for a literal address.
    var expiresAt: NIODeadline? {
        if case .resolved(let located) = trace.step { return located.expiresAt }
        // An absence rests on all that were answered.
        return known.values.filter { !$0.isFailure }.map(\.expiresAt).min()
    }

    /// Makes the answer a pool's membership; of what was not answered the backends stay that the rules still permit.
    ///
    /// - Parameter stale: for how long records serve beyond their TTL.
    /// - Parameter isTLSLost: whether SIPS services were published, and are no longer.
    func apply(
        to state: inout PoolState,
        stale: TimeAmount,
        isTLSLost: Bool,
        now: NIODeadline
    ) -> MembershipChange {
        let refusesClearText = isTLSLost && policy.tlsLoss == .refuse
        let kept = KeptBackends(unanswered: unanswered, stale: stale, now: now) { known in
            policy.permits(known.endpoint, known.dane) && (known.endpoint.transport.isSecure || !refusesClearText)
        }
        return state.apply(candidates, keeping: kept.candidate, now: now)
    }

    private var candidates: [BackendCandidate] {
        guard case .resolved(let located) = trace.step else { return [] }
        return located.servers.map { ControlPlane.candidate($0, domain: domain) }
    }

    /// What could not be asked; nil when that is the target as a whole.
    var unanswered: [UnansweredPart]? {
        switch trace.step {
        case .resolved(let located): located.unanswered
        case .absent: []
        case .failed, .ask: nil
        }
    }
}
