// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("SRV records and what DNS fails to say (RFC 2782, RFC 3263 section 4.2)")
struct ServiceTests {
    static let hosts = """
        n1.example.net A 192.0.2.1
        n2.example.net A 192.0.2.2
        n2.example.net AAAA 2001:db8::2
        core.example.net A 192.0.2.66

        """

    static func resolve(_ records: String, _ target: String = "sip:core.example.net;transport=tcp") throws -> Trace {
        try ScriptedDNS(records + hosts).resolve(target)
    }

    @Test("V-DNS-00: a cold target asks NAPTR, then SRV, then both families of each target, and nothing else")
    func coldLog() throws {
        let records = """
            core.example.net NAPTR 50 50 s SIPS+D2T _sips._tcp.core.example.net
            core.example.net NAPTR 90 50 s SIP+D2T _sip._tcp.core.example.net
            _sips._tcp.core.example.net SRV 10 10 5061 n1.example.net
            _sips._tcp.core.example.net SRV 10 10 5061 n2.example.net

            """
        let trace = try Self.resolve(records, "sip:core.example.net")
        #expect(
            trace.rounds == [
                ["NAPTR core.example.net"], ["SRV _sips._tcp.core.example.net"],
                ["A n1.example.net", "AAAA n1.example.net", "A n2.example.net", "AAAA n2.example.net"],
            ]
        )
    }

    @Test("LOC-29: every record is kept with its priority, weight and port, the lowest priority first")
    func priorities() throws {
        let records = """
            _sip._tcp.core.example.net SRV 20 7 5070 n1.example.net
            _sip._tcp.core.example.net SRV 10 9 5071 n2.example.net
            _sip._tcp.core.example.net SRV 20 5 5072 n2.example.net

            """
        let servers = try #require(try Self.resolve(records).located).servers
        #expect(
            servers.map { "\($0.priority) \($0.weight) \($0.endpoint) \($0.name)" } == [
                "10 9 tcp:192.0.2.2:5071 n2.example.net", "10 9 tcp:[2001:db8::2]:5071 n2.example.net",
                "20 7 tcp:192.0.2.1:5070 n1.example.net", "20 5 tcp:192.0.2.2:5072 n2.example.net",
                "20 5 tcp:[2001:db8::2]:5072 n2.example.net",
            ]
        )
    }

    @Test("V-SRV-08, LOC-33: a single \".\" ends the search without a question for an address")
    func notOffered() throws {
        let trace = try Self.resolve("_sip._tcp.core.example.net SRV 0 0 0 .\n")
        #expect(trace.isAbsent)
        #expect(trace.queries == ["SRV _sip._tcp.core.example.net"])
        let beside = try Self.resolve(
            "_sip._tcp.core.example.net SRV 0 0 0 .\n_sip._tcp.core.example.net SRV 9 0 5060 n1.example.net\n"
        )
        #expect(beside.endpoints == ["tcp:192.0.2.1:5060"])
    }

    @Test("LOC-33: among several transports \".\" takes away that one only")
    func notOfferedInProbe() throws {
        let some = """
            _sips._tcp.core.example.net SRV 0 0 0 .
            _sip._tcp.core.example.net SRV 10 0 5060 n1.example.net

            """
        #expect(try Self.resolve(some, "sip:core.example.net").endpoints == ["tcp:192.0.2.1:5060"])
        #expect(try Self.resolve(some, "sips:core.example.net").isAbsent)
        let all = ["_sips._tcp", "_sip._tcp", "_sip._udp"].map { "\($0).core.example.net SRV 0 0 0 .\n" }.joined()
        let trace = try Self.resolve(all, "sip:core.example.net")
        #expect(trace.isAbsent)
        #expect(!trace.queries.contains("A core.example.net"))
        let onlyTLS = "_sips._tcp.core.example.net SRV 0 0 0 .\n"
        #expect(try Self.resolve(onlyTLS, "sip:core.example.net").endpoints == ["udp:192.0.2.66:5060"])
        let udp = "_sip._udp.core.example.net SRV 0 0 0 .\n"
        #expect(!(try Self.resolve(udp, "sip:core.example.net").endpoints.contains { $0.hasPrefix("udp:") }))
    }

    @Test("LOC-35: the port is the record's; port 0 is no server")
    func ports() throws {
        let records = """
            _sip._tcp.core.example.net SRV 10 0 0 n2.example.net
            _sip._tcp.core.example.net SRV 10 0 5070 n1.example.net

            """
        let trace = try Self.resolve(records)
        #expect(trace.endpoints == ["tcp:192.0.2.1:5070"])
        #expect(trace.located?.notes.count == 1)
    }

    @Test("LOC-37: no SRV record means the domain's own addresses at the default port")
    func fallback() throws {
        #expect(try Self.resolve("").endpoints == ["tcp:192.0.2.66:5060"])
        #expect(try Self.resolve("_sip._tcp.core.example.net A 192.0.2.5\n").endpoints == ["tcp:192.0.2.66:5060"])
    }

    @Test("LOC-38: targets without an address are passed over; when all are, the domain's address is not asked for")
    func dangling() throws {
        let one = """
            _sip._tcp.core.example.net SRV 10 0 5060 gone.example.net
            _sip._tcp.core.example.net SRV 10 0 5060 n2.example.net

            """
        #expect(try Self.resolve(one).endpoints == ["tcp:192.0.2.2:5060", "tcp:[2001:db8::2]:5060"])
        #expect(try #require(try Self.resolve(one).located).notes.contains { $0.hasPrefix("gone.example.net") })
        let trace = try Self.resolve("_sip._tcp.core.example.net SRV 10 0 5060 gone.example.net\n")
        #expect(trace.isAbsent)
        #expect(!trace.queries.contains("A core.example.net"))
    }

    @Test(
        "V-DNS-04, LOC-57: a failure is not absence: nothing less than what was asked for is used",
        arguments: DNSAnswer.Failure.allCases
    )
    func degradation(kind: DNSAnswer.Failure) throws {
        for (line, target) in [
            ("_sips._tcp.core.example.net SRV !\(kind.rawValue)", "sips:core.example.net"),
            ("_sips._tcp.core.example.net SRV !\(kind.rawValue)", "sip:core.example.net"),
            ("_sip._tcp.core.example.net SRV !\(kind.rawValue)", "sip:core.example.net;transport=tcp"),
            ("core.example.net NAPTR !\(kind.rawValue)", "sip:core.example.net"),
            ("core.example.net NAPTR !\(kind.rawValue)", "sips:core.example.net"),
        ] {
            let trace = try Self.resolve("\(line)\n_sip._udp.core.example.net SRV 1 1 5060 n1.example.net\n", target)
            #expect(trace.isFailed, "\(line) for \(target)")
            #expect(!trace.queries.contains("A core.example.net"))
        }
        #expect(try Self.resolve("", "sips:core.example.net").endpoints == ["tls:192.0.2.66:5061"])
    }

    @Test("LOC-57: when TLS of one order cannot be asked for, its clear-text neighbours do not stand in")
    func neverDown() throws {
        let records = """
            core.example.net NAPTR 10 10 s SIPS+D2T _sips._tcp.core.example.net
            core.example.net NAPTR 10 20 s SIP+D2T _sip._tcp.core.example.net
            _sips._tcp.core.example.net SRV !servfail
            _sip._tcp.core.example.net SRV 10 10 5060 n1.example.net

            """
        #expect(try Self.resolve(records, "sip:core.example.net").isFailed)
        let absent = records.replacing("SRV !servfail", with: "TXT none")
        #expect(try Self.resolve(absent, "sip:core.example.net").endpoints == ["tcp:192.0.2.1:5060"])
    }

    @Test("LOC-57: a target whose address cannot be asked for makes the result partial, not shorter in silence")
    func partial() throws {
        let records = """
            _sip._tcp.core.example.net SRV 10 0 5060 n1.example.net
            _sip._tcp.core.example.net SRV 10 0 5060 n3.example.net
            n3.example.net A !timeout

            """
        let trace = try Self.resolve(records)
        #expect(trace.endpoints == ["tcp:192.0.2.1:5060"])
        #expect(try #require(trace.located).isPartial)
        let whole = records.replacing("A !timeout", with: "A 192.0.2.3")
        #expect(try #require(try Self.resolve(whole).located).isPartial == false)
    }

    @Test("LOC-57: what could not be asked is named: a family of a target with its record, or a whole service")
    func unanswered() throws {
        let records = """
            core.example.net NAPTR 10 10 s SIP+D2T _sip._tcp.core.example.net
            core.example.net NAPTR 10 20 s SIP+D2U _sip._udp.core.example.net
            _sip._tcp.core.example.net SRV 10 5 5070 n1.example.net
            _sip._tcp.core.example.net SRV 20 7 5071 n3.example.net
            n3.example.net A 192.0.2.3
            n3.example.net AAAA !timeout
            _sip._udp.core.example.net SRV !servfail

            """
        let located = try #require(try Self.resolve(records, "sip:core.example.net").located)
        #expect(located.problem == "AAAA n3.example.net could not be asked: timeout")
        #expect(located.servers.map(\.service) == ["_sip._tcp.core.example.net", "_sip._tcp.core.example.net"])
        guard case .addresses(let record, true) = located.unanswered.first else {
            Issue.record("\(located.unanswered)")
            return
        }
        #expect(record.name == "n3.example.net" && record.service == "_sip._tcp.core.example.net")
        #expect(record.priority == 20 && record.weight == 7 && record.port == 5071 && record.addressOrder == 1)
        #expect(located.unanswered.dropFirst() == [.service("_sip._udp.core.example.net")])
    }

    @Test("LOC-58: each server lives as long as the shortest of the records that lead to it")
    func expiryOfServers() throws {
        let records = """
            core.example.net 300 NAPTR 10 10 s SIP+D2T _sip._tcp.core.example.net
            core.example.net 300 NAPTR 10 20 s SIP+D2U _sip._udp.core.example.net
            _sip._tcp.core.example.net 60 SRV 10 0 5060 n4.example.net
            _sip._udp.core.example.net 600 SRV 10 0 5060 n4.example.net
            n4.example.net 400 A 192.0.2.4

            """
        let located = try #require(try Self.resolve(records, "sip:core.example.net").located)
        let seconds = located.servers.map { $0.expiresAt.map { ($0 - ScriptedDNS.start).nanoseconds / 1_000_000_000 } }
        #expect(seconds == [60, 300])
    }

    @Test("LOC-58, LOC-26: a result lives as long as the shortest of the records that it was made of")
    func expiry() throws {
        let records = """
            core.example.net 300 NAPTR 10 10 s SIP+D2T _sip._tcp.core.example.net
            _sip._tcp.core.example.net 60 SRV 10 0 5060 n4.example.net
            n4.example.net 30 A 192.0.2.4
            n4.example.net 120 AAAA 2001:db8::4

            """
        let located = try #require(try Self.resolve(records, "sip:core.example.net").located)
        #expect(located.expiresAt == ScriptedDNS.start + .seconds(30))
        #expect(try #require(try Self.resolve("", "sip:192.0.2.9").located).expiresAt == nil)
        var dns = ScriptedDNS(records)
        dns.replace(DNSQuestion(DNSName("n4.example.net"), .a)) { $0.isStale = true }
        #expect(try #require(try dns.resolve("sip:core.example.net").located).isStale)
    }

    @Test("LOC-58, LOC-62: a result is due when the first answer that it was made of is, one that failed among them")
    func refreshTime() throws {
        var dns = ScriptedDNS(
            """
            _sip._tcp.core.example.net 60 SRV 10 0 5060 n4.example.net
            n4.example.net 30 A 192.0.2.4
            n4.example.net AAAA !timeout

            """
        )
        let soon = ScriptedDNS.start + .seconds(25)
        dns.replace(DNSQuestion(DNSName("n4.example.net"), .a)) { $0.refreshAt = soon }
        dns.replace(DNSQuestion(DNSName("n4.example.net"), .aaaa)) { $0.refreshAt = ScriptedDNS.start + .seconds(40) }
        let target = "sip:core.example.net;transport=tcp"
        #expect(try #require(try dns.resolve(target).located).refreshAt == soon)
        let sooner = ScriptedDNS.start + .seconds(5)
        dns.replace(DNSQuestion(DNSName("n4.example.net"), .aaaa)) { $0.refreshAt = sooner }
        #expect(try #require(try dns.resolve(target).located).refreshAt == sooner)
        #expect(try #require(try dns.resolve("sip:192.0.2.9").located).refreshAt == nil)
    }

    @Test("A target has a limit of servers, with a note, however many its records name")
    func limit() throws {
        let records = (0..<50).map { "_sip._tcp.core.example.net SRV 10 0 \(6000 + $0) n1.example.net\n" }.joined()
        var policy = ResolutionPolicy.sample()
        policy.servers = 20
        let dns = ScriptedDNS(records + Self.hosts)
        let located = try #require(try dns.resolve("sip:core.example.net;transport=tcp", policy).located)
        #expect(located.servers.count == 20)
        #expect(located.notes.count { $0.contains("more than 20") } == 1)
    }

    @Test("LOC-34: a target that is an alias works, and is noted once")
    func alias() throws {
        var dns = ScriptedDNS("_sip._tcp.core.example.net SRV 10 0 5060 n2.example.net\n" + Self.hosts)
        for type in [DNSRecordType.a, .aaaa] {
            dns.replace(DNSQuestion(DNSName("n2.example.net"), type)) { $0.isAliased = true }
        }
        let located = try #require(try dns.resolve("sip:core.example.net;transport=tcp").located)
        #expect(located.servers.count == 2)
        #expect(located.notes.count { $0.contains("alias") } == 1)
    }
}
