// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What each owner of a verified certificate may still ask of one worker, whatever connections it comes by (OVL-21).
struct IdentityBuckets {
    /// One owner's bucket, which its connections share.
    final class Share {
        var bucket = TokenBucket()
        fileprivate var connections = 0
        fileprivate var leftAt = NIODeadline.distantPast
    }

    private var shares: [String: Share] = [:]

    /// Owners that are known: those with connections, and those that have left a short while ago.
    var count: Int { shares.count }

    /// The bucket of whom a certificate proves, for one more connection of it.
    mutating func join(_ identity: String) -> Share {
        let share = shares[identity] ?? Share()
        share.connections += 1
        shares[identity] = share
        return share
    }

    /// One of its connections has closed.
    func leave(_ share: Share, now: NIODeadline) {
        share.connections -= 1
        share.leftAt = now
    }

    /// Forgets owners without connections whose buckets are full again, so that no new connection is worth more tokens
    /// than the one before it had.
    mutating func forget(after time: TimeAmount, now: NIODeadline) {
        guard !shares.isEmpty else { return }
        shares = shares.filter { $0.value.connections > 0 || now - $0.value.leftAt <= time }
    }
}
