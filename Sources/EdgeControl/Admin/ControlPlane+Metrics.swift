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
internal import Telemetry

extension ControlPlane {
    /// The page of `/metrics`, in Prometheus text.
    package func metrics() async throws -> String {
        let workers = try await edge?.statistics() ?? []
        let dnsStatistics = try await dns.statistics().get()
        let total = workers.reduce(into: WorkerCounters()) { $0.merge($1.counters) }
        var page = PrometheusText()
        writeEdge(workers, into: &page)
        writeListeners(total, into: &page)
        writeTLS(total, into: &page)
        writeTraffic(total, workers, into: &page)
        writePools(total, workers, into: &page)
        writeBackends(total, workers, into: &page)
        writeDNS(dnsStatistics, into: &page)
        page.write(MetricCatalog.limitHits, total.limits.samples())
        page.write(MetricCatalog.trackedSources, value: Int64(workers.map(\.knownSources).max() ?? 0))
        page.write(MetricCatalog.bannedSources, value: Int64(workers.map(\.bannedSources).max() ?? 0))
        page.write(MetricCatalog.displacedSources, [.count([], workers.reduce(0) { $0 &+ $1.displacedSources })])
        page.write(MetricCatalog.requestLinesDropped, value: Int64(clamping: requestLog.dropped))
        page.write(MetricCatalog.connectionLinesDropped, value: Int64(clamping: connectionLog.dropped))
        return page.text
    }

    private func writeEdge(_ workers: [WorkerStatistics], into page: inout PrometheusText) {
        page.write(MetricCatalog.edgeInfo, [MetricSample([BranaVersion.text, configuration.edge.name], .integer(1))])
        page.write(MetricCatalog.edgeUptime, value: (ContinuousClock.now - startedAt).components.seconds)
        page.write(MetricCatalog.edgeGeneration, value: Int64(clamping: generation))
        page.write(MetricCatalog.edgeWorkers, value: Int64(edge?.workerCount ?? 0))
        page.write(MetricCatalog.edgeDraining, value: isDraining ? 1 : 0)
        page.write(
            MetricCatalog.edgeReloads,
            [
                .count([ResultLabel.success.label], reloads.succeeded),
                .count([ResultLabel.failure.label], reloads.failed),
            ]
        )
        page.write(MetricCatalog.edgeLastReloadSuccess, value: reloads.lastSucceeded ? 1 : 0)
        let lag = workers.map(\.lag.nanoseconds).max() ?? 0
        page.write(MetricCatalog.edgeLoopLag, [MetricSample([], .decimal(Double(lag) / 1e9))])
        page.write(MetricCatalog.edgeOverloadedWorkers, value: Int64(workers.count { $0.isOverloaded }))
        let asked = workers.map(\.reportedPercent).max() ?? 0
        page.write(MetricCatalog.edgeAskedReduction, [MetricSample([], .decimal(Double(asked) / 100))])
    }

    /// A listener that moved to another address in a reload goes on under its name.
    private func writeListeners(_ total: WorkerCounters, into page: inout PrometheusText) {
        func perListener(_ count: (Int) -> UInt64) -> [MetricSample] {
            configuration.listeners.map { settings in
                .count([settings.name], numbers.listeners(named: settings.name).reduce(0) { $0 &+ count($1) })
            }
        }
        page.write(MetricCatalog.connectionsAccepted, perListener { total.connections[$0, .accepted] })
        page.write(
            MetricCatalog.connectionsActive,
            perListener { total.connections[$0, .accepted] &- total.connections[$0, .closed] }
        )
        page.write(
            MetricCatalog.listenerNameAstray,
            configuration.listeners.map { MetricSample([$0.name], .integer(astrayNames[$0.name] == nil ? 0 : 1)) }
        )
        page.write(
            MetricCatalog.connectionsRefused,
            configuration.listeners.flatMap { settings in
                var refusals = CounterTable<RefusalLabel>()
                for number in numbers.listeners(named: settings.name) { refusals.merge(total.refusals[number]) }
                return refusals.samples([settings.name])
            }
        )
    }

    private func writeTLS(_ total: WorkerCounters, into page: inout PrometheusText) {
        page.write(MetricCatalog.tlsHandshakes, total.handshakes.samples())
        page.write(MetricCatalog.tlsResumptions, total.resumptions.samples())
        page.write(MetricCatalog.tlsFailures, total.handshakeFailures.samples())
        page.write(MetricCatalog.tlsConnectionFailures, total.tlsFailures.samples())
        page.write(
            MetricCatalog.tlsHandshakeDuration,
            [
                .histogram([SideLabel.client.label], total.clientHandshakeDurations),
                .histogram([SideLabel.backend.label], total.backendHandshakeDurations),
            ]
        )
        let now = Int64(Date().timeIntervalSince1970)
        var days: [String: Int64] = [:]
        for (profile, summary) in checked.contexts.certificates {
            days[profile] = min(days[profile] ?? .max, Int64(summary.daysLeft(now: now)))
        }
        page.write(
            MetricCatalog.tlsCertificateDays,
            days.sorted { $0.key < $1.key }.map { MetricSample([$0.key], .integer($0.value)) }
        )
        page.write(
            MetricCatalog.tlsRevocationListSeconds,
            checked.contexts.revocationEnds.map { MetricSample([$0.profile], .integer($0.end &- now)) }
        )
        page.write(
            MetricCatalog.tlsStapleFetches,
            [
                .count([ResultLabel.success.label], stapling.fetched),
                .count([ResultLabel.failure.label], stapling.failed),
            ]
        )
        page.write(
            MetricCatalog.tlsStapleSeconds,
            stapleSeconds(now: now).map { MetricSample([$0.file], .integer($0.seconds)) }
        )
    }

    private func writeDNS(_ statistics: DNSClient.Statistics, into page: inout PrometheusText) {
        page.write(
            MetricCatalog.dnsQueries,
            DNSOutcomeLabel.allCases.map { .count([$0.label], statistics.queries[$0.label] ?? 0) }
        )
        page.write(MetricCatalog.dnsCacheEntries, value: Int64(statistics.cacheEntries))
        page.write(MetricCatalog.dnsStaleEntries, value: Int64(statistics.staleEntries))
        page.write(MetricCatalog.dnsServersResting, value: Int64(statistics.restingServers))
        let pools = configuration.pools.map(\.name)
        page.write(MetricCatalog.dnsRefreshes, pools.flatMap { counters(of: $0).refreshes.samples([$0]) })
        page.write(
            MetricCatalog.dnsRefreshDuration,
            pools.map { .histogram([$0], counters(of: $0).refreshDurations) }
        )
    }

    /// What was counted of a pool so far.
    func counters(of pool: String) -> PoolCounters { poolCounters[pool] ?? PoolCounters() }
}

extension MetricSample {
    static func count(_ labels: [String], _ value: UInt64) -> MetricSample {
        MetricSample(labels, .integer(Int64(clamping: value)))
    }

    static func histogram(_ labels: [String], _ value: BucketHistogram) -> MetricSample {
        MetricSample(labels, .histogram(value.snapshot))
    }
}
