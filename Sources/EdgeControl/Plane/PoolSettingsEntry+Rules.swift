// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import EdgeTLS
internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// The settings of a pool as the rules that its parts work by.
extension PoolSettingsEntry {
    /// By what rules the target is resolved on this host.
    func resolutionPolicy(
        _ host: HostNetwork,
        _ own: OwnListeners,
        memory: TLSMemory,
        now: NIODeadline
    ) -> ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.transports = transports
        policy.failover = naptrFailover
        policy.allowsDowngrade = allowsDowngrade
        policy.tlsLoss = memory.holds(at: now) ? tlsLoss : .ignore
        policy.dane = dane
        policy.allowsLoopback = allowsLoopback
        policy.ownListeners = own
        policy.sendsFromListeners = true
        switch families {
        case .auto:
            host.chooseFamilies(&policy)
        case .ipv4: policy.usesIPv6 = false
        case .ipv6: policy.usesIPv4 = false
        case .preferIPv4: policy.prefersIPv6 = false
        case .preferIPv6: policy.prefersIPv6 = true
        }
        return policy
    }

    /// What the data plane is told of the pool beside its backends.
    func view(of target: SIPTarget) -> PoolSettings {
        PoolSettings(
            name: name,
            targetText: self.target,
            referenceDomain: target.referenceDomain,
            tlsProfileName: tls,
            affinity: AffinityPolicy(rawValue: affinity.rawValue) ?? .none,
            algorithm: SelectionAlgorithm(rawValue: balance.rawValue) ?? .srv,
            firstResponse: FirstResponseLimits(
                invite: TimeAmount(inviteLimit),
                nonInvite: TimeAmount(otherLimit)
            )
        )
    }

    /// How connections to its backends are opened, for requests and for probes.
    ///
    /// - Parameters:
    ///   - domain: what their certificates must prove.
    ///   - plans: how those are authenticated to which DANE applies.
    func backendSetup(
        _ domain: String?,
        _ contexts: TLSContexts,
        _ plans: [Endpoint: DANEPlan]
    ) -> BackendSetup {
        let context = tls.flatMap { contexts.clients[$0] } ?? contexts.standard
        var setup = BackendSetup(
            tls: context,
            serverName: domain,
            verifiesName: verifyName,
            acceptsWildcards: acceptsWildcards,
            connections: connections,
            queue: queue
        )
        setup.answersKeepAlive = answersKeepAlive
        setup.sendsProxyProtocol = sendsProxyProtocol
        setup.alternativeNames = verifyNames
        setup.plans = dane == .off ? [:] : plans
        if connectionReuse != .never, let tls { setup.aliases = .of(profile: tls) }
        return setup
    }

    /// What is known of the pool's backends by these settings, `former` being what was known before, if it was of the same
    /// name.
    func state(of target: SIPTarget, id: PoolID, former: ManagedPool?) -> PoolState {
        let view = view(of: target)
        guard let former else { return PoolState(id: id, settings: view, policy: healthPolicy) }
        guard former.target == target else {
            return former.state.retargeted(settings: view, policy: healthPolicy, now: .now())
        }
        var state = former.state
        state.reconfigure(settings: view, policy: healthPolicy)
        return state
    }

    /// By what rules backends are judged.
    var healthPolicy: HealthPolicy {
        var policy = HealthPolicy()
        policy.isProbing = probe == .options
        policy.interval = TimeAmount(interval)
        policy.jitter = Double(jitterPercent) / 100
        policy.timeout = TimeAmount(timeout)
        policy.fall = fall
        policy.rise = rise
        policy.acceptedStatuses = acceptedStatuses.isEmpty ? nil : Set(acceptedStatuses)
        policy.probeBeforeUse = probeBeforeUse
        policy.ejectAfter = ejection.consecutiveFailures
        policy.ejectShare = Double(ejection.failurePercent) / 100
        policy.ejectMinimum = ejection.minimumRequests
        policy.ejectTime = TimeAmount(ejection.baseTime)
        policy.ejectLimit = TimeAmount(ejection.maximumTime)
        policy.ejectedShareLimit = Double(ejection.maximumPercent) / 100
        policy.retryAfterLimit = TimeAmount(retryAfterLimit)
        policy.slowStart = TimeAmount(slowStart)
        policy.retryInterval = min(policy.retryInterval, policy.interval)
        policy.downInterval = max(policy.interval, policy.retryInterval)
        return policy
    }
}
