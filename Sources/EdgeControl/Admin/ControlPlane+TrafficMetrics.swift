// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeRuntime
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

extension ControlPlane {
    func writeTraffic(_ statistics: [WorkerStatistics], into page: inout PrometheusText) {
        let requests = sums(statistics) { $0.requests }
        page.write(
            MetricCatalog.requests,
            Self.grouped(requests) { Self.label($0.method) }
        )
        page.write(MetricCatalog.responses, Self.responses(requests))
        page.write(
            MetricCatalog.failovers,
            Self.byName(sums(statistics) { $0.failovers }.map { ($0.key.rawValue, $0.value) })
        )
        page.write(
            MetricCatalog.transactions,
            [MetricSample(["server"], .integer(Int64(statistics.reduce(0) { $0 + $1.transactions })))]
        )
        page.write(
            MetricCatalog.malformed,
            Self.byName(sums(statistics) { $0.malformed }.map { ("\($0.key)", $0.value) })
        )
        page.write(
            MetricCatalog.dropped,
            Self.byName(sums(statistics) { $0.drops }.map { ($0.key.rawValue, $0.value) })
        )
        page.write(
            MetricCatalog.flowsActive,
            [
                MetricSample(["client"], .integer(Int64(statistics.reduce(0) { $0 + $1.clientFlows }))),
                MetricSample(["backend"], .integer(Int64(statistics.reduce(0) { $0 + $1.backendFlows }))),
            ]
        )
        page.write(
            MetricCatalog.flowTokenFailures,
            [MetricSample(["forged"], .integer(sum(statistics) { $0.counters.badTokens }))]
        )
        page.write(MetricCatalog.flowBytesReceived, value: sum(statistics) { $0.counters.bytesIn })
        page.write(MetricCatalog.flowBytesSent, value: sum(statistics) { $0.counters.bytesOut })
        page.write(MetricCatalog.limitHits, Self.byName(sums(statistics) { $0.limits }.map { ($0.key, $0.value) }))
        page.write(MetricCatalog.connectionsAccepted, value: sum(statistics) { $0.counters.accepted })
        page.write(MetricCatalog.connectionsRefused, value: sum(statistics) { $0.counters.refused })
        page.write(MetricCatalog.tlsHandshakes, value: sum(statistics) { $0.counters.handshakes })
        page.write(
            MetricCatalog.tlsFailures,
            Self.byName(sums(statistics) { $0.handshakeFailures }.map { ($0.key, $0.value) })
        )
    }

    private static func label(_ method: SIPMethod) -> String {
        method == .other ? "other" : "\(method.name)"
    }

    private static func grouped(
        _ requests: [WorkerCounters.RequestKey: UInt64],
        by label: (WorkerCounters.RequestKey) -> String
    ) -> [MetricSample] {
        var totals: [String: UInt64] = [:]
        for (key, value) in requests { totals[label(key), default: 0] &+= value }
        return byName(totals.map { ($0.key, $0.value) })
    }

    private static func responses(_ requests: [WorkerCounters.RequestKey: UInt64]) -> [MetricSample] {
        var totals: [[String]: UInt64] = [:]
        for (key, value) in requests where key.statusClass > 0 {
            totals[["\(key.statusClass)xx", key.isLocal ? "local" : "backend"], default: 0] &+= value
        }
        return totals.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { labels, value in
            MetricSample(labels, .integer(Int64(clamping: value)))
        }
    }

    static func byName(_ values: [(String, UInt64)]) -> [MetricSample] {
        values.sorted { $0.0 < $1.0 }.map { MetricSample([$0.0], .integer(Int64(clamping: $0.1))) }
    }
}
