// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// When the flows to one backend were last used, to the second and at no cost to a message.
struct FlowUse {
    /// Flows to a backend that no pool has any more are closed when they have rested so long (LOC-55): longer than a call
    /// may ring, after which no transaction is left on them.
    static let restLimit = TimeAmount.seconds(240)

    private var isUsed = true
    private var usedAt = NIODeadline.uptimeNanoseconds(0)

    /// Something was sent.
    mutating func note() { isUsed = true }

    /// Takes the time once a second; `lastRead` is when something last came from the backend.
    mutating func advance(to now: NIODeadline, lastRead: NIODeadline?) {
        if isUsed { usedAt = now }
        isUsed = false
        if let lastRead, lastRead > usedAt { usedAt = lastRead }
    }

    /// Whether they have rested for long enough to be closed.
    func hasRested(at now: NIODeadline) -> Bool { !isUsed && now - usedAt >= Self.restLimit }
}
