// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Testing

@testable import brana

@Suite("What brana pools and brana status print of pools")
struct PoolTableTests {
    /// A report as the admin API gives it.
    private func report(
        isStale: Bool = false,
        isPartial: Bool = false,
        problem: String? = nil,
        notes: [String] = [],
        ttlLeft: Int? = 12
    ) throws -> PoolReport {
        func list(_ texts: [String]) -> String { "[\(texts.map { "\"\($0)\"" }.joined(separator: ", "))]" }
        let text = """
            { "name": "voice", "target": "sip:voice.example.test", "affinity": "none", "balance": "srv",
              "is_stale": \(isStale), "is_partial": \(isPartial), "notes": \(list(notes)), "refreshes": 3,
              \(problem.map { "\"problem\": \"\($0)\"," } ?? "")
              \(ttlLeft.map { "\"ttl_left\": \($0)," } ?? "")
              "backends": [
                { "id": "tcp:192.0.2.1:5060", "name": "b1.example.test", "priority": 10, "weight": 60,
                  "expected_share": 1, "share": 0.5, "requests": 7, "failures": 1, "health": "up", "reason": "" }
              ] }
            """
        return try JSONText.decode(PoolReport.self, from: text)
    }

    private func lines(_ pools: [PoolReport]) -> [String] {
        PoolTable.text(pools).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test("A pool without trouble: one line of it, and a table of its backends")
    func plain() throws {
        #expect(
            try lines([report()]) == [
                "",
                "pool voice: sip:voice.example.test, balance srv, TTL left 12 s",
                "server           backend             priority  weight  expected   share  requests  failures  health  reason",
                "b1.example.test  tcp:192.0.2.1:5060        10      60   100.0 %  50.0 %         7         1  up",
            ]
        )
        #expect(try lines([report(ttlLeft: nil)])[1].hasSuffix(", fixed address"))
    }

    @Test("What is wrong stands between the two, a line each: first why DNS gave nothing or not all, then the records")
    func notes() throws {
        let notes = ["SRV _sip._tcp.example.test x:0 is no server", "x has no address"]
        let all = try lines([report(isStale: true, isPartial: true, problem: "SRV could not be asked", notes: notes)])
        #expect(all[1] == "pool voice: sip:voice.example.test, balance srv, TTL left 12 s, stale, in part")
        #expect(Array(all[2...4]) == ["  SRV could not be asked"] + notes.map { "  \($0)" })
        #expect(all[5].hasPrefix("server ") && all.count == 7)
        // What the records and their resolution both say stands there once.
        let once = try lines([report(problem: notes[0], notes: notes + notes)])
        #expect(once.filter { $0.hasPrefix("  ") } == notes.map { "  \($0)" })
        // Each pool has its own.
        let two = try lines([report(notes: [notes[0]]), report(notes: [notes[1]])])
        #expect(two.filter { $0.hasPrefix("  ") } == notes.map { "  \($0)" } && two[2] == "  \(notes[0])")
    }
}
