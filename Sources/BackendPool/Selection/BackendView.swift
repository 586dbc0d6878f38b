// SPDX-License-Identifier: Apache-2.0

package import SIPMessage

/// One backend as a snapshot shows it to the data plane.
package struct BackendView: Sendable, Hashable {
    package let id: BackendID
    /// The SRV target that the address belongs to.
    package let name: String
    /// The domain that its certificate must be for (RFC 5922 section 4).
    package let referenceDomain: String
    /// See ``BackendCandidate/rank``.
    package let rank: UInt16
    package let priority: UInt16
    /// The published weight of its SRV target.
    package let weight: UInt16
    /// See ``BackendCandidate/addressOrder``.
    package let addressOrder: UInt8
    /// How much of its weight counts, 10 to 100 per cent: less than 100 during slow start (LOC-55).
    package let rampPercent: UInt8
    package let state: BackendState
    /// Why it is in that state, in words.
    package let reason: String
    /// Whether new dialogs and requests outside of dialogs may go there.
    package let isUsable: Bool
    /// Whether it may be tried when no backend is usable (LOC-54): health is ignored then, the operator's word is not.
    package let isUsableInPanic: Bool

    package var endpoint: Endpoint { id.endpoint }

    /// Whether a request inside a dialog may go there: everywhere but where the operator forbids all (PRX-83, LOC-49).
    package var allowsInDialog: Bool { state != .disabled }

    /// The share of the published weight that counts at present.
    package var effectiveWeight: Double { Double(weight) * Double(rampPercent) / 100 }

    package init(
        id: BackendID,
        name: String,
        referenceDomain: String = "",
        rank: UInt16 = 0,
        priority: UInt16 = 0,
        weight: UInt16 = 0,
        addressOrder: UInt8 = 0,
        rampPercent: UInt8 = 100,
        state: BackendState = .up,
        reason: String = "",
        isUsable: Bool = true,
        isUsableInPanic: Bool = true
    ) {
        self.id = id
        self.name = name
        self.referenceDomain = referenceDomain
        self.rank = rank
        self.priority = priority
        self.weight = weight
        self.addressOrder = addressOrder
        self.rampPercent = min(max(rampPercent, 1), 100)
        self.state = state
        self.reason = reason
        self.isUsable = isUsable
        self.isUsableInPanic = isUsableInPanic
    }
}
