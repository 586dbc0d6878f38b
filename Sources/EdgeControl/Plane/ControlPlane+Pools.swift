// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import Logging
internal import NIOCore
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// Pools: their members from DNS, ahead of expiry, and what traffic and probes tell of them.
extension ControlPlane {
    /// Adds a pool.
    func addPool(_ settings: PoolSettingsEntry) throws {
        let target = try SIPTarget(settings.target)
        let id = PoolID(index: numbers.pool(settings.name))
        pools[settings.name] = ManagedPool(settings: settings, target: target, id: id)
    }

    /// Resolves every pool that has no backends yet, and waits no longer than `limit` (LOC-62).
    func resolveAll(within limit: Duration) async {
        let waiting = pools.values.filter { $0.state.membership.publishedCount == 0 }.map(\.settings.name)
        _ = await SideBySide.results(of: waiting, within: limit) { await self.refresh($0) }
        for name in waiting { noteEmptiness(name) }
    }

    /// Keeps a pool true until it is cancelled: resolves again when the first of its answers is due to be renewed (LOC-62).
    func watch(_ pool: ManagedPool) {
        let name = pool.settings.name
        watchBackends(of: pool)
        pool.refreshTask?.cancel()
        pool.refreshTask = Task { [weak self] in
            while !Task.isCancelled {
                guard let delay = await self?.refreshDelay(name) else { return }
                try? await Task.sleep(for: delay)
                if Task.isCancelled { return }
                await self?.refresh(name)
            }
        }
    }

    private func refreshDelay(_ name: String) -> Duration? {
        guard let pool = pools[name] else { return nil }
        return pool.refreshes == 0 ? .seconds(1) : RefreshTime.delay(until: pool.refreshAt, now: .now())
    }

    /// Resolves a pool's target once and takes what has changed.
    func refresh(_ name: String) async {
        guard let pool = pools[name] else { return }
        let asked = NIODeadline.now()
        let policy = pool.resolutionPolicy(host, ownListeners, now: asked)
        let changes = resolverChanges
        let outcome = try? await resolver.resolve(pool.target, policy: policy, awaitingRenewal: true)
        // What was asked by other rules, or of others, is asked again.
        guard let outcome, pools[name] === pool, changes == resolverChanges,
            policy == pool.resolutionPolicy(host, ownListeners, now: asked)
        else { return }
        take(PoolAnswer(pool.target, policy: policy, known: outcome.known), into: pool)
        countRefresh(of: pool, took: .now() - asked)
    }

    func countRefresh(of pool: ManagedPool, took duration: TimeAmount) {
        let name = pool.settings.name
        pool.refreshes += 1
        poolCounters[name, default: PoolCounters()].refreshDurations.record(nanoseconds: duration.nanoseconds)
        poolCounters[name, default: PoolCounters()].refreshes
            .increment(pool.failure == nil && !pool.isRefreshFailing ? .success : .failure)
    }

    /// Makes what a pool's target resolves to its membership; where it could not be asked, backends stay until they have
    /// not been heard of for too long (LOC-57, LOC-61).
    func take(_ answer: PoolAnswer, into pool: ManagedPool) {
        if answer.isAnswered { pool.known = answer.known }
        if !answer.isUnfinished {
            noteRecords(answer.trace.notes, of: pool)
            pool.skipped = answer.trace.skipped
        }
        noteTLS(answer.trace.publishesTLS, of: pool)
        // What nobody answered in time is asked again soon.
        pool.refreshAt = answer.isUnfinished && answer.known.isEmpty ? .now() + .seconds(1) : answer.refreshAt
        let problem = answer.problem
        noteRenewal(answer, of: pool)
        switch answer.trace.step {
        case .resolved(let located):
            pool.expiresAt = answer.expiresAt
            (pool.isStale, pool.isPartial) = (located.isStale, located.isPartial)
            if let problem { noteFailure(problem, of: pool) } else { pool.failure = nil }
            apply(answer, to: pool, because: "DNS")
        case .absent:
            // An answer, and the end of everything stale (LOC-61).
            pool.failure = problem
            (pool.isStale, pool.isPartial) = (false, false)
            pool.expiresAt = answer.expiresAt
            apply(answer, to: pool, because: problem ?? "")
        case .failed, .ask:
            noteFailure(problem ?? "", of: pool)
            let hasExpired = pool.expiresAt.map { $0 <= .now() } ?? false
            apply(answer, to: pool, because: problem ?? "")
            pool.isStale = hasExpired && pool.state.membership.publishedCount > 0
        }
    }

    /// A server as a pool takes it.
    static func candidate(_ server: LocatedServer, domain: String) -> BackendCandidate {
        var candidate = BackendCandidate(
            endpoint: server.endpoint,
            service: server.service,
            name: server.name,
            referenceDomain: domain,
            priority: server.priority,
            weight: server.weight,
            rank: server.rank,
            addressOrder: server.addressOrder,
            expiresAt: server.expiresAt
        )
        candidate.dane = server.dane
        return candidate
    }

    private func apply(_ answer: PoolAnswer, to pool: ManagedPool, because reason: String) {
        let change = answer.apply(
            to: &pool.state,
            stale: TimeAmount(configuration.resolver.stale),
            isTLSLost: pool.tlsMemory.isLost,
            now: .now()
        )
        poolCounters[pool.settings.name, default: PoolCounters()].count(change)
        guard !change.isEmpty else { return }
        if change.lostMajority { noteLoss(change, of: pool, because: reason) }
        logger.notice(
            "pool changed",
            metadata: [
                "pool": "\(pool.settings.name)", "added": "\(change.added.count)",
                "reweighted": "\(change.reweighted.count)",
                "draining": "\(change.draining.count)", "returned": "\(change.returned.count)", "reason": "\(reason)",
            ]
        )
        noteUse(of: pool, because: reason)
        watchBackends(of: pool)
        publish()
    }

    /// Takes what a worker has learnt by sending.
    func observed(_ batch: [BackendObservation]) {
        let now = NIODeadline.now()
        var changed = false
        for observation in batch {
            guard let id = observation.target.pool, let pool = pools.values.first(where: { $0.state.id == id }) else {
                continue
            }
            let summary = Self.summary(observation)
            if let change = pool.state.observe(traffic: summary, of: observation.target.endpoint, now: now) {
                note(change, in: pool)
                changed = true
            }
        }
        if changed { publish() }
    }

    private static func summary(_ observation: BackendObservation) -> TrafficSummary {
        var summary = TrafficSummary()
        for _ in 0..<min(observation.successes, 10_000) { summary.record(.answered(status: 200)) }
        for _ in 0..<min(observation.failures, 10_000) {
            switch observation.failure {
            case .refused: summary.record(.failed(.refused))
            case .connectTimeout: summary.record(.failed(.connectTimeout))
            case .tls: summary.record(.failed(.tls))
            case .timeout: summary.record(.failed(.timeout))
            case .closed: summary.record(.failed(.closed))
            case .status:
                let hold = observation.retryAfter.map { TimeAmount.seconds(Int64($0)) }
                summary.record(.answered(status: 503, retryAfter: hold))
            case .queueFull, .flowGone, nil: continue
            }
        }
        return summary
    }
}
