// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Timers by slots of ten milliseconds: O(1) to arm, and nothing to cancel.
///
/// An entry names its owner by number and nonce; when it comes due, the owner looks whether anything of its own is due.
/// So an owner that ended long ago costs its entry alone, and keeps no memory alive.
struct TimerWheel {
    /// Who is to be asked when an entry comes due.
    struct Owner: Equatable {
        enum Kind: UInt8 {
            case client
            case server
        }

        let kind: Kind
        let slot: UInt32
        let nonce: UInt64
    }

    private struct Entry {
        let tick: Int64
        let owner: Owner
    }

    /// Length of a slot in nanoseconds.
    static let tickLength: Int64 = 10_000_000
    private static let slotCount = 4096

    private var slots: [[Entry]]
    private var lastTick: Int64
    /// Entries that have not come due.
    private(set) var count = 0

    init(now: NIODeadline) {
        slots = Array(repeating: [], count: Self.slotCount)
        lastTick = Self.tick(now)
    }

    /// Asks for `owner` to be called at `deadline` or up to one slot later.
    mutating func arm(_ owner: Owner, at deadline: NIODeadline) {
        let tick = max(Self.tick(deadline) + 1, lastTick + 1)
        slots[Int(tick % Int64(Self.slotCount))].append(Entry(tick: tick, owner: owner))
        count += 1
    }

    /// Gives every owner that has come due by `now`, in the order of their slots.
    mutating func advance(to now: NIODeadline, into due: inout [Owner]) {
        let tick = Self.tick(now)
        guard tick > lastTick else { return }
        let steps = min(tick - lastTick, Int64(Self.slotCount))
        for step in 1...steps {
            let slot = Int((tick - steps + step) % Int64(Self.slotCount))
            guard !slots[slot].isEmpty else { continue }
            slots[slot].removeAll { entry in
                guard entry.tick <= tick else { return false }
                due.append(entry.owner)
                return true
            }
        }
        count -= due.count
        lastTick = tick
    }

    private static func tick(_ time: NIODeadline) -> Int64 {
        Int64(clamping: time.uptimeNanoseconds) / tickLength
    }
}
