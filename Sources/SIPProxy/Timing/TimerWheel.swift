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

    /// When an owner that waits for `deadline` is to be called: up to one slot later, and no later than one turn of the
    /// wheel from now, so that what ended early leaves no entry behind for longer (TXN-45).
    func call(for deadline: NIODeadline) -> NIODeadline {
        let tick = min(max(Self.tick(deadline) + 1, lastTick + 1), lastTick + Int64(Self.slotCount) - 1)
        return .uptimeNanoseconds(UInt64(clamping: tick * Self.tickLength))
    }

    /// Asks for `owner` to be called at a time that `call(for:)` gave.
    mutating func arm(_ owner: Owner, for time: NIODeadline) {
        let tick = Self.tick(time)
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
