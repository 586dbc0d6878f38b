// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// One pool as the control plane keeps it; it belongs to the control plane and is never shared.
final class ManagedPool {
    var settings: PoolSettingsEntry
    var target: SIPTarget
    var state: PoolState
    /// When the first record that the membership rests on expires.
    var expiresAt: NIODeadline?
    /// When an answer that the membership rests on is due to be asked for again; nil when none was needed.
    var refreshAt: NIODeadline?
    var isStale = false
    /// Why the latest resolution gave nothing, or not all, if so.
    var failure: String?
    /// Whether part of the target could not be asked (LOC-57).
    var isPartial = false
    /// What the latest resolution found wrong with the records.
    var notes: [String] = []
    var tlsMemory = TLSMemory()
    var refreshes: UInt64 = 0
    var refreshTask: Task<Void, Never>?
    var probeTasks: [Endpoint: Task<Void, Never>] = [:]

    /// A pool without backends, or one that knows what a former one of its name knew of them.
    init(settings: PoolSettingsEntry, target: SIPTarget, id: PoolID, former: ManagedPool? = nil) {
        self.settings = settings
        self.target = target
        let (view, policy) = (Self.view(of: settings, target), Self.policy(of: settings))
        state =
            former?.state.retargeted(settings: view, policy: policy, now: .now())
            ?? PoolState(id: id, settings: view, policy: policy)
        if let former, former.target == target { tlsMemory = former.tlsMemory }
    }

    /// Whether the same records would make the same pool of other settings.
    func resolvesLike(_ other: PoolSettingsEntry, _ otherTarget: SIPTarget) -> Bool {
        target == otherTarget && settings.transports == other.transports && settings.families == other.families
            && settings.naptrFailover == other.naptrFailover && settings.allowsDowngrade == other.allowsDowngrade
            && settings.allowsLoopback == other.allowsLoopback
    }

    func reconfigure(_ settings: PoolSettingsEntry, target: SIPTarget) {
        self.settings = settings
        self.target = target
        state.reconfigure(settings: Self.view(of: settings, target), policy: Self.policy(of: settings))
    }

    func forget(_ endpoint: Endpoint) {
        probeTasks.removeValue(forKey: endpoint)?.cancel()
    }

    func cancel() {
        refreshTask?.cancel()
        for task in probeTasks.values { task.cancel() }
        probeTasks = [:]
    }

    /// By what rules the target is resolved on this host.
    func resolutionPolicy(_ host: HostNetwork, _ own: OwnListeners, now: NIODeadline) -> ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.transports = settings.transports
        policy.failover = settings.naptrFailover
        policy.allowsDowngrade = settings.allowsDowngrade
        policy.tlsLoss = tlsMemory.holds(at: now) ? settings.tlsLoss : .ignore
        policy.allowsLoopback = settings.allowsLoopback
        policy.ownListeners = own
        switch settings.families {
        case .auto:
            host.chooseFamilies(&policy)
        case .ipv4: policy.usesIPv6 = false
        case .ipv6: policy.usesIPv4 = false
        case .preferIPv4: policy.prefersIPv6 = false
        case .preferIPv6: policy.prefersIPv6 = true
        }
        return policy
    }

    private static func view(of settings: PoolSettingsEntry, _ target: SIPTarget) -> PoolSettings {
        PoolSettings(
            name: settings.name,
            targetText: settings.target,
            referenceDomain: target.referenceDomain,
            tlsProfileName: settings.tls,
            affinity: AffinityPolicy(rawValue: settings.affinity.rawValue) ?? .none,
            algorithm: SelectionAlgorithm(rawValue: settings.balance.rawValue) ?? .srv,
            firstResponse: FirstResponseLimits(
                invite: TimeAmount(settings.inviteLimit),
                nonInvite: TimeAmount(settings.otherLimit)
            )
        )
    }

    private static func policy(of settings: PoolSettingsEntry) -> HealthPolicy {
        var policy = HealthPolicy()
        policy.isProbing = settings.probe == .options
        policy.interval = TimeAmount(settings.interval)
        policy.jitter = Double(settings.jitterPercent) / 100
        policy.timeout = TimeAmount(settings.timeout)
        policy.fall = settings.fall
        policy.rise = settings.rise
        policy.acceptedStatuses = settings.acceptedStatuses.isEmpty ? nil : Set(settings.acceptedStatuses)
        policy.probeBeforeUse = settings.probeBeforeUse
        policy.ejectAfter = settings.ejection.consecutiveFailures
        policy.ejectShare = Double(settings.ejection.failurePercent) / 100
        policy.ejectMinimum = settings.ejection.minimumRequests
        policy.ejectTime = TimeAmount(settings.ejection.baseTime)
        policy.ejectLimit = TimeAmount(settings.ejection.maximumTime)
        policy.ejectedShareLimit = Double(settings.ejection.maximumPercent) / 100
        policy.retryAfterLimit = TimeAmount(settings.retryAfterLimit)
        policy.slowStart = TimeAmount(settings.slowStart)
        policy.retryInterval = min(policy.retryInterval, policy.interval)
        policy.downInterval = max(policy.interval, policy.retryInterval)
        return policy
    }
}
