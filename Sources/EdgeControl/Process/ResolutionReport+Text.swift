// SPDX-License-Identifier: Apache-2.0

/// The report as a tree: each question below the record that led to it.
extension ResolutionReport {
    /// The questions with their answers, what was left out and why, line by line.
    package var tree: [String] {
        var lines = [target]
        var shown: Set<Int> = []
        for index in queries.indices where !shown.contains(index) { show(index, depth: 1, &shown, &lines) }
        lines += notes.map { "left out: \($0)" } + passedOver.map { "passed over: \($0)" }
        if let problem, !candidates.isEmpty { lines.append("in part: \(problem)") }
        return lines
    }

    /// One line for each tier that was drawn from.
    package var verdicts: [String] {
        tiers.map { tier in
            let verdict = tier.verdict
            let place = "rank \(tier.rank) priority \(tier.priority): \(tier.draws) draws"
            guard verdict.degreesOfFreedom > 0 else { return "\(place), no choice" }
            return
                "\(place), chi-square \(Self.rounded(verdict.statistic)) with \(verdict.degreesOfFreedom) degrees of "
                + "freedom, critical value \(Self.rounded(verdict.criticalValue)) at 0.001: "
                + (verdict.held ? "held" : "NOT held")
        }
    }

    private func show(_ index: Int, depth: Int, _ shown: inout Set<Int>, _ lines: inout [String]) {
        guard shown.insert(index).inserted else { return }
        let query = queries[index]
        let indent = String(repeating: "  ", count: depth)
        let stale = query.isStale ? ", stale" : ""
        let source = query.server.isEmpty ? "no server" : query.server
        lines.append(
            "\(indent)\(query.question): \(query.outcome) (TTL left \(query.ttlLeft) s, from \(source), DNSSEC: "
                + "\(query.dnssec)\(query.reason.map { ", \($0)" } ?? "")\(stale))"
        )
        for record in query.records {
            lines.append("\(indent)  \(record.text)")
            for next in queries.indices where record.leadsTo.contains(queries[next].asked) {
                show(next, depth: depth + 2, &shown, &lines)
            }
        }
    }

    /// A number with two decimals.
    private static func rounded(_ value: Double) -> String {
        let hundredths = Int64((min(value, 1e15) * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
