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
    var isStale = false
    /// Why the latest resolution gave nothing, if it did.
    var failure: String?
    var refreshes: UInt64 = 0
    var refreshTask: Task<Void, Never>?
    var probeTasks: [Endpoint: Task<Void, Never>] = [:]

    init(settings: PoolSettingsEntry, target: SIPTarget, id: PoolID) {
        self.settings = settings
        self.target = target
        state = PoolState(
            id: id,
            settings: Self.view(of: settings, target),
            policy: Self.policy(of: settings)
        )
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

    var resolutionPolicy: ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.transports = policy.transports.filter { settings.transports.contains($0) }
        if case .address = target.host {
            policy.allowsLoopback = true
        } else {
            policy.allowsLoopback = settings.allowsLoopback
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
        policy.timeout = TimeAmount(settings.timeout)
        policy.fall = settings.fall
        policy.rise = settings.rise
        policy.slowStart = TimeAmount(settings.slowStart)
        policy.retryInterval = min(policy.retryInterval, policy.interval)
        policy.downInterval = max(policy.interval, policy.retryInterval)
        return policy
    }
}
