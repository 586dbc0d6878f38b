// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// Which backends DNS publishes of a pool, and which it has published until lately.
package struct PoolMembership: Sendable, Hashable {
    /// One backend and its standing in DNS.
    package struct Member: Sendable, Hashable {
        package internal(set) var candidate: BackendCandidate
        /// Since when it is known.
        package let since: NIODeadline
        /// When DNS stopped naming it; nil while it is published.
        package internal(set) var vanishedAt: NIODeadline?
    }

    /// The default of ``limit``.
    package static let defaultLimit = 1000
    /// How many backends a pool may have; more are left out, the last in order first.
    package let limit: Int
    /// For how long a backend that vanished drains before its state is dropped.
    package let drainTime: TimeAmount
    package private(set) var members: [Endpoint: Member] = [:]
    /// How many backends the last answer had beyond the limit.
    package private(set) var truncated = 0

    package init(limit: Int = defaultLimit, drainTime: TimeAmount = .minutes(10)) {
        self.limit = max(limit, 1)
        self.drainTime = drainTime
    }

    /// How many backends are published.
    package var publishedCount: Int { members.values.count { $0.vanishedAt == nil } }

    /// Takes a DNS answer whole; an empty one says that the service is gone (LOC-61).
    ///
    /// - Parameter keeping: what to hold of a published backend that the answer does not name because a part of the
    ///   target could not be asked (LOC-57); nil when it is to go.
    package mutating func apply(
        _ candidates: [BackendCandidate],
        keeping: (BackendCandidate) -> BackendCandidate? = { _ in nil },
        now: NIODeadline
    ) -> MembershipChange {
        var change = MembershipChange()
        let before = publishedCount
        let answered = Set(candidates.map(\.endpoint))
        let kept = members.values.filter { $0.vanishedAt == nil && !answered.contains($0.candidate.endpoint) }
            .compactMap { keeping($0.candidate) }
        let published = Self.collapse(candidates + kept, limit: limit, &change)
        truncated = change.truncated
        for candidate in published { take(candidate, now: now, &change) }
        let named = Set(published.map(\.endpoint))
        for (endpoint, member) in members where member.vanishedAt == nil && !named.contains(endpoint) {
            members[endpoint]?.vanishedAt = now
            change.draining.append(endpoint)
        }
        change.lostMajority = change.draining.count * 2 > before
        forgetSurplus(&change)
        return change
    }

    /// Drops what has drained for the drain time and returns it.
    package mutating func removeDrained(now: NIODeadline) -> [Endpoint] {
        let gone = members.filter { $0.value.vanishedAt.map { now >= $0 + drainTime } ?? false }.map(\.key)
        for endpoint in gone { members[endpoint] = nil }
        return gone
    }

    /// When the next draining backend is dropped.
    package var nextRemoval: NIODeadline? {
        members.values.compactMap(\.vanishedAt).min().map { $0 + drainTime }
    }

    private mutating func take(_ candidate: BackendCandidate, now: NIODeadline, _ change: inout MembershipChange) {
        guard var member = members[candidate.endpoint] else {
            members[candidate.endpoint] = Member(candidate: candidate, since: now)
            change.added.append(candidate.endpoint)
            return
        }
        if member.vanishedAt != nil {
            change.returned.append(candidate.endpoint)
        } else {
            change.kept.append(candidate.endpoint)
            if !member.candidate.saysTheSame(as: candidate) { change.reweighted.append(candidate.endpoint) }
        }
        member.vanishedAt = nil
        member.candidate = candidate
        members[candidate.endpoint] = member
    }

    /// A zone that names new addresses in each answer must not fill the memory with those that drain.
    private mutating func forgetSurplus(_ change: inout MembershipChange) {
        let draining = members.filter { $0.value.vanishedAt != nil }
        guard draining.count > limit else { return }
        let oldest = draining.sorted { Self.vanishedBefore($0.value, $1.value) }.prefix(draining.count - limit)
        for (endpoint, _) in oldest {
            members[endpoint] = nil
            change.forgotten.append(endpoint)
        }
    }

    private static func vanishedBefore(_ left: Member, _ right: Member) -> Bool {
        (left.vanishedAt ?? .distantFuture) < (right.vanishedAt ?? .distantFuture)
    }

    /// The answer without duplicates, the first in order being kept, and cut to the limit.
    private static func collapse(
        _ candidates: [BackendCandidate],
        limit: Int,
        _ change: inout MembershipChange
    ) -> [BackendCandidate] {
        let sorted = candidates.sorted { one, other in
            // Of records that differ in nothing else the heaviest is kept, so that no refresh changes the choice.
            (one.rank, one.priority, one.name, one.addressOrder, other.weight)
                < (other.rank, other.priority, other.name, other.addressOrder, one.weight)
        }
        var seen: Set<Endpoint> = []
        let unique = sorted.filter { seen.insert($0.endpoint).inserted }
        change.duplicates = candidates.count - unique.count
        change.truncated = max(0, unique.count - limit)
        return Array(unique.prefix(limit))
    }
}
