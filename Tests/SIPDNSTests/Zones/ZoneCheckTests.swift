// SPDX-License-Identifier: Apache-2.0

import SIPDNS
import SIPLocation
import TestSupport
import Testing

@Suite("What is wrong with a SIP zone, and what to publish instead (LOC-74, RFC 3263)")
struct ZoneCheckTests {
    /// The findings of a text behind a head of four lines; without those of missing NAPTR records unless `whole` says so.
    static func check(_ text: String, whole: Bool = false) throws -> [ZoneFinding] {
        let head = "$ORIGIN z.test.\n$TTL 60\n@ IN SOA ns h 1 2 3 4 5\nok IN A 127.0.0.1\n"
        let file = "z.zone"
        let zone = try Zone(try ZoneFile.records(in: head + text, file: file), file: file)
        return ZoneCheck.findings(in: zone, file: file).filter {
            whole || !$0.message.contains("no NAPTR record of SIP")
        }
    }

    @Test("broken.zone has exactly the findings that its comments name")
    func broken() throws {
        let findings = ZoneChecker.findings(in: [Repository.zone("broken")])
        let expected: [(Int, ZoneFinding.Severity, String)] = [
            (7, .error, "SIPS over UDP"), (9, .error, "exclude each other"), (11, .error, "flag"),
            (13, .error, "no SRV record"), (13, .warning, "before TLS"), (15, .warning, "is an alias"),
            (17, .warning, "are 0"),
            (20, .error, "port 0"), (22, .error, "not offered"), (24, .error, "has no address"),
            (25, .error, "is an alias"), (27, .error, "is an address"), (29, .warning, "TTL of 3600"),
            (33, .warning, "TTL of 3600"),
        ]
        #expect(findings.map(\.line) == expected.map(\.0))
        for (finding, (_, severity, part)) in zip(findings, expected) {
            #expect(finding.severity == severity, "\(finding)")
            #expect(finding.message.contains(part), "\(finding)")
            #expect(finding.advice != nil, "\(finding)")
            #expect("\(finding)".hasPrefix("\(Repository.zone("broken")):\(finding.line): \(severity.rawValue): "))
        }
    }

