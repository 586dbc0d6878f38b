// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("The choice among NAPTR records (RFC 3263 section 4.1, RFC 3403)")
struct NAPTRTests {
    /// SRV records of each transport at example.com, each with a server of its own.
    static let services = """
        _sips._tcp.example.com SRV 10 10 5061 tls.example.com
        _sip._tcp.example.com SRV 10 10 5060 tcp.example.com
        _sip._udp.example.com SRV 10 10 5060 udp.example.com
        tls.example.com A 192.0.2.3
        tcp.example.com A 192.0.2.2
        udp.example.com A 192.0.2.1

        """
    static let published = """
        example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com
        example.com NAPTR 90 50 s SIP+D2T _sip._tcp.example.com
        example.com NAPTR 100 50 s SIP+D2U _sip._udp.example.com

        """

    /// The transports of the result, by rank.
    static func transports(
        _ records: String,
        _ target: String = "sip:example.com",
        _ used: [SIPTransport] = [.tls, .tcp, .udp]
    ) throws -> [SIPTransport] {
        let located = try ScriptedDNS(records + services).resolve(target, .sample(used)).located
        return (located?.servers ?? []).sorted { $0.rank < $1.rank }.map(\.endpoint.transport)
    }

    @Test("V-NAP-01, LOC-17, LOC-18, LOC-19: the first order that can be used decides, alone")
    func firstOrder() throws {
        #expect(try Self.transports(Self.published) == [.tls])
        #expect(try Self.transports(Self.published, "sip:example.com", [.tcp, .udp]) == [.tcp])
        #expect(try Self.transports(Self.published, "sip:example.com", [.udp]) == [.udp])
        #expect(try Self.transports(Self.published, "sips:example.com") == [.tls])
        let none = try ScriptedDNS(Self.published + Self.services).resolve("sips:example.com", .sample([.tcp, .udp]))
        #expect(none.isAbsent)
    }

    @Test("V-NAP-02, LOC-15: order counts before preference")
    func order() throws {
        let records = """
            example.com NAPTR 20 10 s SIPS+D2T _sips._tcp.example.com
            example.com NAPTR 10 100 s SIP+D2U _sip._udp.example.com

            """
        #expect(try Self.transports(records, "sip:example.com", [.tls, .udp]) == [.udp])
        #expect(try Self.transports(records, "sip:example.com", [.tls, .tcp]) == [.tls])
        #expect(try Self.transports(records, "sips:example.com") == [.tls])
    }

    @Test("V-NAP-03, LOC-16: records of one order are all used, by preference")
    func sameOrder() throws {
        let records = """
            example.com NAPTR 10 20 s SIP+D2T _sip._tcp.example.com
            example.com NAPTR 10 10 s SIP+D2U _sip._udp.example.com
            example.com NAPTR 10 30 s SIPS+D2T _sips._tcp.example.com

            """
        #expect(try Self.transports(records) == [.udp, .tcp, .tls])
        #expect(try Self.transports(records, "sips:example.com") == [.tls])
    }

