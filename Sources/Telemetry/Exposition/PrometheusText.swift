// SPDX-License-Identifier: Apache-2.0

/// Writes Prometheus' text exposition format, version 0.0.4.
package struct PrometheusText: Sendable {
    /// The value of Content-Type.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What has been written.
    package private(set) var text = ""

    package init() {}

    /// Writes a metric with all of its time series; the format wants them together and each metric once.
    package mutating func write(_ metric: Metric, _ samples: [MetricSample]) {
        text += "# HELP \(metric.name) \(Self.escaped(metric.help, quotes: false))\n"
        text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n"
        for sample in samples {
            let labels = Self.pairs(metric, sample.labels)
            switch sample.value {
            case .integer(let value): line(metric.name, labels, "\(value)")
            case .decimal(let value): line(metric.name, labels, Self.number(value))
            case .histogram(let histogram): write(metric.name, labels, histogram)
            }
        }
    }

    /// Writes a metric that has no labels.
    package mutating func write(_ metric: Metric, value: Int64) {
        write(metric, [MetricSample([], .integer(value))])
    }

    private mutating func write(_ name: String, _ labels: [String], _ histogram: HistogramSnapshot) {
        for (bound, count) in zip(histogram.bounds, histogram.cumulativeCounts) {
            line(name + "_bucket", labels + ["le=\"\(Self.number(bound))\""], "\(count)")
        }
        line(name + "_bucket", labels + ["le=\"+Inf\""], "\(histogram.count)")
        line(name + "_sum", labels, Self.number(histogram.sum))
        line(name + "_count", labels, "\(histogram.count)")
    }

    private mutating func line(_ name: String, _ labels: [String], _ value: String) {
        text += name
        if !labels.isEmpty { text += "{" + labels.joined(separator: ",") + "}" }
        text += " \(value)\n"
    }

    /// `name="value"` for each label of the metric; one that the sample lacks is empty, which means the same as absent.
    private static func pairs(_ metric: Metric, _ values: [String]) -> [String] {
        metric.labels.enumerated().map { place, label in
            let value = place < values.count ? values[place] : ""
            return "\(label.name)=\"\(escaped(value, quotes: true))\""
        }
    }

    /// Backslash and line feed are escaped everywhere, the quotation mark inside label values.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
