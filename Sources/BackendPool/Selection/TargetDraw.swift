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
    @usableFromInline var count: UInt64 = 0
    @usableFromInline var zeroWeights: UInt64 = 0
    @usableFromInline var sum: UInt64 = 0
    @usableFromInline var scaledSum: UInt64 = 0
    @usableFromInline var percentSum: UInt64 = 0
    @usableFromInline var isRamping = false

    @inlinable
    init() {}

    @inlinable
    mutating func add(weight: UInt16, members: TargetSummary) {
        guard members.count > 0 else { return }
        count &+= 1
        if weight == 0 { zeroWeights &+= 1 }
        sum &+= UInt64(weight)
        scaledSum &+= UInt64(weight) &* UInt64(members.percent)
        percentSum &+= UInt64(members.percent)
        if members.percent < 100 { isRamping = true }
    }

    /// What a target weighs in this tier.
    ///
    /// While any of them is in slow start all are weighed in hundredths, for a
    /// weight of 1 has no tenth; records of weight zero only then count as equals.
    @inlinable
    func effectiveWeight(_ weight: UInt16, _ members: TargetSummary) -> UInt64 {
        guard isRamping else { return UInt64(weight) }
        return UInt64(sum == 0 ? 1 : weight) &* UInt64(members.percent)
    }

    /// The sum of the effective weights.
    @inlinable
    var total: UInt64 { isRamping ? (sum == 0 ? percentSum : scaledSum) : sum }

    /// How many targets have the effective weight zero.
    @inlinable
    var weightless: UInt64 { isRamping && sum == 0 ? 0 : zeroWeights }
}

/// One draw of RFC 2782 over targets that are read one after the other.
///
/// The RFC lists zero weights first, draws r from 0 to the sum inclusively, and takes the first record whose running
/// sum reaches r. With the order within the two halves shuffled (LOC-31) this is the same as: r = 0 falls on a zero
/// weight, each as likely, or where there is none on any record, each as likely; any other r on the record whose stretch
/// of the sum it lies in, in any order. So nothing needs to be shuffled or stored.
@usableFromInline
struct TargetDraw {
    /// The place that is drawn for, counted down as targets go by.
    @usableFromInline var left: UInt64
    /// What is counted: weights, or records (of weight zero, or all).
    @usableFromInline var counts: Counted

    @usableFromInline
    enum Counted {
        case weights
        case weightless
        case records
    }

    @inlinable
    init(none tier: TierSummary) {
        left = 0
        counts = .records
    }

    @inlinable
    init<Generator: RandomNumberGenerator>(_ tier: TierSummary, using generator: inout Generator) {
        let drawn = generator.next(upperBound: tier.total &+ 1)
        if drawn > 0 {
            left = drawn &- 1
            counts = .weights
        } else if tier.weightless > 0 {
            left = generator.next(upperBound: tier.weightless)
            counts = .weightless
        } else {
            left = generator.next(upperBound: max(tier.count, 1))
            counts = .records
        }
    }

    /// Whether the draw falls on the next target, which has the effective weight `weight`.
    @inlinable
    mutating func falls(on weight: UInt64) -> Bool {
        let length: UInt64 =
            switch counts {
            case .weights: weight
            case .weightless: weight == 0 ? 1 : 0
            case .records: 1
            }
        if left < length { return true }
        left &-= length
        return false
    }
}
