// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Whether a domain has published SIPS services lately, so that their disappearance does not pass unseen (LOC-24, RFC
/// 3263 section 7).
package struct TLSMemory: Sendable, Hashable {
    package enum Change: Sendable, Hashable {
        case lost
        case returned
    }

    /// For how long after they were last published TLS is kept to.
    package static let length = TimeAmount.hours(24)

    private var publishedAt: NIODeadline?
    /// Whether they have disappeared, and not come back.
    package private(set) var isLost = false

    package init() {}

    /// Whether SIPS services were published within ``length``.
    package func holds(at now: NIODeadline) -> Bool { publishedAt.map { now < $0 + Self.length } ?? false }

    /// Takes what the latest answers say, nil for nothing; returns what has changed.
    package mutating func observe(_ isPublished: Bool?, now: NIODeadline) -> Change? {
        guard let isPublished else { return nil }
        if isPublished {
            publishedAt = now
            guard isLost else { return nil }
            isLost = false
            return .returned
        }
        guard publishedAt != nil, !isLost else { return nil }
        isLost = true
        return .lost
    }
}
