// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// One server that a target resolves to, as it is published.
package struct LocatedServer: Sendable, Hashable {
    package let endpoint: Endpoint
    /// The SRV name whose record leads there; empty when none does.
    package let service: String
    /// The SRV target, or the host itself.
    package let name: String
    /// The place of its transport's NAPTR record among those in use; 0 without NAPTR.
    package let rank: UInt16
    package let priority: UInt16
    package let weight: UInt16
    /// The place of the address among those of one name.
    package let addressOrder: UInt8
    /// When the first of the records that lead there expires; nil for a literal address.
    package let expiresAt: NIODeadline?
    /// How it is authenticated by DANE; nil when the service domain alone is to be proved.
    package let dane: DANEPlan?
}

/// What a target resolves to now.
package struct LocatedTarget: Sendable, Hashable {
    package let servers: [LocatedServer]
    /// When the first record that was used expires; nil when none was (a literal address).
    package let expiresAt: NIODeadline?
    /// When the first of the answers that led here should be asked for again, failures among them; nil without any.
    package let refreshAt: NIODeadline?
    package let isStale: Bool
    /// What could not be asked, so that servers may be missing here that exist (LOC-57).
    package let unanswered: [UnansweredPart]
    /// Why the first of these could not be asked; nil when all could.
    package let problem: String?
    /// What was left out, and why.
    package let notes: [String]

    /// Whether something could not be asked.
    package var isPartial: Bool { problem != nil }
}

/// What the resolution of a target needs next, or came to.
package enum ResolutionStep: Sendable, Hashable {
    /// These must be answered first.
    case ask([DNSQuestion])
    case resolved(LocatedTarget)
    /// The target has no server: DNS says so.
    case absent(String)
    /// It could not be asked; what was known before should go on (LOC-57).
    case failed(String)
}
