// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("The case table of RFC 3263 sections 4.1 and 4.2")
struct CaseTableTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let target: String
        let rounds: [[String]]
        let endpoints: [String]

        init(_ target: String, _ rounds: [[String]], _ endpoints: [String]) {
            self.target = target
            self.rounds = rounds
            self.endpoints = endpoints
        }

        var testDescription: String { target }
    }

    /// `core` has SRV records of every transport, `bare` has addresses only, `chosen` has NAPTR records too.
    static let dns = ScriptedDNS(
        """
        core.example.net A 192.0.2.10
        _sip._udp.core.example.net SRV 10 10 5070 n1.example.net
        _sip._tcp.core.example.net SRV 10 10 5072 n1.example.net
        _sips._tcp.core.example.net SRV 10 10 5073 n1.example.net
        n1.example.net A 192.0.2.1
        n1.example.net AAAA 2001:db8::1
        bare.example.net A 192.0.2.20
        chosen.example.net NAPTR 10 10 s SIPS+D2T _sips._tcp.core.example.net
        chosen.example.net NAPTR 20 10 s SIP+D2U _sip._udp.core.example.net
        """
    )

    static let n1 = ["A n1.example.net", "AAAA n1.example.net"]
    static let bare = ["A bare.example.net", "AAAA bare.example.net"]
    static let core = ["A core.example.net", "AAAA core.example.net"]

    static let rows: [Row] = [
        Row("sip:192.0.2.9", [], ["udp:192.0.2.9:5060"]),
        Row("sip:192.0.2.9:5080", [], ["udp:192.0.2.9:5080"]),
        Row("sip:192.0.2.9;transport=tcp", [], ["tcp:192.0.2.9:5060"]),
        Row("sip:[2001:db8::9]", [], ["udp:[2001:db8::9]:5060"]),
        Row("sips:192.0.2.9", [], ["tls:192.0.2.9:5061"]),
        Row("sips:[2001:db8::9]:5071;transport=tcp", [], ["tls:[2001:db8::9]:5071"]),
        Row("sip:core.example.net:5080", [core], ["udp:192.0.2.10:5080"]),
        Row("sip:core.example.net:5080;transport=tcp", [core], ["tcp:192.0.2.10:5080"]),
        Row("sips:core.example.net:5071", [core], ["tls:192.0.2.10:5071"]),
        Row(
            "sip:core.example.net;transport=udp",
            [["SRV _sip._udp.core.example.net"], n1],
            ["udp:192.0.2.1:5070", "udp:[2001:db8::1]:5070"]
        ),
        Row("sip:bare.example.net;transport=udp", [["SRV _sip._udp.bare.example.net"], bare], ["udp:192.0.2.20:5060"]),
        Row(
            "sip:core.example.net;transport=tcp",
            [["SRV _sip._tcp.core.example.net"], n1],
            ["tcp:192.0.2.1:5072", "tcp:[2001:db8::1]:5072"]
        ),
        Row("sip:bare.example.net;transport=TCP", [["SRV _sip._tcp.bare.example.net"], bare], ["tcp:192.0.2.20:5060"]),
        Row(
            "sips:core.example.net;transport=tcp",
            [["SRV _sips._tcp.core.example.net"], n1],
            ["tls:192.0.2.1:5073", "tls:[2001:db8::1]:5073"]
        ),
        Row(
            "sips:bare.example.net;transport=tcp",
            [["SRV _sips._tcp.bare.example.net"], bare],
            ["tls:192.0.2.20:5061"]
        ),
        Row(
            "sip:bare.example.net;transport=tls",
            [["SRV _sips._tcp.bare.example.net"], bare],
            ["tls:192.0.2.20:5061"]
        ),
        Row(
            "sip:chosen.example.net",
            [["NAPTR chosen.example.net"], ["SRV _sips._tcp.core.example.net"], n1],
            ["tls:192.0.2.1:5073", "tls:[2001:db8::1]:5073"]
        ),
        Row(
            "sips:chosen.example.net",
            [["NAPTR chosen.example.net"], ["SRV _sips._tcp.core.example.net"], n1],
            ["tls:192.0.2.1:5073", "tls:[2001:db8::1]:5073"]
        ),
        Row(
            "sip:core.example.net",
            [
                ["NAPTR core.example.net"],
                [
                    "SRV _sips._tcp.core.example.net", "SRV _sip._tcp.core.example.net",
                    "SRV _sip._udp.core.example.net",
                ], n1,
            ],
            ["tls:192.0.2.1:5073", "tls:[2001:db8::1]:5073"]
        ),
        Row(
            "sips:core.example.net",
            [["NAPTR core.example.net"], ["SRV _sips._tcp.core.example.net"], n1],
            ["tls:192.0.2.1:5073", "tls:[2001:db8::1]:5073"]
        ),
        Row(
            "sip:bare.example.net",
            [
                ["NAPTR bare.example.net"],
                [
                    "SRV _sips._tcp.bare.example.net", "SRV _sip._tcp.bare.example.net",
                    "SRV _sip._udp.bare.example.net",
                ], bare,
            ],
            ["udp:192.0.2.20:5060"]
        ),
        Row(
            "sips:bare.example.net",
            [["NAPTR bare.example.net"], ["SRV _sips._tcp.bare.example.net"], bare],
            ["tls:192.0.2.20:5061"]
        ),
    ]

    @Test(
        "LOC-05, LOC-06, LOC-07, LOC-08, LOC-14: the questions in order, and the servers that come of them",
        arguments: rows
    )
    func table(row: Row) throws {
        let trace = try Self.dns.resolve(row.target)
        #expect(trace.rounds == row.rounds)
        #expect(trace.endpoints == row.endpoints)
    }

    @Test("LOC-02: a bare host, and one with the scheme, ask and find the same")
    func bareHost() throws {
        let (bare, full) = (try Self.dns.resolve("chosen.example.net"), try Self.dns.resolve("SIP:chosen.example.net"))
        #expect(bare.rounds == full.rounds)
        #expect(bare.step == full.step)
        #expect(!bare.endpoints.isEmpty)
    }

    @Test("LOC-10: `transport=tls` on a SIP URI is TLS over TCP, and on a SIPS URI the same as `tcp`")
    func explicitTLS() throws {
        let plain = try Self.dns.resolve("sip:core.example.net;transport=tls")
        #expect(plain.rounds == [["SRV _sips._tcp.core.example.net"], Self.n1])
        #expect(plain.endpoints == ["tls:192.0.2.1:5073", "tls:[2001:db8::1]:5073"])
        #expect(try Self.dns.resolve("sips:core.example.net;transport=tls").step == plain.step)
        #expect(try Self.dns.resolve("sips:core.example.net;transport=tcp").step == plain.step)
        #expect(try Self.dns.resolve("sip:bare.example.net;transport=tls").endpoints == ["tls:192.0.2.20:5061"])
    }

    @Test("An SRV name as target is asked for as it is; without records it is absent", arguments: ["core", "bare"])
    func service(host: String) throws {
        let trace = try Self.dns.resolve("_sip._tcp.\(host).example.net")
        #expect(trace.rounds.first == ["SRV _sip._tcp.\(host).example.net"])
        #expect(trace.isAbsent == (host == "bare"))
        #expect(trace.endpoints.count == (host == "bare" ? 0 : 2))
    }

    @Test("LOC-13: transports that are not allowed are never used, whatever the target says")
    func filtered() throws {
        for target in ["sip:192.0.2.9", "sip:core.example.net;transport=tcp", "sip:core.example.net:5060"] {
            #expect(try Self.dns.resolve(target, .sample([.tls])).isAbsent, "\(target)")
        }
        #expect(
            try Self.dns.resolve("sip:core.example.net", .sample([.tls])).endpoints.allSatisfy { $0.hasPrefix("tls:") }
        )
    }

    @Test("The result does not depend on the order in which the answers come", arguments: 1...40)
    func anyOrder(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for row in Self.rows {
            let resolution = TargetResolution(try SIPTarget(row.target))
            var given: [DNSQuestion: DNSAnswer] = [:]
            while case .ask(let questions) = resolution.step(given) {
                let question = try #require(questions.randomElement(using: &generator))
                #expect(given[question] == nil, "asked twice")
                given[question] = Self.dns.answer(to: question)
            }
            #expect(resolution.step(given) == (try Self.dns.resolve(row.target)).step)
        }
    }
}
