// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOPosix
import SIPDNS
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What brana resolve shows", .timeLimit(.minutes(1)))
struct ResolutionReportTests {
    private static let zone = """
        $ORIGIN r.example.test.
        $TTL 300
        @ IN SOA ns.r.example.test. hostmaster.example.test. ( 1 3600 600 86400 120 )
          IN NS ns
          IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp
          IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp
        ns IN A 127.0.0.1
        _sip._tcp IN SRV 10 60 5060 a
        _sip._tcp IN SRV 10 30 5060 b
        _sip._tcp IN SRV 10 10 5060 c
        _sip._tcp IN SRV 20 1 5060 d
        _sip._tcp IN SRV 20 1 5060 gone
        a IN A 127.0.0.11
        b IN A 127.0.0.12
        c IN A 127.0.0.13
        d IN A 127.0.0.14
        empty IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.empty
        _sip._tcp.empty IN SRV 10 1 5060 gone

        """

    private func report(
        _ target: String,
        source: ZoneSource = .text(Self.zone, name: "r.zone"),
        _ change: (inout ResolutionReport.Options) -> Void = { _ in }
    ) async throws -> ResolutionReport {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await ZoneServer.start([source], port: UInt16(try FreePort.next()), loop: loop)
        var options = ResolutionReport.Options(target: target)
        options.server = "127.0.0.1:\(server.port)"
        change(&options)
        do {
            let report = try await ResolutionReport.make(options)
            await server.stop()
            return report
        } catch {
            await server.stop()
            throw error
        }
    }

    /// The tree with the server's port and the seconds left taken out.
    private func plain(_ lines: [String]) -> [String] {
        lines.map {
            $0.replacing(/127\.0\.0\.1:\d+/, with: "SERVER").replacing(
                /TTL left (29[0-9]|300|1[12][0-9]) s/,
                with: "TTL"
            )
        }
    }

    @Test("The tree has every record with its numbers below the question, and each question below its record")
    func tree() async throws {
        let report = try await report("sip:r.example.test")
        func none(_ name: String) -> String {
            "          AAAA \(name).r.example.test: no such record (TTL, from SERVER, DNSSEC: unchecked)"
        }
        func address(_ name: String, _ last: Int) -> [String] {
            [
                "          A \(name).r.example.test: 1 record (TTL, from SERVER, DNSSEC: unchecked)",
                "            A 127.0.0.\(last), TTL", none(name),
            ]
        }
        let expected =
            [
                "sip:r.example.test",
                "  NAPTR r.example.test: 2 records (TTL, from SERVER, DNSSEC: unchecked)",
                "    NAPTR order 10 preference 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp.r.example.test, TTL",
                "      SRV _sip._tcp.r.example.test: 5 records (TTL, from SERVER, DNSSEC: unchecked)",
                "        SRV priority 10 weight 60 port 5060 a.r.example.test, TTL",
            ] + address("a", 11) + ["        SRV priority 10 weight 30 port 5060 b.r.example.test, TTL"]
            + address("b", 12) + ["        SRV priority 10 weight 10 port 5060 c.r.example.test, TTL"]
            + address("c", 13) + ["        SRV priority 20 weight 1 port 5060 d.r.example.test, TTL"]
            + address("d", 14) + [
                "        SRV priority 20 weight 1 port 5060 gone.r.example.test, TTL",
                "          A gone.r.example.test: no such name (TTL, from SERVER, DNSSEC: unchecked)",
                "          AAAA gone.r.example.test: no such name (TTL, from SERVER, DNSSEC: unchecked)",
                "    NAPTR order 20 preference 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.r.example.test, TTL",
                "left out: gone.r.example.test has no address",
                "passed over: NAPTR 20 10 'SIP+D2U' _sip._udp.r.example.test: records of order 10 decide (naptr_failover)",
            ]
        #expect(plain(report.tree) == expected)
    }

    @Test("V-SRV-05b: candidates stand in order with exact chances, and drawn ones keep to them in each tier")
    func draws() async throws {
        let report = try await report("sip:r.example.test") { $0.draws = 20_000 }
        #expect(report.candidates.map(\.name.first) == ["a", "b", "c", "d"])
        let exact = [181.0 / 303, 91.0 / 303, 31.0 / 303, 0]
        for (candidate, expected) in zip(report.candidates, exact) {
            #expect(abs(candidate.probability - expected) < 1e-12)
            #expect(abs((candidate.drawn ?? 0) - candidate.tierProbability) < 0.02)
        }
        #expect(report.candidates.last?.tierProbability == 1)
        #expect(report.tiers.map(\.priority) == [10, 20])
        #expect(report.tiers.map(\.verdict.degreesOfFreedom) == [2, 0])
        #expect(report.tiers.allSatisfy { $0.verdict.held })
        #expect(report.verdicts[0].contains("critical value 13.82 at 0.001: held"))
        #expect(report.verdicts[1] == "rank 0 priority 20: 20000 draws, no choice")
    }