    @Test("The good example zones have none", arguments: ["weights", "priorities", "signed", "demo"])
    func good(name: String) { #expect(ZoneChecker.findings(in: [Repository.zone(name)]) == []) }

    @Test("naptr.zone has one: the hosted domain has no SRV record of its own for clients that skip NAPTR")
    func hosted() throws {
        let findings = ZoneChecker.findings(in: [Repository.zone("naptr")])
        let finding = try #require(findings.first)
        #expect(findings.count == 1)
        #expect(finding.severity == .warning)
        #expect(finding.message.contains("_sips._tcp.hosted.naptr.example.test"))
        #expect(finding.advice == "_sips._tcp.hosted IN SRV, with what _sips._tcp.naptr.example.test has")
    }

    @Test(
        "Each mistake is found where it stands",
        arguments: [
            ("_sip._tls IN SRV 1 1 5061 ok", "error", "_sips._tcp IN SRV 1 1 5061 ok"),
            ("_sips._tls IN SRV 1 1 5061 ok", "error", "_sips._tcp IN SRV 1 1 5061 ok"),
            ("_sips._udp IN SRV 1 1 5061 ok", "error", "_sips._tcp"),
            ("_sip._udp IN SRV 1 1 5060 gone", "error", "gone IN A"),
            ("_sip._udp IN SRV 1 1 5060 127.0.0.1.", "error", "a name with"),
            ("_sip._udp 7200 IN SRV 1 1 5060 ok", "warning", "TTL of 30"),
            ("_sip._udp 301 IN SRV 1 1 5060 ok", "warning", "TTL of 30"),
            ("_sip._udp 0 IN SRV 1 1 5060 ok", "warning", "TTL of 30"),
            ("_sip._udp IN SRV 1 1 0 ok", "error", "port"),
            ("@ IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp", "error", "_sip._tcp IN SRV"),
            ("@ IN NAPTR 1 1 \"s\" \"SIPS+D2T\" \"\" _sip._tcp", "error", "_sips._tcp as the replacement"),
            ("@ IN NAPTR 1 1 \"s\" \"SIPS+D2T\" \"\" _sips._tls", "error", "_sips._tcp as the replacement"),
            ("@ IN NAPTR 1 1 \"s\" \"sip+d2x\" \"\" _sip._tcp", "error", "SIPS+D2T"),
            ("@ IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"!a!b!\" .", "error", "_sip._tcp"),
            ("@ IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" .", "error", "_sip._tcp"),
            ("@ IN NAPTR 1 1 \"u\" \"SIP+D2T\" \"\" _sip._tcp", "error", "\"s\""),
            ("@ IN NAPTR 1 1 \"\" \"SIP+D2T\" \"\" _sip._tcp", "warning", "\"s\""),
        ]
    )
    func mistakes(line: String, severity: String, advice: String) throws {
        let findings = try Self.check("; before\n\(line)\n").filter { !$0.message.hasPrefix("clients that skip") }
        #expect(findings.map(\.line) == [6])
        #expect(findings.map(\.severity.rawValue) == [severity])
        #expect(findings.first?.advice?.contains(advice) ?? false, "\(findings)")
    }

    @Test("Records that stand twice, with two weights, are found; the same port in another priority is none")
    func duplicates() throws {
        let text = """
            _sip._tcp IN SRV 1 10 5060 ok
            _sip._tcp IN SRV 1 20 5060 ok
            _sip._tcp IN SRV 2 10 5060 ok
            _sip._tcp IN SRV 1 10 5061 ok

            """
        #expect(try Self.check(text).map(\.line) == [6])
    }

    @Test("Weights of 0 are found among several only, and not beside a weight")
    func weights() throws {
        #expect(try Self.check("_sip._tcp IN SRV 1 0 5060 ok\n") == [])
        #expect(try Self.check("_sip._tcp IN SRV 1 0 5060 ok\n_sip._tcp IN SRV 1 5 5061 ok\n") == [])
        #expect(try Self.check("_sip._tcp IN SRV 1 0 5060 ok\n_sip._tcp IN SRV 2 0 5061 ok\n") == [])
        #expect(try Self.check("_sip._tcp IN SRV 1 0 5060 ok\n_sip._tcp IN SRV 1 0 5061 ok\n").map(\.line) == [5])
    }

    @Test(
        "What is right, or of others, is left alone",
        arguments: [
            "_sips._udp IN SRV 0 0 0 .", "_sip._udp IN SRV 1 1 5060 host.elsewhere.example.",
            "_xmpp._tcp IN SRV 1 1 0 gone",
            "@ IN NAPTR 1 1 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .",
            "*.w IN A 127.0.0.1\n_sip._udp IN SRV 1 1 5060 x.w",
            "sub IN NS ns.sub\n_sip._udp IN SRV 1 1 5060 host.sub",
            "six IN AAAA ::1\n_sip._udp IN SRV 1 1 5060 six", "_sip._udp 300 IN SRV 1 1 5060 ok",
            "ok 86400 IN TXT \"long\"",
        ]
    )
    func innocent(text: String) throws { #expect(try Self.check(text + "\n") == []) }

    private static let naptr = "@ IN NAPTR 10 10 \"s\" "

    @Test("LOC-74: SRV records without a NAPTR record of their domain are found once, with what to publish")
    func noNAPTR() throws {
        let text = "_sip._udp IN SRV 1 1 5060 ok\n_sips._tcp IN SRV 1 1 5061 ok\n_sip._tcp.x IN SRV 1 1 5060 ok\n"
        let findings = try Self.check(text, whole: true)
        #expect(findings.map(\.line) == [5, 7] && findings.allSatisfy { $0.severity == .warning })
        #expect(findings.first?.advice == "@ IN NAPTR 30 50 \"s\" \"SIP+D2U\" \"\" _sip._udp")
        #expect(findings.last?.advice == "x IN NAPTR 20 50 \"s\" \"SIP+D2T\" \"\" _sip._tcp.x")
        #expect(try Self.check("_sip._udp IN SRV 0 0 0 .\n", whole: true) == [])
        let hosted = "\(Self.naptr)\"SIP+D2T\" \"\" _sip._tcp.x\n_sip._tcp IN SRV 1 1 5060 ok\n"
        #expect(try Self.check(hosted + "_sip._tcp.x IN SRV 1 1 5060 ok\n", whole: true) == [])
    }

    @Test("LOC-74: a service that the NAPTR records of its domain leave out is found")
    func leftOut() throws {
        let text =
            "\(Self.naptr)\"SIP+D2T\" \"\" _sip._tcp\n_sip._tcp IN SRV 1 1 5060 ok\n_sips._tcp IN SRV 1 1 5061 ok\n"
        let findings = try Self.check(text)
        #expect(findings.map(\.line) == [7])
        #expect(findings.first?.advice == "@ IN NAPTR 10 50 \"s\" \"SIPS+D2T\" \"\" _sips._tcp")
    }

    @Test("LOC-74: clear text before TLS is found, by order and by preference; behind it is as it should be")
    func clearFirst() throws {
        let services = "_sip._tcp IN SRV 1 1 5060 ok\n_sips._tcp IN SRV 1 1 5061 ok\n"
        for (clear, secure, isFound) in [("10 10", "20 10", true), ("10 10", "10 20", true), ("20 10", "10 90", false)]
        {
            let text = """
                @ IN NAPTR \(secure) "s" "SIPS+D2T" "" _sips._tcp
                @ IN NAPTR \(clear) "s" "SIP+D2T" "" _sip._tcp
                \(services)
                """
            #expect(try Self.check(text).map(\.line) == (isFound ? [6] : []), "\(clear) and \(secure)")
        }
    }

    @Test("A NAPTR record that leads to a service which is not offered is found")
    func notOffered() throws {
        let text = "@ IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp\n_sip._tcp IN SRV 0 0 0 .\n"
        #expect(try Self.check(text).map(\.line) == [5])
    }

    @Test("Zones of one run are looked up in each other; a file that cannot be read is a finding with its line")
    func files() throws {
        let directory = try TemporaryDirectory()
        let head = "$TTL 60\n@ IN SOA ns h 1 2 3 4 5\n"
        let first = try directory.write(
            "$ORIGIN a.test.\n\(head)@ IN NAPTR 1 1 \"s\" \"SIP+D2T\" \"\" _sip._tcp\n_sip._tcp IN SRV 1 1 5060 x.b.test.\n",
            to: "a.zone"
        )
        let second = try directory.write("$ORIGIN b.test.\n\(head)y IN A 127.0.0.1\n", to: "b.zone")
        let bad = try directory.write("$ORIGIN c.test.\n\(head)y IN A 127.0.0\n", to: "c.zone")
        #expect(ZoneChecker.findings(in: [first]) == [])
        let findings = ZoneChecker.findings(in: [first, second, bad, "/nonexistent.zone"])
        #expect(findings.map(\.file) == [first, bad, "/nonexistent.zone"])
        #expect(findings.map(\.line) == [5, 4, 0])
        #expect(findings.allSatisfy { $0.severity == .error })
        #expect(
            "\(findings[0])".hasSuffix(
                "error: the target x.b.test has no address (publish: x.b.test. IN A … or IN AAAA …)"
            )
        )
        #expect("\(findings[2])".hasPrefix("/nonexistent.zone: error: "))
    }
}
