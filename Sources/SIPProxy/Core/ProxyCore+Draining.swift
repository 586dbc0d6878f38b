// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What a core still has to do before it may end (OVL-36, TLS-33).
package struct RemainingWork: Sendable, Hashable {
    /// Requests without a final response, calls that ring among them.
    package var unanswered = 0
    /// Requests whose final went out so lately that something may follow it.
    package var settling = 0

    package init() {}

    /// Whether nothing is worth waiting for.
    package var isDone: Bool { unanswered == 0 && settling == 0 }

    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.unanswered += right.unanswered
        sum.settling += right.settling
        return sum
    }
}

extension ProxyCore {
    /// How long a drain waits after a final for its ACK, and over UDP for repeats: two or three of them, by T1 of 500 ms.
    ///
    /// Timers H, J and L of 64 times T1 are for the worst; no stop of an edge takes so long.
    package static let settlingTime = TimeAmount.seconds(3)

    /// What is still to be done; it looks at every transaction: for the end of an edge alone.
    package func remainingWork(now: NIODeadline) -> RemainingWork {
        var work = RemainingWork()
        servers.visit { server in
            switch server.state {
            case .proceeding: work.unanswered += 1
            case .completed, .accepted: if isSettling(server, now: now) { work.settling += 1 }
            case .confirmed, .terminated: break
            }
        }
        return work
    }

    /// Timers H, J and L all run for 64 times T1 from the final on.
    private func isSettling(_ server: ServerTransaction, now: NIODeadline) -> Bool {
        guard let end = server.endAt else { return false }
        return end - now > snapshot.settings.t1 * 64 - Self.settlingTime
    }
}
