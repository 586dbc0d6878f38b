// SPDX-License-Identifier: Apache-2.0

/// One time series' value at the time of the scrape.
package struct MetricSample: Sendable, Hashable {
    /// What a metric's value can be.
    package enum Value: Sendable, Hashable {
        case integer(Int64)
        case decimal(Double)
        case histogram(HistogramSnapshot)
    }

    /// The values of the metric's labels, in its order.
    package let labels: [String]
    package let value: Value

    package init(_ labels: [String] = [], _ value: Value) {
        self.labels = labels
        self.value = value
    }
}
