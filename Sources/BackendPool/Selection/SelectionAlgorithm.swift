// SPDX-License-Identifier: Apache-2.0

/// How one backend is chosen among the usable ones of the same priority, where no affinity decides: `balance`.
package enum SelectionAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// By weight, as RFC 2782 draws.
    case srv
    /// Of two drawn by weight, the one with fewer attempts under way for its weight.
    case leastOutstanding = "least-outstanding"
    /// Of two drawn by weight, the one that promises to answer sooner: response time times what is under way.
    case latency

    /// Whether the load of backends is asked for.
    package var comparesLoad: Bool { self != .srv }
}
