// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// What the servers of pools with overload control have asked for, by address and port, whichever pools they are in
/// (RFC 7339 section 5.4, OVL-08); nothing is kept of others.
struct OverloadTable {
    /// More than this share, in per cent, of what goes to a pool's only backend is alarming (OVL-19).
    static let alarmingPercent: UInt32 = 90

    private struct Entry {
        var control = OverloadControl()
        var isAlarming = false
    }

    private var entries: [Endpoint: Entry] = [:]

    /// Servers that something is kept of.
    var count: Int { entries.count }

    /// Forgets backends that the pools no longer have.
    mutating func adopt(_ pools: [PoolView]) {
        guard !entries.isEmpty else { return }
        entries = entries.filter { id, _ in pools.contains { $0.index(of: id) != nil } }
    }

    /// Per cent of its requests that a backend asks to hold back now.
    func percent(of id: Endpoint, now: NIODeadline) -> UInt32 { entries[id]?.control.percent(at: now) ?? 0 }

    /// Takes what a response says; gives whether the alarm is to be raised, which happens once until the backend asks for
    /// less.
    mutating func take(
        _ feedback: OverloadControl.Feedback,
        from id: Endpoint,
        isOnlyOne: Bool,
        now: NIODeadline
    ) -> Bool {
        guard entries[id, default: Entry()].control.take(feedback, now: now) else { return false }
        let percent = percent(of: id, now: now)
        let isAlarming = isOnlyOne && percent > Self.alarmingPercent
        let wasAlarming = entries[id]?.isAlarming ?? false
        entries[id]?.isAlarming = isAlarming
        return isAlarming && !wasAlarming
    }

    /// Whether a request is held back.
    mutating func holdsBack(
        _ category: OverloadControl.Category,
        from id: Endpoint,
        now: NIODeadline,
        draw: () -> Double
    ) -> Bool {
        entries[id, default: Entry()].control.holdsBack(category, now: now, draw: draw)
    }
}
