// SPDX-License-Identifier: Apache-2.0

/// When the authority of each certificate is asked next for what is stapled; times in seconds since 1970.
struct StapleSchedule: Sendable {
    /// After a failure, doubled with each further one.
    static let firstPause: Int64 = 60
    static let longestPause: Int64 = 3600
    /// Between two good answers.
    static let shortestRest: Int64 = 300
    static let longestRest: Int64 = 12 * 3600

    private struct Entry {
        var nextAt: Int64
        var failures = 0
    }

    private var entries: [String: Entry] = [:]

    /// Those of these certificates whose authority is to be asked now; all others are forgotten.
    mutating func due(_ certificates: [String], now: Int64) -> Set<String> {
        entries = entries.filter { certificates.contains($0.key) }
        return Set(certificates.filter { (entries[$0]?.nextAt ?? 0) <= now })
    }

    /// Takes in an answer that counts until `endsAt`: half of its time is left for the next ones to fail.
    mutating func succeeded(_ certificate: String, endsAt: Int64, now: Int64) {
        let rest = min(max((endsAt - now) / 2, Self.shortestRest), Self.longestRest)
        entries[certificate] = Entry(nextAt: now + rest)
    }

    /// Takes in that there was no answer that could be used.
    mutating func failed(_ certificate: String, now: Int64) {
        let failures = (entries[certificate]?.failures ?? 0) + 1
        let pause = min(Self.firstPause << Int64(min(failures - 1, 6)), Self.longestPause)
        entries[certificate] = Entry(nextAt: now + pause, failures: failures)
    }
}
