// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import NIOCore
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage

/// A configuration on its way to be adopted, with what its pools resolve to; nothing runs by it yet.
struct StagedConfiguration: Sendable {
    let checked: CheckedConfiguration
    /// Listeners of earlier configurations.
    let formerListeners: [ListenerSettings]
    let ground: StagedPool.Ground
    /// How DNS is asked.
    let resolver: DNSClient.Settings
    var pools: [StagedPool] = []
}

/// One pool of such a configuration.
struct StagedPool: Sendable {
    /// What all pools are resolved by.
    struct Ground: Sendable {
        let host: HostNetwork
        /// Where the listeners of the configuration stand.
        let own: OwnListeners
        /// For how long records serve beyond their TTL.
        let stale: TimeAmount
        /// Whether questions are answered in another way from now on, so that nothing that was answered counts.
        let isAnsweredAnew: Bool
    }

    let settings: PoolSettingsEntry
    let target: SIPTarget
    /// By what rules the target is resolved.
    let policy: ResolutionPolicy
    /// What the target resolves to now; nil when the pool stays as it is.
    private(set) var answer: PoolAnswer?
    /// Whether DNS is to be asked before the pool is adopted.
    private(set) var mustAsk = false
    /// How long that took; nil when it did not end in time, or DNS was not asked.
    private(set) var duration: TimeAmount?

    /// A pool of a new configuration beside the one of that name that runs.
    ///
    /// What is known of the same target serves at once for other rules. DNS is asked for a new target, for a pool that
    /// is empty, where nothing that was answered counts, and for what is missing.
    init(
        _ settings: PoolSettingsEntry,
        target: SIPTarget,
        former: ManagedPool?,
        formerPolicy: ResolutionPolicy?,
        on ground: Ground,
        now: NIODeadline
    ) {
        let same = former.flatMap { $0.target == target ? $0 : nil }
        self.settings = settings
        self.target = target
        let memory = same?.tlsMemory ?? TLSMemory()
        policy = settings.resolutionPolicy(ground.host, ground.own, memory: memory, now: now)
        guard let same, !ground.isAnsweredAnew, same.state.membership.publishedCount > 0 else {
            mustAsk = true
            return
        }
        guard policy != formerPolicy else { return }
        let known = same.known.filter { $0.value.expiresAt + ground.stale > now }
        let answer = PoolAnswer(target, policy: policy, known: known)
        if answer.isUnfinished { mustAsk = true } else { self.answer = answer }
    }

    /// Takes what DNS said; nil when it did not in time.
    mutating func take(_ known: [DNSQuestion: DNSAnswer]?, after duration: TimeAmount?) {
        answer = PoolAnswer(target, policy: policy, known: known ?? [:])
        self.duration = duration
    }

    /// What is known of the pool when it is adopted now, in the place of the `former` one of its name.
    func state(id: PoolID, former: ManagedPool?, stale: TimeAmount, now: NIODeadline) -> PoolState {
        let same = former.flatMap { $0.target == target ? $0 : nil }
        var state = settings.state(of: target, id: id, former: former)
        let isTLSLost = same?.tlsMemory.isLost ?? false
        _ = answer?.apply(to: &state, stale: stale, isTLSLost: isTLSLost, now: now)
        return state
    }
}
