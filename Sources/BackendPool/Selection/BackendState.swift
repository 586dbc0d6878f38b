// SPDX-License-Identifier: Apache-2.0

/// What a backend is good for at present, as one word for output and metrics.
package enum BackendState: String, Sendable, Hashable, CaseIterable {
    /// In use.
    case up
    /// Found unusable by probes or by traffic.
    case down
    /// Not judged yet.
    case unknown
    /// Takes no new dialogs: the operator drains it, or DNS no longer names it.
    case draining
    /// Taken out for a while after failures of live traffic (LOC-50).
    case ejected
    /// Taken out by the operator at once.
    case disabled
    /// Asked to be left alone for a time, by 503 with Retry-After (LOC-49).
    case held
}
