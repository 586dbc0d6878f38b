// SPDX-License-Identifier: Apache-2.0

/// How one backend is chosen among the usable ones of the same priority.
package enum SelectionAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// By weight, as RFC 2782 draws.
    case srv
}
