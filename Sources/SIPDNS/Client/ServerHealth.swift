// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Which servers did not answer lately: those rest, longer each time, and are asked only when no other is left (LOC-69).
struct ServerHealth {
    /// How long a server rests after its first failure, and at most.
    static let firstRest = TimeAmount.seconds(5)
    static let longestRest = TimeAmount.seconds(60)

    private struct Trouble {
        var failures = 0
        var retryAt: NIODeadline
    }

    private var troubles: [Int: Trouble] = [:]

    /// The order in which to ask, `attempts` rounds: servers that do not rest as they are configured, then the others,
    /// the one whose rest ends first before the rest.
    ///
    /// A server whose rest is over takes its place again for this one question; the next ones wait to see how it went.
    mutating func order(count: Int, attempts: Int, now: NIODeadline) -> ArraySlice<Int> {
        var awake: [Int] = []
        var resting: [(retryAt: NIODeadline, server: Int)] = []
        for server in 0..<count {
            guard let trouble = troubles[server] else {
                awake.append(server)
                continue
            }
            if trouble.retryAt <= now {
                awake.append(server)
                troubles[server]?.retryAt = now + Self.rest(after: trouble.failures)
            } else {
                resting.append((trouble.retryAt, server))
            }
        }
        let round = awake + resting.sorted { ($0.retryAt, $0.server) < ($1.retryAt, $1.server) }.map(\.server)
        return Array(repeating: round, count: attempts).flatMap { $0 }[...]
    }

    /// Takes in whether a server answered at all.
    mutating func note(_ server: Int, failed: Bool, now: NIODeadline) {
        guard failed else {
            troubles[server] = nil
            return
        }
        let failures = (troubles[server]?.failures ?? 0) + 1
        troubles[server] = Trouble(failures: failures, retryAt: now + Self.rest(after: failures))
    }

    /// Servers that rest at `now`.
    func resting(at now: NIODeadline) -> Int { troubles.values.count { $0.retryAt > now } }

    private static func rest(after failures: Int) -> TimeAmount {
        let doubled = firstRest.nanoseconds << Int64(min(max(0, failures - 1), 8))
        return .nanoseconds(min(doubled, longestRest.nanoseconds))
    }
}
