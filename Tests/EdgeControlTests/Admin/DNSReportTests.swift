// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import EdgeControl

@Suite("The questions that DNS was asked, over the admin API", .timeLimit(.minutes(1)))
struct DNSReportTests {
    @Test(
        "Each question is told with outcome, TTL left, state and server; the list is bounded and says how many there are"
    )
    func questions() async throws {
        let edge = try await TestEdge(servers: [(10, 5070)]) { ports in
            """
            edge: { name: edge.example.test, workers: 1 }
            listeners:
              - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
            resolver: { servers: ["127.0.0.1:\(ports.names)"] }
            pools:
              voice: { target: sip:\(TestEdge.domain), allow_loopback: true, health: { probe: none } }
              absent: { target: sip:nobody.\(TestEdge.domain), allow_loopback: true, health: { probe: none } }
              refused: { target: sip:other.example.org, allow_loopback: true, health: { probe: none } }
            routes:
              - { pool: voice }
            admin: { socket: \(ports.socket) }
            logging: { level: critical, stderr: false }

            """
        }
        let report = try await edge.dns("")
        func find(_ name: String, _ type: String) throws -> DNSReport.Question {
            try #require(report.questions.first { $0.name == name && $0.type == type }, "\(report.questions)")
        }
        let srv = try find("_sip._tcp.\(TestEdge.domain)", "SRV")
        #expect(srv.state == "fresh" && srv.outcome == "answer" && srv.records == 1 && srv.failure == nil)
        #expect((1...60).contains(srv.ttlLeft) && srv.server.contains("\(edge.ports.names)"))
        let absent = try find("nobody.\(TestEdge.domain)", "NAPTR")
        #expect(absent.state == "fresh" && absent.outcome == "nxdomain" && absent.records == 0)
        let failed = try find("other.example.org", "NAPTR")
        #expect(failed.state == "failed" && failed.outcome == "refused" && failed.failure == "refused")
        #expect(failed.ttlLeft == 0 && (0...5).contains(failed.retryIn ?? -1))

        #expect(report.total == report.questions.count)
        let keys = report.questions.map { [$0.name, $0.type] }
        #expect(keys == keys.sorted { $0.lexicographicallyPrecedes($1) })
        let two = try await edge.dns("?limit=2")
        #expect(two.questions.map(\.name) == report.questions.prefix(2).map(\.name) && two.total >= 2)
        #expect(try await edge.dns("?limit=0").questions.isEmpty)
        for limit in ["-1", "many", ""] {
            #expect(try await edge.api.get("/api/v1/dns?limit=\(limit)").status == 400, "\(limit)")
        }
        await edge.stop()
    }
}

extension TestEdge {
    fileprivate func dns(_ query: String) async throws -> DNSReport {
        try JSONText.decode(DNSReport.self, from: try await api.get("/api/v1/dns\(query)").body)
    }
}
