// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import DequeModule
internal import NIOCore
internal import SIPMessage

/// The latest requests that have ended, so that `brana explain` can tell of them.
///
/// INVITEs have a ring of their own, for keep-alives and registrations must not push the calls out. Of pools it holds
/// the views of the latest generations, as many as ``viewLimit`` allows: views are shared by all workers.
struct RequestMemory {
    /// Backends in all the views that are held, a view without backends counting as one; beyond it older requests are
    /// told of without their candidates.
    static let viewLimit = 50_000

    private struct Generation {
        let number: UInt64
        let pools: [PoolView]
        let cost: Int
    }

    private struct Ring {
        var records = Deque<RequestRecord>()
        /// When the latest record that was dropped had begun.
        var droppedUntil: NIODeadline?
        var dropped: UInt64 = 0

        mutating func shrink(to count: Int) {
            while records.count > count, let first = records.popFirst() {
                droppedUntil = max(droppedUntil ?? first.startedAt, first.startedAt)
                dropped &+= 1
            }
        }
    }

    /// Records of each ring; 0: nothing is remembered.
    private(set) var limit: Int
    private var invites = Ring()
    private var others = Ring()
    private var generations = Deque<Generation>()
    private var viewCost = 0
    private var droppedGenerations: UInt64 = 0

    init(limit: Int) {
        self.limit = max(limit, 0)
    }

    var isOff: Bool { limit == 0 }

    var reach: RequestMemoryReach {
        RequestMemoryReach(
            count: invites.records.count + others.records.count,
            forgotten: invites.dropped &+ others.dropped,
            forgottenSnapshots: droppedGenerations,
            invitesSince: invites.droppedUntil,
            othersSince: others.droppedUntil
        )
    }

    /// Takes the pools of a new snapshot, and how much is to be remembered from now on.
    mutating func adopt(generation: UInt64, pools: [PoolView], limit: Int, now: NIODeadline) {
        if isOff, limit > 0 { (invites.droppedUntil, others.droppedUntil) = (now, now) }
        self.limit = max(limit, 0)
        invites.shrink(to: self.limit)
        others.shrink(to: self.limit)
        guard !isOff else {
            generations = []
            viewCost = 0
            return
        }
        let cost = pools.reduce(0) { $0 + max($1.backends.count, 1) }
        generations.append(Generation(number: generation, pools: pools, cost: cost))
        viewCost += cost
        while viewCost > Self.viewLimit, generations.count > 1, let oldest = generations.popFirst() {
            viewCost -= oldest.cost
            droppedGenerations &+= 1
        }
    }

    /// Remembers a request that has ended.
    mutating func add(_ record: RequestRecord) {
        guard !isOff else { return }
        if record.method == .invite {
            invites.records.append(record)
            invites.shrink(to: limit)
        } else {
            others.records.append(record)
            others.shrink(to: limit)
        }
    }

    /// What is remembered of the requests with that key, the oldest first.
    func records(of key: UInt64) -> [RequestRecord] {
        (invites.records.filter { $0.callKey == key } + others.records.filter { $0.callKey == key })
            .sorted { $0.startedAt < $1.startedAt }
    }

    /// The view of a pool in a generation; nil when it is held no longer.
    func view(of pool: PoolID, in generation: UInt64) -> PoolView? {
        // Generations ascend.
        guard let found = generations.last(where: { $0.number <= generation }), found.number == generation,
            Int(pool.index) < found.pools.count
        else { return nil }
        return found.pools[Int(pool.index)]
    }
}
