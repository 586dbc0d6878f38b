// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Telemetry
internal import Testing

@Suite("The metric catalogue")
struct CatalogueTests {
    /// `brana_` and words of lower case letters and digits; a counter ends in `_total` and nothing else does.
    @Test("Every name follows brana_<area>_<what>, and _total marks the counters")
    func names() {
        for metric in MetricCatalog.all {
            #expect(metric.name.wholeMatch(of: /brana(_[a-z][a-z0-9]*){2,}/) != nil, "\(metric.name)")
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            #expect(metric.kind != .histogram || metric.name.hasSuffix("_seconds"), "\(metric.name)")
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("\n"), "\(metric.name)")
        }
    }

    @Test("No two metrics share a name, and no metric has a label twice or the histogram's own")
    func unique() {
        #expect(Set(MetricCatalog.all.map(\.name)).count == MetricCatalog.all.count)
        for metric in MetricCatalog.all {
            let labels = metric.labels.map(\.name)
            #expect(Set(labels).count == labels.count && !labels.contains("le"), "\(metric.name)")
            #expect(metric.labels.allSatisfy { !$0.values.isEmpty }, "\(metric.name)")
        }
    }

    @Test("docs/METRICS.md lists exactly the catalogue, in its order")
    func documentation() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/METRICS.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `brana_") }.map(String.init)
        let expected = MetricCatalog.all.map(Self.row)
        #expect(rows == expected, "METRICS.md should have:\n\(expected.joined(separator: "\n"))")
    }

    private static func row(_ metric: Metric) -> String {
        let labels = metric.labels.map { "\($0.name): \($0.values)" }.joined(separator: "; ")
        return "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | \(metric.help) |"
    }
}
