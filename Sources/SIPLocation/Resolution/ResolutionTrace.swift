// SPDX-License-Identifier: Apache-2.0

/// One evaluation of a target: where it stands, and what was seen on the way.
package struct ResolutionTrace: Sendable, Hashable {
    package let step: ResolutionStep
    /// What is wrong with the records, or was left out for their number.
    package let notes: [String]
    /// Records that the rules leave aside, which is as it should be.
    package let passedOver: [String]
    /// Whether SIPS services are published; nil when that was not asked, or could not be.
    package let publishesTLS: Bool?
    /// Servers that DANE says not to connect to.
    package let skipped: Int
}