    @Test("What failed or is absent still says what was asked and left out")
    func absent() async throws {
        let report = try await report("sip:empty.r.example.test")
        #expect(report.candidates.isEmpty && report.problem?.contains("lead to no server") == true)
        #expect(report.notes == ["gone.r.example.test has no address"])
        #expect(report.queries.count == 4)
    }

    @Test("Transports and loopback are the operator's choice")
    func options() async throws {
        let secure = try await report("sip:r.example.test") { $0.transports = [.tls] }
        #expect(secure.candidates.isEmpty)
        #expect(secure.passedOver.contains { $0.hasSuffix("transport tcp is not among those that may be used") })
        let strict = try await report("sip:r.example.test") { $0.allowsLoopback = false }
        #expect(strict.candidates.isEmpty && strict.notes.contains { $0.contains("loopback") })
        #expect(ResolutionReport.transports("tls,udp") == [.tls, .udp])
        for text in ["", "tls,", "sctp", "tls,tls"] { #expect(ResolutionReport.transports(text) == nil, "\(text)") }
    }

    @Test(
        "Each answer says what DNSSEC makes of it: secure from the trust anchor on, bogus from another, with the reason"
    )
    func validation() async throws {
        let zone = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined() + "/zones/signed.zone"
        let directory = try TemporaryDirectory()
        let key = try String(contentsOfFile: zone, encoding: .utf8).split(separator: "\n").first {
            $0.contains("\tIN\tDNSKEY\t")
        }
        let anchor = try directory.write(String(try #require(key)) + "\n", to: "anchor.key")
        let digest = String(repeating: "0", count: 64)
        let other = try directory.write("signed.example.test. 60 IN DS 1 13 2 \(digest)\n", to: "other.key")
        let validated = try await report("sip:signed.example.test", source: .file(zone)) {
            ($0.dnssec, $0.trustAnchor) = (.validate, anchor)
        }
        #expect(!validated.candidates.isEmpty && !validated.queries.isEmpty)
        #expect(validated.queries.allSatisfy { $0.dnssec == "secure" })
        let bogus = try await report("sip:signed.example.test", source: .file(zone)) {
            ($0.dnssec, $0.trustAnchor) = (.validate, other)
        }
        let query = try #require(bogus.queries.first)
        #expect(bogus.candidates.isEmpty && query.dnssec == "bogus" && query.outcome == "failed: bogus")
        let reason = try #require(query.reason)
        #expect(bogus.tree.contains { $0.contains("DNSSEC: bogus, \(reason)") })
    }

    @Test("The JSON has the keys that are promised")
    func json() async throws {
        let report = try await report("sip:r.example.test") { $0.draws = 100 }
        let object = try JSONSerialization.jsonObject(with: Data(try JSONText.encode(report).utf8))
        let root = try #require(object as? [String: Any])
        let candidate = try #require((root["candidates"] as? [[String: Any]])?.first)
        let promised: Set = ["transport", "address", "port", "name", "priority", "weight", "probability"]
        #expect(promised.isSubset(of: Set(candidate.keys)))
        #expect(candidate["transport"] as? String == "tcp" && candidate["port"] as? Int == 5060)
        #expect(candidate["address"] as? String == "127.0.0.11" && candidate["weight"] as? Int == 60)
        let query = try #require((root["queries"] as? [[String: Any]])?.first)
        #expect(query["question"] as? String == "NAPTR r.example.test")
        #expect(Set(query.keys) == ["question", "outcome", "ttl_left", "server", "dnssec", "is_stale", "records"])
    }

    @Test("The verdict is chi-square's: counts that are off are found, small cells are thrown together")
    func verdict() {
        let fair = ChiSquareVerdict(counts: [59_700, 30_100, 10_200], probabilities: [0.6, 0.3, 0.1])
        #expect(fair.degreesOfFreedom == 2 && fair.criticalValue == 13.816 && fair.held)
        let off = ChiSquareVerdict(counts: [59_000, 31_000, 10_000], probabilities: [0.6, 0.3, 0.1])
        #expect(!off.held && abs(off.statistic - 50) < 1e-9)
        let rare = ChiSquareVerdict(counts: [99_997, 3], probabilities: [131071.0 / 131074, 3.0 / 131074])
        #expect(rare.degreesOfFreedom == 0 && rare.held)
        let many = ChiSquareVerdict(
            counts: [Int](repeating: 10, count: 31),
            probabilities: .init(repeating: 1 / 31, count: 31)
        )
        #expect(abs(many.criticalValue - 59.703) < 0.2)
    }
}
