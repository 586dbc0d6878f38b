// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Testing

@testable import EdgeControl

@Suite("The demonstration's report")
struct DemoReportTests {
    private var report: DemoReport {
        var report = DemoReport()
        report.calls = 400
        report.reloads = 2
        report.backends = [
            .init(
                name: "alpha",
                priority: 10,
                weight: 60,
                expectedShare: 0.75,
                share: 0.7525,
                requests: 901,
                health: "up"
            )
        ]
        report.steps = [.init(name: "shares", held: true, detail: "as published")]
        return report
    }

    @Test("Its JSON has the keys that programs rely on, and reads back as it was")
    func json() throws {
        let text = try report.json()
        let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(Set(object.keys) == ["calls", "failed", "backends", "reloads", "steps"])
        let backend = try #require((object["backends"] as? [[String: Any]])?.first)
        #expect(
            Set(backend.keys) == ["name", "priority", "weight", "expected_share", "share", "requests", "health"]
        )
    }

    @Test("Its table aligns the columns and names what did not hold")
    func table() {
        var report = report
        report.steps.append(.init(name: "failover", held: false, detail: "3 calls failed"))
        let lines = report.table().split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines[0].count == lines[1].count)
        #expect(lines[1] == "alpha          10      60    75.0 %  75.3 %       901      up")
        #expect(report.table().contains("FAILED  failover: 3 calls failed\n"))
        #expect(!report.held)
    }

    @Test("It holds only when every step held and no call failed")
    func held() {
        #expect(report.held)
        var failed = report
        failed.failed = 1
        #expect(!failed.held)
        #expect(!DemoReport().held)
    }

    @Test("A tally counts outcomes by reason and server and finds quantiles")
    func tally() {
        var tally = DemoTally()
        for milliseconds in 1...100 {
            tally.count(.completed(server: "alpha", setup: .milliseconds(Int64(milliseconds))))
        }
        tally.count(.failed(reason: "INVITE: 503"))
        var sum = DemoTally()
        sum.add(tally)
        #expect(sum == tally)
        #expect((sum.calls, sum.failed, sum.servers) == (101, 1, ["alpha": 100]))
        #expect(sum.setupTime(quantile: 0.99) == .milliseconds(99))
        #expect(DemoTally().setupTime(quantile: 0.5) == nil)
    }

    @Test("Binomial bounds hold a fair share and refuse an unfair one", arguments: [0.6, 0.2])
    func bounds(share: Double) {
        let bounds = DemoBounds.counts(of: share, draws: 400)
        #expect(bounds.contains(Int(share * 400)))
        #expect(!bounds.contains(Int(share * 400) + 60))
        #expect(DemoBounds.counts(of: 0, draws: 400) == 0...0)
        #expect(DemoBounds.counts(of: 1, draws: 400) == 400...400)
    }
}
