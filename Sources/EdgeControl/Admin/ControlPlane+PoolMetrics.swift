// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeRuntime
internal import NIOCore
internal import SIPProxy
internal import Telemetry

extension ControlPlane {
    func writePools(_ statistics: [WorkerStatistics], into page: inout PrometheusText) {
        let now = NIODeadline.now()
        let views = pools.values.map { $0.state.view(now: now) }.sorted { $0.name < $1.name }
        var states: [MetricSample] = []
        for view in views {
            for state in BackendState.allCases {
                let count = view.backends.count { $0.state == state }
                states.append(MetricSample([view.name, state.rawValue], .integer(Int64(count))))
            }
        }
        page.write(MetricCatalog.poolBackends, states)
        page.write(MetricCatalog.backendUp, Self.perBackend(views) { .integer($0.state == .up ? 1 : 0) })
        page.write(MetricCatalog.backendUsable, Self.perBackend(views) { .integer($0.isUsable ? 1 : 0) })
        page.write(MetricCatalog.backendWeight, Self.perBackend(views) { .integer(Int64($0.weight)) })
        page.write(MetricCatalog.backendEffectiveWeight, Self.perBackend(views) { .decimal($0.effectiveWeight) })
        let counts = Self.counts(statistics)
        page.write(
            MetricCatalog.backendAttempts,
            Self.perBackend(views) { backend in
                let count = counts[BackendTarget(endpoint: backend.endpoint, pool: backend.id.pool)]
                return .integer(Int64(clamping: (count?.answered ?? 0) &+ (count?.failed ?? 0)))
            }
        )
        page.write(
            MetricCatalog.probeResults,
            [
                MetricSample(["", "", "passed"], .integer(Int64(clamping: probes.passed))),
                MetricSample(["", "", "failed"], .integer(Int64(clamping: probes.failed))),
            ]
        )
    }

    private static func perBackend(_ views: [PoolView], _ value: (BackendView) -> MetricSample.Value) -> [MetricSample]
    {
        views.flatMap { view in view.backends.map { MetricSample([view.name, "\($0.endpoint)"], value($0)) } }
    }

    private static func counts(_ statistics: [WorkerStatistics]) -> [BackendTarget: WorkerCounters.BackendCounts] {
        statistics.reduce(into: [:]) { totals, worker in
            for (target, count) in worker.counters.backends {
                totals[target, default: .init()].answered &+= count.answered
                totals[target, default: .init()].failed &+= count.failed
            }
        }
    }
}
