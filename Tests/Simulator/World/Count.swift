// SPDX-License-Identifier: Apache-2.0

/// What happened in one world, or in many.
package struct Count: Sendable, Equatable {
    package var seconds = 0.0
    package var calls = 0
    package var answered = 0
    package var callsToClients = 0
    package var requests = 0
    package var registers = 0
    package var byes = 0
    package var reinvites = 0
    package var cancels = 0
    package var cancelsReceived = 0
    package var forks = 0
    package var succeeded = 0
    package var abandoned = 0
    package var missedACKs = 0
    package var disconnects = 0
    package var returns = 0
    package var reloads = 0
    package var dnsChanges = 0
    package var resolutions = 0
    package var finished = 0
    package var compared = 0
    package var messages = 0
    package var lost = 0
    package var damaged = 0
    package var duplicated = 0
    /// Requests that failed, by the status of the failure; 0 for no answer at all.
    package var failures: [Int: Int] = [:]
    package var troubles: [String: Int] = [:]
    /// Requests to pools that failed, by what was wrong with a backend there at the time.
    package var blamed: [String: Int] = [:]
    package var drops: [String: Int] = [:]

    package init() {}

    package static func += (total: inout Count, one: Count) {
        for path in paths { total[keyPath: path] += one[keyPath: path] }
        total.seconds += one.seconds
        total.failures.merge(one.failures, uniquingKeysWith: +)
        total.troubles.merge(one.troubles, uniquingKeysWith: +)
        total.blamed.merge(one.blamed, uniquingKeysWith: +)
        total.drops.merge(one.drops, uniquingKeysWith: +)
    }

    private static var paths: [WritableKeyPath<Count, Int>] {
        [
            \.calls, \.answered, \.callsToClients, \.requests, \.registers, \.byes, \.reinvites, \.cancels,
            \.cancelsReceived, \.forks, \.succeeded, \.abandoned, \.missedACKs, \.disconnects, \.returns, \.reloads,
            \.dnsChanges, \.resolutions, \.finished, \.compared, \.messages, \.lost, \.duplicated,
            \.damaged,
        ]
    }

    /// The numbers in words, a line each.
    package var lines: [String] {
        let hours = Double(Int(seconds / 36)) / 100
        return [
            "\(hours) simulated hours, \(calls) calls (\(answered) answered, \(cancels) cancelled), "
                + "\(callsToClients) calls to clients, \(requests) requests, \(messages) messages",
            "\(registers) REGISTER, \(reinvites) re-INVITE, \(byes) BYE, \(forks) second answers, "
                + "\(disconnects) disconnects (\(abandoned) requests abandoned), \(returns) answers by another connection",
            "\(reloads) reloads, \(dnsChanges) changes of records, \(resolutions) names resolved, "
                + "\(lost) datagrams lost, \(duplicated) doubled, \(damaged) messages damaged, \(compared) messages compared byte by byte",
            "troubles: \(Self.list(troubles))",
            "succeeded \(succeeded); failed, by status (0: no answer): "
                + Self.list(Dictionary(uniqueKeysWithValues: failures.map { ("\($0)", $1) })),
            "failed requests to pools, by what was wrong there: \(Self.list(blamed))",
            "dropped by the edge: \(Self.list(drops))",
        ]
    }

    private static func list(_ counts: [String: Int]) -> String {
        counts.isEmpty ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0) \($1)" }.joined(separator: ", ")
    }
}
