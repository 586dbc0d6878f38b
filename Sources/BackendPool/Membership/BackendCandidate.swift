// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What DNS publishes of one backend: an address of an SRV target with the record's priority and weight.
package struct BackendCandidate: Sendable, Hashable {
    package var endpoint: Endpoint
    /// The SRV name whose record leads there; empty when none does.
    package var service: String
    /// The SRV target that the address belongs to; a literal address writes itself.
    package var name: String
    /// The domain that a certificate must be for: what was asked for, never what SRV answered (RFC 5922 section 4).
    package var referenceDomain: String
    /// Which of the acceptable NAPTR records led here, 0 the first; a later one serves when earlier ones fail (LOC-16).
    package var rank: UInt16
    /// RFC 2782: the lowest number is tried first.
    package var priority: UInt16
    /// RFC 2782: the share of the SRV target, however many addresses it has, among the targets of one priority.
    package var weight: UInt16
    /// The order among one target's addresses, 0 first (RFC 6724 decides it); equal ones take turns (LOC-41, LOC-45).
    package var addressOrder: UInt8
    /// When the first of the records that say so expires; nil for never.
    package var expiresAt: NIODeadline?
    /// How it is authenticated by DANE; nil when the reference domain alone is to be proved.
    package var dane: DANEPlan?

    package init(
        endpoint: Endpoint,
        service: String = "",
        name: String,
        referenceDomain: String,
        priority: UInt16 = 0,
        weight: UInt16 = 0,
        rank: UInt16 = 0,
        addressOrder: UInt8 = 0,
        expiresAt: NIODeadline? = nil
    ) {
        self.endpoint = endpoint
        self.service = service
        self.name = name
        self.referenceDomain = referenceDomain
        self.rank = rank
        self.priority = priority
        self.weight = weight
        self.addressOrder = addressOrder
        self.expiresAt = expiresAt
    }

    /// Whether both say the same, though one be newer.
    func saysTheSame(as other: BackendCandidate) -> Bool {
        var aged = other
        aged.expiresAt = expiresAt
        return self == aged
    }
}
