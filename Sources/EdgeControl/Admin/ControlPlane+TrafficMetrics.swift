// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeRuntime
internal import SIPProxy
internal import Telemetry

extension ControlPlane {
    func writeTraffic(_ total: WorkerCounters, _ workers: [WorkerStatistics], into page: inout PrometheusText) {
        writeRequests(total, into: &page)
        page.write(MetricCatalog.responses, Self.responses(workers))
        page.write(
            MetricCatalog.requestDuration,
            [
                .histogram([RequestKindLabel.invite.label], total.inviteDurations),
                .histogram([RequestKindLabel.nonInvite.label], total.otherDurations),
            ]
        )
        page.write(MetricCatalog.failovers, Self.failovers(workers))
        page.write(MetricCatalog.nextHopFailures, Self.nextHopFailures(workers))
        page.write(MetricCatalog.suspicions, [.count([], workers.reduce(0) { $0 &+ $1.suspicions })])
        page.write(
            MetricCatalog.transactions,
            [
                Self.gauge([TransactionLabel.server.label], workers, \.transactions),
                Self.gauge([TransactionLabel.client.label], workers, \.clientTransactions),
            ]
        )
        page.write(MetricCatalog.timersActive, [Self.gauge([], workers, \.timers)])
        page.write(MetricCatalog.timersFired, Self.timers(workers))
        page.write(MetricCatalog.malformed, total.malformed.samples())
        page.write(MetricCatalog.dropped, total.drops.samples())
        page.write(MetricCatalog.rememberedRequests, [Self.gauge([], workers, \.memory.count)])
        let forgotten = workers.reduce(UInt64(0)) { $0 &+ $1.memory.forgotten }
        page.write(MetricCatalog.forgottenRequests, [.count([], forgotten)])
        let snapshots = workers.reduce(UInt64(0)) { $0 &+ $1.memory.forgottenSnapshots }
        page.write(MetricCatalog.forgottenSnapshots, [.count([], snapshots)])
        page.write(
            MetricCatalog.flowsActive,
            [
                Self.gauge([SideLabel.client.label], workers, \.clientFlows),
                Self.gauge([SideLabel.backend.label], workers) { $0.backendFlows.values.reduce(0, +) },
            ]
        )
        let gone = workers.reduce(UInt64(0)) { $0 &+ $1.core.goneFlows }
        page.write(
            MetricCatalog.flowTokenFailures,
            [
                .count([TokenFailureLabel.forged.label], total.forgedTokens),
                .count([TokenFailureLabel.flowGone.label], gone),
            ]
        )
        page.write(MetricCatalog.flowBytesReceived, total.bytesIn.samples())
        page.write(MetricCatalog.flowBytesSent, total.bytesOut.samples())
        page.write(MetricCatalog.flowAliases, [Self.gauge([], workers, \.aliases)])
        page.write(MetricCatalog.aliasedRequests, [.count([], total.aliasedRequests)])
    }

    private func writeRequests(_ total: WorkerCounters, into page: inout PrometheusText) {
        var known = numbers
        let pools: [(name: String, number: UInt16?)] =
            [("", nil)] + configuration.pools.map { ($0.name, known.pool($0.name)) }
        page.write(
            MetricCatalog.requests,
            pools.flatMap { pool -> [MetricSample] in
                let row = WorkerCounters.requestRow(pool.number)
                return MethodLabel.allCases.map { .count([$0.label, pool.name], total.requests[row, $0]) }
            }
        )
    }

    private static func responses(_ workers: [WorkerStatistics]) -> [MetricSample] {
        ResponseClassLabel.allCases.flatMap { kind -> [MetricSample] in
            let relayed = workers.reduce(UInt64(0)) { $0 &+ $1.core.relayedResponses[kind.rawValue] }
            let own = workers.reduce(UInt64(0)) { $0 &+ $1.core.ownResponses[kind.rawValue] }
            return [
                .count([kind.label, OriginLabel.backend.label], relayed),
                .count([kind.label, OriginLabel.local.label], own),
            ]
        }
    }

    private static func failovers(_ workers: [WorkerStatistics]) -> [MetricSample] {
        var table = CounterTable<AttemptFailureLabel>()
        for worker in workers {
            for (failure, count) in worker.core.failovers { table.add(count, to: AttemptFailureLabel(failure)) }
        }
        return table.samples()
    }

    /// The core numbers these failures as the catalogue does.
    private static func nextHopFailures(_ workers: [WorkerStatistics]) -> [MetricSample] {
        NextHopFailureLabel.allCases.map { reason in
            .count([reason.label], workers.reduce(0) { $0 &+ $1.core.nextHopFailures[reason.rawValue] })
        }
    }

    /// The core numbers its timers as the catalogue does.
    private static func timers(_ workers: [WorkerStatistics]) -> [MetricSample] {
        TimerLabel.allCases.map { timer in
            .count([timer.label], workers.reduce(0) { $0 &+ $1.core.timers[timer.rawValue] })
        }
    }

    private static func gauge(
        _ labels: [String],
        _ workers: [WorkerStatistics],
        _ number: (WorkerStatistics) -> Int
    ) -> MetricSample {
        MetricSample(labels, .integer(Int64(workers.reduce(0) { $0 + number($1) })))
    }
}
