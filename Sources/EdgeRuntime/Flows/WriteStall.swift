// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Since when a peer whose queue has overflowed takes nothing (TRN-10).
struct WriteStall {
    private(set) var since: NIODeadline
    /// The most that it was seen to have taken.
    private var taken: Int64

    init(taken: Int64, now: NIODeadline) {
        since = now
        self.taken = taken
    }

    /// Takes how much has been taken so far; any progress begins the time anew.
    mutating func advance(to now: NIODeadline, taken: Int64) {
        guard taken > self.taken else { return }
        self.taken = taken
        since = now
    }
}
