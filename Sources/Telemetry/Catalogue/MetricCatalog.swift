// SPDX-License-Identifier: Apache-2.0

/// Every metric that Brana exports; the name, type, help and labels of each are here and nowhere else.
///
/// Whoever counts refers to an entry; `docs/METRICS.md` lists the same and a test compares the two.
package enum MetricCatalog {
    /// All of them in the order of the exposition.
    package static let all: [Metric] = edge + listener + tls + proxy + flow + pool + backend + probe + dns + limit + log
}
