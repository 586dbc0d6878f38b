// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@Suite("Records that the operator gives himself")
struct OverridesTests {
    static func overrides(_ text: String) throws -> DNSOverrides {
        try DNSOverrides(try ZoneFile.records(in: text, file: "o"), file: "o")
    }

    @Test("LOC-71: a name in the file has what stands there, with its TTL, and nothing of what DNS says")
    func overridden() async throws {
        let server = try await ClientBench.zoneServer("other IN A 192.0.2.5\n")
        let overrides = try Self.overrides(
            "host.z.test. 45 IN A 192.0.2.77\n_sip._tcp.z.test. 30 IN SRV 10 5 5060 host.z.test.\n"
        )
        let client = try await ClientBench.client([server.port]) { $0.overrides = overrides }
        let answer = try await client.ask(ClientBench.host).get()
        #expect(answer.records.map(\.data) == [.address(.v4(0xC000_024D))])
        #expect(answer.timeToLive == .seconds(45))
        #expect(answer.server == DNSOverrides.server)
        #expect(try await client.ask(DNSQuestion(DNSName("host.z.test"), .aaaa)).get().outcome == .noData)
        let service = try await client.ask(DNSQuestion(DNSName("_sip._tcp.z.test"), .srv)).get()
        #expect(service.records.count == 1)
        #expect(service.timeToLive == .seconds(30))
        #expect(server.queries == [])
        #expect(try await client.ask(DNSQuestion(DNSName("other.z.test"), .a)).get().records.count == 1)
        #expect(server.queries == ["udp A other.z.test"])
        await server.stop()
    }

    @Test("LOC-71: a whole target resolves from the file, and new settings bring other records at once")
    func target() async throws {
        let text = "_sip._tcp.pbx.z.test. 30 IN SRV 10 5 5070 n1.z.test.\nn1.z.test. 45 IN A 192.0.2.7\n"
        let client = try await ClientBench.client([]) { $0.overrides = try Self.overrides(text) }
        let resolver = TargetResolver(client: client)
        let target = try SIPTarget("sip:pbx.z.test;transport=tcp")
        let outcome = try await resolver.resolve(target, policy: ResolutionPolicy())
        #expect(try InteroperationTests.endpoints(outcome) == ["10 5 tcp:192.0.2.7:5070"])
        var settings = DNSClient.Settings(servers: [])
        settings.overrides = try Self.overrides(text.replacing("192.0.2.7", with: "192.0.2.8"))
        try await client.use(settings).get()
        let later = try await resolver.resolve(target, policy: ResolutionPolicy())
        #expect(try InteroperationTests.endpoints(later) == ["10 5 tcp:192.0.2.8:5070"])
    }

    @Test("LOC-71: the hosts file of the system is not read: its names are asked for like any other")
    func hostsFile() async throws {
        // Names that every system's hosts file has; they leave the host no more than other local ones do.
        let server = try await ClientBench.zoneServer()
        let client = try await ClientBench.client([server.port])
        for name in ["localhost", "ip6-localhost", "localhost.localdomain"] {
            let answer = try await client.ask(DNSQuestion(DNSName(name), .a)).get()
            #expect(answer.records.isEmpty, "\(name)")
        }
        #expect(server.queries.allSatisfy { $0.contains("localdomain") })
        await server.stop()
    }

    @Test("LOC-71: a record of another type is told with its line")
    func wrongType() throws {
        do {
            _ = try Self.overrides("a.z.test. 1 IN A 192.0.2.1\nb.z.test. 1 IN CNAME a.z.test.\n")
            Issue.record("an alias is taken")
        } catch let problems as ZoneProblems {
            #expect(problems.problems.map(\.line) == [2])
            #expect(problems.description.contains("CNAME cannot be overridden"))
        }
    }
}
