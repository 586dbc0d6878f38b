// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import NIOCore
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

extension ControlPlane {
    func writePools(_ total: WorkerCounters, _ workers: [WorkerStatistics], into page: inout PrometheusText) {
        let views = poolViews()
        page.write(
            MetricCatalog.poolBackends,
            views.flatMap { view in
                var table = CounterTable<BackendStateLabel>()
                for backend in view.backends { table.increment(BackendStateLabel(backend.state)) }
                return table.samples([view.name])
            }
        )
        page.write(
            MetricCatalog.poolTruncated,
            views.map { MetricSample([$0.name], .integer(Int64($0.truncatedCount))) }
        )
        page.write(MetricCatalog.poolMembership, views.flatMap { counters(of: $0.name).membership.samples([$0.name]) })
        page.write(
            MetricCatalog.poolMajorityLosses,
            views.map { .count([$0.name], counters(of: $0.name).majorityLosses) }
        )
        writeCoreCounts(views, workers, into: &page)
        page.write(
            MetricCatalog.poolTLSLost,
            views.map { MetricSample([$0.name], .integer(pools[$0.name]?.tlsMemory.isLost == true ? 1 : 0)) }
        )
        page.write(
            MetricCatalog.poolUnasked,
            views.map { .count([$0.name], total.poolEvents[Int($0.id.index), .unasked]) }
        )
        page.write(MetricCatalog.poolDANE, views.flatMap { daneCounts(of: $0).samples([$0.name]) })
        page.write(MetricCatalog.probeResults, views.flatMap { counters(of: $0.name).probes.samples([$0.name]) })
        page.write(
            MetricCatalog.probeDuration,
            views.map { .histogram([$0.name], counters(of: $0.name).probeDurations) }
        )
    }

    /// The backends of a pool by what DANE makes of them; all 0 without it.
    private func daneCounts(of view: PoolView) -> CounterTable<DANELabel> {
        var table = CounterTable<DANELabel>()
        guard let pool = pools[view.name], pool.settings.dane != .off else { return table }
        let plans = pool.plans
        for backend in view.backends {
            guard let plan = plans[backend.endpoint] else {
                table.increment(DANELabel.none)
                continue
            }
            table.increment(plan.records.isEmpty ? .names : .tlsa)
        }
        table.add(UInt64(pool.skipped), to: .skipped)
        return table
    }

    /// What the workers' cores count by pool.
    private func writeCoreCounts(_ views: [PoolView], _ workers: [WorkerStatistics], into page: inout PrometheusText) {
        func write(_ metric: Metric, _ counts: (ProxyCounters) -> [PoolID: UInt64]) {
            page.write(
                metric,
                views.map { view in
                    .count([view.name], workers.reduce(0) { $0 &+ (counts($1.core)[view.id] ?? 0) })
                }
            )
        }
        write(MetricCatalog.poolPanics) { $0.panics }
        write(MetricCatalog.poolThrottles) { $0.throttles }
        write(MetricCatalog.poolOverloadAlarms) { $0.overloadAlarms }
        write(MetricCatalog.poolIgnoredFeedback) { $0.ignoredFeedback }
    }

    func writeBackends(_ total: WorkerCounters, _ workers: [WorkerStatistics], into page: inout PrometheusText) {
        let views = poolViews()
        func gauges(_ metric: Metric, _ value: (BackendView) -> MetricSample.Value) {
            page.write(metric, Self.perBackend(views) { [MetricSample($0, value($1))] })
        }
        func counts(_ backend: BackendView) -> WorkerCounters.BackendCounts {
            total.backends[backend.target] ?? .init()
        }
        gauges(MetricCatalog.backendUp) { .integer($0.state == .up ? 1 : 0) }
        gauges(MetricCatalog.backendUsable) { .integer($0.isUsable ? 1 : 0) }
        gauges(MetricCatalog.backendWeight) { .integer(Int64($0.weight)) }
        gauges(MetricCatalog.backendEffectiveWeight) { .decimal($0.effectiveWeight) }
        gauges(MetricCatalog.backendConnections) { backend in
            .integer(Int64(workers.reduce(0) { $0 + ($1.backendFlows[backend.target] ?? 0) }))
        }
        gauges(MetricCatalog.backendQueue) { backend in
            .integer(Int64(workers.reduce(0) { $0 + ($1.backendQueues[backend.target] ?? 0) }))
        }
        page.write(
            MetricCatalog.backendAttempts,
            Self.perBackend(views) { labels, backend in
                let counts = counts(backend)
                return [.count(labels, counts.answered &+ counts.failed)]
            }
        )
        page.write(MetricCatalog.backendFailures, Self.perBackend(views) { counts($1).failures.samples($0) })
        page.write(
            MetricCatalog.backendDuration,
            Self.perBackend(views) { [.histogram($0, counts($1).durations)] }
        )
        page.write(
            MetricCatalog.backendStateChanges,
            views.flatMap { view in
                let counters = counters(of: view.name)
                return Self.perBackend([view]) { counters.stateChanges(of: $1.endpoint).samples($0) }
            }
        )
    }

    /// The pools in the order of the configuration.
    private func poolViews() -> [PoolView] {
        let now = NIODeadline.now()
        return configuration.pools.compactMap { pools[$0.name]?.state.view(now: now) }
    }

    private static func perBackend(
        _ views: [PoolView],
        _ samples: (_ labels: [String], BackendView) -> [MetricSample]
    ) -> [MetricSample] {
        views.flatMap { view in view.backends.flatMap { samples([view.name, "\($0.endpoint)"], $0) } }
    }
}

extension BackendView {
    fileprivate var target: BackendTarget { BackendTarget(endpoint: endpoint, pool: id.pool) }
}
