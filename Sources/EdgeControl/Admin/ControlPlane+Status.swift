// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import EdgeTLS
internal import Foundation
internal import NIOCore
internal import SIPDNS
internal import SIPMessage
internal import SIPProxy

extension ControlPlane {
    /// Everything about the running edge at this moment.
    package func status() async throws -> StatusReport {
        let statistics = try await edge?.statistics() ?? []
        let dnsStatistics = try await dns.statistics().get()
        let now = Int64(Date().timeIntervalSince1970)
        return StatusReport(
            name: configuration.edge.name,
            version: BranaVersion.text,
            generation: generation,
            uptimeSeconds: Int((ContinuousClock.now - startedAt).components.seconds),
            workers: edge?.workerCount ?? 0,
            connections: edge?.connections ?? 0,
            transactions: statistics.reduce(0) { $0 + $1.transactions },
            isDraining: isDraining,
            reloads: .init(succeeded: reloads.succeeded, failed: reloads.failed, lastSucceeded: reloads.lastSucceeded),
            listeners: configuration.listeners.map { listener in
                .init(
                    name: listener.name,
                    address: "\(listener.address.hostText):\(listener.port)",
                    transport: listener.transport.name,
                    tls: listener.tls,
                    role: listener.role.rawValue
                )
            },
            pools: poolReports(statistics),
            certificates: checked.contexts.certificates.map { profile, summary in
                .init(profile: profile, subject: summary.subject, daysLeft: summary.daysLeft(now: now))
            },
            dns: .init(
                cacheEntries: dnsStatistics.cacheEntries,
                staleEntries: dnsStatistics.staleEntries,
                queries: dnsStatistics.queries
            )
        )
    }

    /// The pools in the order of the configuration.
    package func poolReports() async throws -> [PoolReport] {
        poolReports(try await edge?.statistics() ?? [])
    }

    private func poolReports(_ statistics: [WorkerStatistics]) -> [PoolReport] {
        let now = NIODeadline.now()
        return configuration.pools.compactMap { settings in
            guard let pool = pools[settings.name] else { return nil }
            let left = pool.expiresAt.map { Int(max(0, ($0 - now).nanoseconds) / 1_000_000_000) }
            return PoolReport(
                name: settings.name,
                target: settings.target,
                affinity: settings.affinity.rawValue,
                balance: settings.balance.rawValue,
                ttlLeft: left,
                isStale: pool.isStale,
                isPartial: pool.isPartial,
                problem: pool.failure,
                notes: pool.notes,
                refreshes: pool.refreshes,
                backends: backendReports(pool.state.view(now: now), pool.plans, statistics)
            )
        }
    }

    private func backendReports(
        _ view: PoolView,
        _ plans: [Endpoint: DANEPlan],
        _ statistics: [WorkerStatistics]
    ) -> [BackendReport] {
        let shares = view.shares()
        let counts = view.backends.map { backend -> WorkerCounters.BackendCounts in
            let target = BackendTarget(endpoint: backend.endpoint, pool: view.id)
            return statistics.reduce(into: .init()) { sum, worker in
                if let count = worker.counters.backends[target] { sum.merge(count) }
            }
        }
        let total = counts.reduce(0) { $0 + $1.answered }
        return view.backends.indices.map { index in
            let backend = view.backends[index]
            return BackendReport(
                id: "\(backend.endpoint)",
                name: backend.name,
                priority: backend.priority,
                weight: backend.weight,
                expectedShare: shares[index],
                share: total > 0 ? Double(counts[index].answered) / Double(total) : 0,
                requests: counts[index].answered,
                failures: counts[index].failed,
                health: backend.state.rawValue,
                reason: backend.reason,
                dane: plans[backend.endpoint]?.description
            )
        }
    }

    /// Whether requests can be served: listeners stand, and some pool has a usable backend (OVL-33).
    package func isReady() -> Bool {
        guard edge != nil, !isDraining else { return false }
        let now = NIODeadline.now()
        return pools.isEmpty || pools.values.contains { $0.state.view(now: now).hasUsable }
    }
}
