// SPDX-License-Identifier: Apache-2.0

/// Which servers have failed lately: those are asked last (LOC-69).
struct ServerHealth {
    private var failures: [Int: Int] = [:]

    /// The order in which to ask, `attempts` rounds.
    func order(count: Int, attempts: Int) -> ArraySlice<Int> {
        let round = (0..<count).sorted { (failures[$0] ?? 0, $0) < (failures[$1] ?? 0, $1) }
        return Array(repeating: round, count: attempts).flatMap { $0 }[...]
    }

    mutating func note(_ server: Int, failed: Bool) {
        failures[server] = failed ? min((failures[server] ?? 0) + 1, 8) : nil
    }
}
