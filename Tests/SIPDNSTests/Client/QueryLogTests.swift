// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@Suite("What a name server is asked for a target, from its own log")
struct QueryLogTests {
    static let zone = """
        core 60 IN A 127.0.0.10
        _sip._udp.core 60 IN SRV 10 10 5070 n1
        _sip._tcp.core 60 IN SRV 10 10 5072 n1
        _sips._tcp.core 60 IN SRV 10 10 5073 n1
        n1 60 IN A 127.0.0.11
        bare 60 IN A 127.0.0.20
        chosen 60 IN NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.core
        chosen 60 IN NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.core
        part 60 IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.part
        _sip._tcp.part 60 IN SRV 10 10 5060 n1
        _sip._tcp.part 60 IN SRV 10 10 5060 n2.broken

        """

    static let n1: Set<String> = ["A n1", "AAAA n1"]
    static let core: Set<String> = ["A core", "AAAA core"]
    static let bare: Set<String> = ["A bare", "AAAA bare"]

    /// Each row: the target, the rounds of questions, the servers.
    ///
    /// Inside a round any order will do.
    static let rows: [(String, [Set<String>], [String])] = [
        ("sip:192.0.2.9", [], ["udp:192.0.2.9:5060"]),
        ("sips:192.0.2.9", [], ["tls:192.0.2.9:5061"]),
        ("sip:[2001:db8::9]", [], ["udp:[2001:db8::9]:5060"]),
        ("sip:192.0.2.9;transport=tcp", [], ["tcp:192.0.2.9:5060"]),
        ("sip:192.0.2.9:5080", [], ["udp:192.0.2.9:5080"]),
        ("sip:192.0.2.9:5080;transport=tcp", [], ["tcp:192.0.2.9:5080"]),
        ("sip:core.z.test:5080", [core], ["udp:127.0.0.10:5080"]),
        ("sips:core.z.test:5071", [core], ["tls:127.0.0.10:5071"]),
        ("sip:core.z.test;transport=udp", [["SRV _sip._udp.core"], n1], ["udp:127.0.0.11:5070"]),
        ("sip:core.z.test;transport=tcp", [["SRV _sip._tcp.core"], n1], ["tcp:127.0.0.11:5072"]),
        ("sips:core.z.test;transport=tcp", [["SRV _sips._tcp.core"], n1], ["tls:127.0.0.11:5073"]),
        ("sip:bare.z.test;transport=tls", [["SRV _sips._tcp.bare"], bare], ["tls:127.0.0.20:5061"]),
        ("sip:chosen.z.test", [["NAPTR chosen"], ["SRV _sips._tcp.core"], n1], ["tls:127.0.0.11:5073"]),
        ("sips:chosen.z.test", [["NAPTR chosen"], ["SRV _sips._tcp.core"], n1], ["tls:127.0.0.11:5073"]),
        (
            "sip:core.z.test",
            [["NAPTR core"], ["SRV _sips._tcp.core", "SRV _sip._tcp.core", "SRV _sip._udp.core"], n1],
            ["tls:127.0.0.11:5073"]
        ),
        (
            "sip:bare.z.test",
            [["NAPTR bare"], ["SRV _sips._tcp.bare", "SRV _sip._tcp.bare", "SRV _sip._udp.bare"], bare],
            ["udp:127.0.0.20:5060"]
        ),
        ("sips:bare.z.test", [["NAPTR bare"], ["SRV _sips._tcp.bare"], bare], ["tls:127.0.0.20:5061"]),
    ]

    static func script(_ query: FakeDNS.Query, _ zone: Zone) -> [FakeDNS.Action] {
        if query.asked.name.isWithin(DNSName("broken.z.test")) {
            return [.answer(query.bytes(of: ZoneReply(code: .serverFailure)))]
        }
        return [.answer(query.reply(zone))]
    }

    static func located(_ resolver: TargetResolver, _ target: String) async throws -> LocatedTarget {
        var policy = ResolutionPolicy()
        policy.allowsLoopback = true
        let outcome = try await resolver.resolve(try SIPTarget(target), policy: policy)
        guard case .resolved(let located) = outcome.step else { throw TestSupportError("\(outcome.step)") }
        return located
    }

    @Test("LOC-14, V-DNS-00: each row of the case table asks what it should, in order, and a second time nothing")
    func table() async throws {
        let zone = try ClientBench.zone(Self.zone)
        try await expectRows { Self.script($0, zone) }
    }

    @Test("LOC-14: the same rows against nsd, whose queries a relay writes down")
    func served() async throws {
        let directory = try TemporaryDirectory()
        let nsd = try await NameServer.nsd([("z.test", try directory.write(ClientBench.text + Self.zone, to: "z.zone"))]
        )
        let port = nsd.port
        try await expectRows { _ in [.forward(port)] }
        await nsd.stop()
    }

    private func expectRows(from script: @escaping FakeDNS.Script) async throws {
        for (target, rounds, endpoints) in Self.rows {
            let server = try await FakeDNS.start(on: ClientBench.loop, script)
            let resolver = TargetResolver(client: try await ClientBench.client([server.port]))
            #expect(try await Self.located(resolver, target).servers.map(\.endpoint.description) == endpoints)
            var log = server.queries.map { $0.replacing("udp ", with: "").replacing(".z.test", with: "") }[...]
            for round in rounds {
                #expect(Set(log.prefix(round.count)) == round, "\(target)")
                log = log.dropFirst(round.count)
            }
            #expect(log == [], "\(target)")
            let before = server.queries.count
            #expect(try await Self.located(resolver, target).servers.count == endpoints.count)
            #expect(server.queries.count == before)
            await server.stop()
        }
    }

    @Test("LOC-57: a target's name that gets SERVFAIL leaves the rest, and the result says that it is partial")
    func partial() async throws {
        let zone = try ClientBench.zone(Self.zone)
        let server = try await FakeDNS.start(on: ClientBench.loop) { Self.script($0, zone) }
        let resolver = TargetResolver(client: try await ClientBench.client([server.port]))
        let located = try await Self.located(resolver, "sip:part.z.test")
        #expect(located.servers.map(\.endpoint.description) == ["tcp:127.0.0.11:5060"])
        #expect(located.isPartial)
        await server.stop()
    }
}
