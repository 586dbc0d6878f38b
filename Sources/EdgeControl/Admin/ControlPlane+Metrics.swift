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
        let statistics = try await edge?.statistics() ?? []
        let dnsStatistics = try await dns.statistics().get()
        var page = PrometheusText()
        writeEdge(into: &page)
        writeTraffic(statistics, into: &page)
        writePools(statistics, into: &page)
        page.write(
            MetricCatalog.dnsQueries,
            dnsStatistics.queries.sorted { $0.key < $1.key }.map {
                MetricSample([$0.key], .integer(Int64(clamping: $0.value)))
            }
        )
        page.write(MetricCatalog.dnsCacheEntries, value: Int64(dnsStatistics.cacheEntries))
        page.write(MetricCatalog.dnsStaleEntries, value: Int64(dnsStatistics.staleEntries))
        return page.text
    }

    private func writeEdge(into page: inout PrometheusText) {
        page.write(MetricCatalog.edgeInfo, [MetricSample([BranaVersion.text, configuration.edge.name], .integer(1))])
        page.write(MetricCatalog.edgeUptime, value: (ContinuousClock.now - startedAt).components.seconds)
        page.write(MetricCatalog.edgeGeneration, value: Int64(clamping: generation))
        page.write(MetricCatalog.edgeWorkers, value: Int64(edge?.workerCount ?? 0))
        page.write(MetricCatalog.edgeDraining, value: isDraining ? 1 : 0)
        page.write(
            MetricCatalog.edgeReloads,
            [
                MetricSample(["success"], .integer(Int64(clamping: reloads.succeeded))),
                MetricSample(["failure"], .integer(Int64(clamping: reloads.failed))),
            ]
        )
        page.write(MetricCatalog.edgeLastReloadSuccess, value: reloads.lastSucceeded ? 1 : 0)
        let now = Int64(Date().timeIntervalSince1970)
        page.write(
            MetricCatalog.tlsCertificateDays,
            contexts.certificates.map { profile, summary in
                MetricSample([profile], .integer(Int64(summary.daysLeft(now: now))))
            }
        )
    }
}

/// Sums one number over workers.
func sum(_ statistics: [WorkerStatistics], _ number: (WorkerStatistics) -> UInt64) -> Int64 {
    Int64(clamping: statistics.reduce(UInt64(0)) { $0 &+ number($1) })
}

/// Sums counters by key over workers.
func sums<Key: Hashable>(
    _ statistics: [WorkerStatistics],
    _ counters: (WorkerCounters) -> [Key: UInt64]
) -> [Key: UInt64] {
    statistics.reduce(into: [:]) { sums, worker in
        for (key, value) in counters(worker.counters) { sums[key, default: 0] &+= value }
    }
}
