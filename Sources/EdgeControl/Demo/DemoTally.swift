// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What became of a number of calls.
package struct DemoTally: Sendable, Equatable {
    /// Calls that went through: INVITE, 200, ACK, BYE, 200.
    package private(set) var completed = 0
    /// Calls that did not, by reason.
    package private(set) var failures: [String: Int] = [:]
    /// Nanoseconds from each INVITE to its 200, in the order of completion.
    package private(set) var setupTimes: [Int64] = []
    /// Completed calls by the name in the Server header field of their 200.
    package private(set) var servers: [String: Int] = [:]

    package init() {}

    package var failed: Int { failures.values.reduce(0, +) }
    package var calls: Int { completed + failed }

    /// Counts one call.
    package mutating func count(_ outcome: DemoCallOutcome) {
        switch outcome {
        case .completed(let server, let setup):
            completed += 1
            setupTimes.append(setup.nanoseconds)
            servers[server, default: 0] += 1
        case .failed(let reason): failures[reason, default: 0] += 1
        }
    }

    /// Adds the calls of another tally.
    package mutating func add(_ other: DemoTally) {
        completed += other.completed
        setupTimes += other.setupTimes
        failures.merge(other.failures, uniquingKeysWith: +)
        servers.merge(other.servers, uniquingKeysWith: +)
    }

    /// The time within which that part (0 to 1) of the calls was set up; nil when none was.
    package func setupTime(quantile: Double) -> TimeAmount? {
        guard !setupTimes.isEmpty else { return nil }
        let sorted = setupTimes.sorted()
        let rank = (quantile * Double(sorted.count)).rounded(.up) - 1
        return .nanoseconds(sorted[min(max(0, Int(rank)), sorted.count - 1)])
    }
}

/// How one call ended.
package enum DemoCallOutcome: Sendable, Equatable {
    /// The backend that took it, and the time from INVITE to 200.
    case completed(server: String, setup: TimeAmount)
    case failed(reason: String)
}
