// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import Testing

extension BackendCandidate {
    /// What DNS publishes of 192.0.2.`last`.
    static func sample(
        _ last: UInt32,
        name: String = "n.example.net",
        priority: UInt16 = 10,
        weight: UInt16 = 1
    ) -> BackendCandidate {
        BackendCandidate(
            endpoint: .sample(last),
            name: name,
            referenceDomain: "example.net",
            priority: priority,
            weight: weight
        )
    }
}

@Suite("Membership of a pool")
struct MembershipTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("LOC-51, LOC-55: what DNS drops drains for 10 minutes, and comes back with its state before that")
    func drain() {
        var membership = PoolMembership()
        #expect(membership.apply([.sample(1), .sample(2)], now: start).added == [.sample(1), .sample(2)])
        #expect(membership.apply([.sample(1), .sample(2)], now: start).isEmpty)
        let change = membership.apply([.sample(1)], now: start)
        #expect(change.draining == [.sample(2)] && change.kept == [.sample(1)] && !change.isEmpty)
        #expect(membership.nextRemoval == start + .minutes(10))
        let almost = start + .minutes(10) - .nanoseconds(1)
        #expect(membership.removeDrained(now: almost).isEmpty)
        let back = membership.apply([.sample(1), .sample(2)], now: almost)
        #expect(back.returned == [.sample(2)] && back.added.isEmpty)
        #expect(membership.removeDrained(now: start + .hours(1)).isEmpty)
        _ = membership.apply([.sample(1)], now: start + .hours(1))
        #expect(membership.removeDrained(now: start + .hours(1) + .minutes(10)) == [.sample(2)])
        #expect(membership.apply([.sample(2)], now: start + .hours(2)).added == [.sample(2)])
    }

    @Test("A changed weight, priority or name is a change of a backend that is kept")
    func reweighted() {
        var membership = PoolMembership()
        _ = membership.apply([.sample(1), .sample(2)], now: start)
        let change = membership.apply([.sample(1, weight: 9), .sample(2)], now: start)
        #expect(change.reweighted == [.sample(1)] && change.kept.count == 2)
        #expect(membership.members[.sample(1)]?.candidate.weight == 9)
    }

    @Test("Records of one endpoint collapse to the first in order of priority")
    func duplicates() {
        var membership = PoolMembership()
        let change = membership.apply([.sample(1, priority: 20), .sample(1, priority: 10), .sample(1)], now: start)
        #expect(change.added == [.sample(1)] && change.duplicates == 2)
        #expect(membership.members[.sample(1)]?.candidate.priority == 10)
        let weights = ([3, 9, 4] as [UInt16]).map { BackendCandidate.sample(1, weight: $0) }
        for order in [weights, weights.reversed()] {
            _ = membership.apply(order, now: start)
            #expect(membership.members[.sample(1)]?.candidate.weight == 9)
        }
    }

    @Test("More backends than the limit are counted and left out, the last priorities first")
    func limit() {
        #expect(PoolMembership.defaultLimit == 1000)
        var membership = PoolMembership(limit: 3)
        let change = membership.apply((1...5).map { .sample($0, priority: UInt16(100 - $0)) }, now: start)
        #expect(change.truncated == 2 && membership.truncated == 2)
        #expect(Set(change.added) == [.sample(5), .sample(4), .sample(3)])
        #expect(membership.apply([.sample(5)], now: start).truncated == 0)
    }

    @Test("A zone that names other addresses each time does not grow the pool without bound")
    func rotation() {
        var membership = PoolMembership(limit: 3)
        var forgotten: [Endpoint] = []
        for round in 0..<20 as Range<UInt32> {
            let candidates = (0..<3).map { BackendCandidate.sample(round * 3 + $0 + 1) }
            forgotten += membership.apply(candidates, now: start + .seconds(Int64(round))).forgotten
            #expect(membership.members.count <= 6)
        }
        #expect(Set(forgotten) == Set((1...54).map { Endpoint.sample($0) }))
    }

    @Test("LOC-57: an answer that could not tell of a name keeps its backends, as they are said to be, and no others")
    func keeping() {
        var membership = PoolMembership()
        _ = membership.apply([.sample(1, name: "a"), .sample(2, name: "b"), .sample(3, name: "c")], now: start)
        let change = membership.apply(
            [.sample(4, name: "d")],
            keeping: { known in
                guard known.name == "b" else { return nil }
                var heavier = known
                heavier.weight = 7
                return heavier
            },
            now: start
        )
        #expect(change.added == [.sample(4)] && change.kept == [.sample(2)] && change.reweighted == [.sample(2)])
        #expect(Set(change.draining) == [.sample(1), .sample(3)])
        #expect(membership.members[.sample(2)]?.candidate.weight == 7)
        // What has vanished is not brought back by a failure, and what is named is taken as the answer has it.
        let next = membership.apply([.sample(4, name: "d", weight: 3)], keeping: { $0 }, now: start + .seconds(1))
        #expect(next.returned.isEmpty && next.draining.isEmpty && next.reweighted == [.sample(4)])
        #expect(membership.members[.sample(4)]?.candidate.weight == 3)
    }

    @Test("A record that is newer and says the same changes nothing")
    func renewed() {
        var membership = PoolMembership()
        var candidate = BackendCandidate.sample(1)
        candidate.expiresAt = start + .seconds(30)
        _ = membership.apply([candidate], now: start)
        candidate.expiresAt = start + .seconds(60)
        #expect(membership.apply([candidate], now: start).isEmpty)
        #expect(membership.members[.sample(1)]?.candidate.expiresAt == start + .seconds(60))
    }

    @Test("LOC-65: losing more than half at once is an event, half is not, and the answer is taken either way")
    func antiFlap() {
        var membership = PoolMembership()
        #expect(!membership.apply((1...4).map { .sample($0) }, now: start).lostMajority)
        #expect(!membership.apply((1...2).map { .sample($0) }, now: start).lostMajority)
        _ = membership.apply((1...4).map { .sample($0) }, now: start)
        #expect(membership.apply([.sample(1)], now: start).lostMajority)
        #expect(membership.publishedCount == 1)
        #expect(membership.apply([], now: start).lostMajority)
        #expect(membership.publishedCount == 0)
        #expect(!membership.apply([], now: start).lostMajority)
    }
}
