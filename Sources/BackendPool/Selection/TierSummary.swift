// SPDX-License-Identifier: Apache-2.0

/// The eligible addresses of one target.
@usableFromInline
struct TargetSummary {
    @usableFromInline var count = 0
    /// The share of the weight that counts: that of the address furthest through its slow start.
    @usableFromInline var percent: UInt8 = 0
    /// Whether the request has been at another address of it.
    @usableFromInline var hasTried = false

    @inlinable
    init() {}
}

/// The eligible targets of one priority.
@usableFromInline
struct TierSummary {
    @usableFromInline var count = 0
    @usableFromInline var hasWeight = false
    @usableFromInline var isRamping = false

    @inlinable
    init() {}

    @inlinable
    mutating func add(weight: UInt16, members: TargetSummary) {
        guard members.count > 0 else { return }
        count &+= 1
        if weight > 0 { hasWeight = true }
        if members.percent < 100 { isRamping = true }
    }

    /// What a target weighs in this tier; nil when none of its addresses is eligible.
    ///
    /// While any target is in slow start all are weighed in hundredths, for a weight of 1 has no tenth; where all
    /// weights are zero they then count as equals, which is how RFC 2782 draws among them.
    @inlinable
    func effectiveWeight(_ weight: UInt16, _ members: TargetSummary) -> UInt32? {
        guard members.count > 0 else { return nil }
        guard isRamping else { return UInt32(weight) }
        return UInt32(hasWeight ? weight : 1) &* UInt32(members.percent)
    }
}