    @Test("V-NAP-04, LOC-22: a replacement in another domain is asked; certificates must still name the first one")
    func foreign() throws {
        let dns = ScriptedDNS(
            """
            example.com NAPTR 10 10 s SIPS+D2T _sips._tcp.hosted.example.net
            _sips._tcp.hosted.example.net SRV 10 10 5061 n7.hosted.example.net
            n7.hosted.example.net A 192.0.2.7
            """
        )
        let trace = try dns.resolve("sips:example.com")
        #expect(
            trace.queries == [
                "NAPTR example.com", "SRV _sips._tcp.hosted.example.net", "A n7.hosted.example.net",
                "AAAA n7.hosted.example.net",
            ]
        )
        #expect(trace.endpoints == ["tls:192.0.2.7:5061"])
        #expect(try SIPTarget("sips:example.com").referenceDomain == "example.com")
    }

    @Test("V-NAP-05, LOC-20, LOC-21: records in error and of other applications are passed over; case does not count")
    func junk() throws {
        let records = """
            example.com NAPTR 10 10 u E2U+sip !^.*$!sip:x@y! .
            example.com NAPTR 10 10 s SIP+D2T !a!b! _sip._tcp.example.com
            example.com NAPTR 10 10 a SIP+D2T - host.example.com
            example.com NAPTR 10 10 s SIP+D2X _sip._tcp.example.com
            example.com NAPTR 10 10 s SIPS+D2U _sips._udp.example.com
            example.com NAPTR 20 10 S sip+d2t - _sip._tcp.example.com

            """
        #expect(try Self.transports(records) == [.tcp])
    }

    @Test("V-NAP-06: services that are not spoken here are passed over before the first match")
    func skipped() throws {
        let records = """
            example.com NAPTR 10 10 s SIP+D2S _sip._sctp.example.com
            example.com NAPTR 20 10 s SIP+D2W _sip._ws.example.com
            example.com NAPTR 30 10 s SIP+D2T _sip._tcp.example.com

            """
        #expect(try Self.transports(records, "sip:example.com", [.tcp, .udp]) == [.tcp])
    }

    @Test("V-NAP-07, LOC-23: NAPTR records none of which can be used count as none")
    func noneUsable() throws {
        let records = "example.com NAPTR 10 10 s SIP+D2S _sip._sctp.example.com\n"
        let trace = try ScriptedDNS(records + Self.services).resolve("sip:example.com")
        #expect(
            trace.rounds[1] == [
                "SRV _sips._tcp.example.com", "SRV _sip._tcp.example.com", "SRV _sip._udp.example.com",
            ]
        )
        #expect(trace.endpoints == ["tls:192.0.2.3:5061"])
    }

    @Test("V-NAP-08, LOC-28: without NAPTR the preferred transport that has SRV records is used alone")
    func probe() throws {
        let lines = Self.services.split(separator: "\n").map(String.init)
        func keeping(_ labels: [String]) -> String {
            lines.filter { line in !line.hasPrefix("_") || labels.contains { line.hasPrefix("\($0).") } }
                .joined(separator: "\n") + "\nexample.com A 192.0.2.99\n"
        }
        let expected: [([String], String)] = [
            (["_sip._tcp"], "tcp:192.0.2.2:5060"), (["_sip._udp", "_sip._tcp"], "tcp:192.0.2.2:5060"),
            (["_sip._udp"], "udp:192.0.2.1:5060"), ([], "udp:192.0.2.99:5060"),
        ]
        for (labels, endpoint) in expected {
            #expect(try ScriptedDNS(keeping(labels)).resolve("sip:example.com").endpoints == [endpoint])
        }
        #expect(
            try ScriptedDNS(keeping(["_sip._tcp", "_sip._udp"])).resolve("sips:example.com").endpoints
                == ["tls:192.0.2.99:5061"]
        )
    }

    @Test("LOC-21: five records that lead on are followed, six are not, and neither is a circle")
    func chains() throws {
        func chain(_ length: Int) -> String {
            let hops = (0..<length).map { index in
                "\(index == 0 ? "" : "c\(index).")example.com NAPTR 10 10 - - - c\(index + 1).example.com\n"
            }
            return hops.joined() + "c\(length).example.com NAPTR 10 10 s SIP+D2T _sip._tcp.example.com\n"
        }
        #expect(try Self.transports(chain(5)) == [.tcp])
        #expect(try ScriptedDNS(chain(6) + Self.services).resolve("sip:example.com").isAbsent)
        let circle = """
            example.com NAPTR 10 10 - - - c.example.com
            c.example.com NAPTR 10 10 - - - example.com

            """
        #expect(try ScriptedDNS(circle + Self.services).resolve("sip:example.com").isAbsent)
    }

    @Test("LOC-21: a record of another application leads nowhere, and a lower order is never overtaken")
    func nonTerminal() throws {
        let foreign =
            "example.com NAPTR 10 10 - E2U+pstn - trap.example.com\ntrap.example.com NAPTR 10 10 s SIP+D2U "
            + "_sip._udp.example.com\n"
        #expect(try ScriptedDNS(foreign + Self.services).resolve("sip:example.com").queries[1].hasPrefix("SRV"))
        let lower = """
            example.com NAPTR 20 10 s SIP+D2U _sip._udp.example.com
            example.com NAPTR 10 10 - - - next.example.com
            next.example.com NAPTR 10 10 s SIP+D2T _sip._tcp.example.com

            """
        #expect(try Self.transports(lower) == [.tcp])
    }

    @Test("LOC-27: 40 usable records with 3 duplicates are cut to the best 32, with one note")
    func limit() throws {
        var lines = (0..<40).map { "example.com NAPTR 10 \(100 - $0) s SIP+D2T _sip._tcp.h\($0).example.com\n" }
        for index in 0..<40 {
            lines.append("_sip._tcp.h\(index).example.com SRV 1 1 \(6000 + index) t.example.com\n")
        }
        lines += lines[..<3]
        lines.append("t.example.com A 192.0.2.1\n")
        let located = try #require(try ScriptedDNS(lines.joined()).resolve("sip:example.com").located)
        #expect(located.servers.map(\.endpoint.port) == (8..<40).reversed().map { 6000 + UInt16($0) })
        #expect(located.servers.map(\.rank) == Array(0..<32))
        #expect(located.notes.count { $0.contains("more than 32") } == 1)
    }

    @Test("LOC-27: records of other applications do not use the limit up")
    func limitCountsUsable() throws {
        let lines = (0..<60).map { "example.com NAPTR 10 \($0) u E2U+x\($0) !^.*$!sip:x@y! .\n" }
        #expect(try Self.transports(lines.joined() + Self.published) == [.tls])
    }
}
