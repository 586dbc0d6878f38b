// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import NIOPosix
import SIPDNS
import SIPLocation
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Next hops outside pools, asked of DNS")
struct NextHopResolutionTests {
    private static var policy: ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.allowsLoopback = true
        return policy
    }

    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func name(
        _ host: String,
        port: UInt16? = nil,
        _ transport: SIPTransport? = nil,
        isSecure: Bool = false
    ) -> NextHopName {
        NextHopName(host: host, port: port, transport: transport, isSecure: isSecure, domain: "a.example")
    }

    private func firstQuestions(_ name: NextHopName) throws -> [String] {
        let target = try #require(NextHopResolution.target(name))
        let step = TargetResolution(target, policy: Self.policy).step([:])
        guard case .ask(let questions) = step else { return [] }
        return questions.map(\.description)
    }

    private func answers(_ lines: [(DNSName, DNSRecordData)], ttl: UInt32, isStale: Bool) -> [DNSQuestion: DNSAnswer] {
        var records: [DNSQuestion: [DNSRecord]] = [:]
        for (name, data) in lines {
            let type: DNSRecordType = if case .srv = data { .srv } else { .a }
            records[DNSQuestion(name, type), default: []]
                .append(DNSRecord(name: name, type: type, ttl: ttl, data: data))
        }
        return records.mapValues { records in
            var answer = DNSAnswer(
                outcome: .records(records),
                timeToLive: .seconds(Int64(ttl)),
                receivedAt: Self.now,
                server: "test"
            )
            answer.isStale = isStale
            return answer
        }
    }

    private func resolved(isStale: Bool) throws -> ResolutionOutcome {
        let name = name("core.example.net", .tls)
        let service = DNSName("_sips._tcp.core.example.net")
        var known = answers(
            [
                (service, .srv(SRVData(priority: 10, weight: 5, port: 5071, target: DNSName("n2.example.net")))),
                (service, .srv(SRVData(priority: 5, weight: 0, port: 5071, target: DNSName("n1.example.net")))),
                (DNSName("n1.example.net"), .address(.v4(0xC000_0201))),
                (DNSName("n2.example.net"), .address(.v4(0x7F00_0001))),
            ],
            ttl: 30,
            isStale: isStale
        )
        for host in ["n1.example.net", "n2.example.net"] {
            known[DNSQuestion(DNSName(host), .aaaa)] = DNSAnswer(
                outcome: .noData,
                timeToLive: .seconds(60),
                receivedAt: Self.now,
                server: "test"
            )
        }
        let target = try #require(NextHopResolution.target(name))
        let step = TargetResolution(target, policy: Self.policy).step(known)
        return NextHopResolution.outcome(of: step, for: name)
    }

    @Test("LOC-10: transport=tls on a sip URI asks for SRV _sips._tcp")
    func tls() throws {
        #expect(try firstQuestions(name("core.example.net", .tls)) == ["SRV _sips._tcp.core.example.net"])
    }

    @Test("TRN-27: a sent-by name is asked for by SRV, over TLS as _sips._tcp; with a port for its addresses")
    func sentBy() throws {
        #expect(try firstQuestions(name("p.example", .tls)) == ["SRV _sips._tcp.p.example"])
        #expect(try firstQuestions(name("p.example", .tcp)) == ["SRV _sip._tcp.p.example"])
        #expect(try firstQuestions(name("p.example", .udp)) == ["SRV _sip._udp.p.example"])
        #expect(try Set(firstQuestions(name("p.example", port: 5071, .tls))) == ["A p.example", "AAAA p.example"])
    }

    @Test(
        "TRN-27: without SRV records a sent-by name is asked for its addresses, at the default port of the transport",
        arguments: [(SIPTransport.udp, 5060), (.tcp, 5060), (.tls, 5061)] as [(SIPTransport, UInt16)]
    )
    func sentByAddresses(transport: SIPTransport, port: UInt16) throws {
        let target = try #require(NextHopResolution.target(name("p.example", transport)))
        let resolution = TargetResolution(target, policy: Self.policy)
        func answer(_ outcome: DNSAnswer.Outcome) -> DNSAnswer {
            DNSAnswer(outcome: outcome, timeToLive: .seconds(60), receivedAt: Self.now, server: "test")
        }
        guard case .ask(let service) = resolution.step([:]) else {
            Issue.record("nothing is asked")
            return
        }
        var known = Dictionary(uniqueKeysWithValues: service.map { ($0, answer(.nameError)) })
        guard case .ask(let addresses) = resolution.step(known) else {
            Issue.record("nothing more is asked")
            return
        }
        #expect(Set(addresses.map(\.description)) == ["A p.example", "AAAA p.example"])
        for question in addresses {
            let record = DNSRecord(name: question.name, type: .a, ttl: 60, data: .address(.v4(0xC000_0209)))
            known[question] = answer(question.type == .a ? .records([record]) : .noData)
        }
        guard case .resolved(let located) = resolution.step(known) else {
            Issue.record("not resolved")
            return
        }
        #expect(
            located.servers.map(\.endpoint) == [Endpoint(transport: transport, address: .v4(0xC000_0209), port: port)]
        )
    }

    @Test("LOC-04: maddr in the place of the host is what is asked for; LOC-08: without transport and port by NAPTR")
    func maddr() throws {
        #expect(try firstQuestions(name("b.example")) == ["NAPTR b.example"])
        #expect(try Set(firstQuestions(name("b.example", port: 5070))) == ["A b.example", "AAAA b.example"])
    }

    @Test("LOC-70: what is no name is not asked for", arguments: ["localhost", "x.invalid", "1.2.3", ""])
    func notAskable(host: String) { #expect(NextHopResolution.target(name(host)) == nil) }

    @Test("LOC-22, LOC-26, LOC-72: servers come with the domain that was written and the time that they are good for")
    func outcome() throws {
        guard case .resolved(let hops) = try resolved(isStale: false) else {
            Issue.record("not resolved")
            return
        }
        let servers = hops.view.backends
        #expect(servers.map(\.endpoint.description) == ["tls:192.0.2.1:5071", "tls:127.0.0.1:5071"])
        #expect(servers.map(\.priority) == [5, 10] && servers.map(\.weight) == [0, 5])
        #expect(servers.allSatisfy { $0.referenceDomain == "a.example" })
        #expect(hops.expiresAt == Self.now + .seconds(30))
    }

    @Test("RFC 8767: stale servers are used, and not asked for again within one request")
    func stale() throws {
        guard case .resolved(let hops) = try resolved(isStale: true) else {
            Issue.record("not resolved")
            return
        }
        #expect(hops.expiresAt == nil && hops.view.backends.count == 2)
    }

    @Test("LOC-57: what could not be asked is a failure, as is what does not exist")
    func failed() {
        for step in [ResolutionStep.failed("x"), .absent("x"), .ask([])] {
            guard case .failed = NextHopResolution.outcome(of: step, for: name("core.example.net")) else {
                Issue.record("\(step)")
                return
            }
        }
    }

    @Test("LOC-72: what requests name waits in a line of its own, and takes no place of a pool's question")
    func precedence() async throws {
        let silent = try await SilentPort.open()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var settings = DNSClient.Settings(servers: [DNSServer(.v4(0x7F00_0001), port: UInt16(silent.port))])
        (settings.concurrency, settings.queue) = (1, 1)
        (settings.timeout, settings.attempts) = (.seconds(60), 1)
        let client = try await DNSClient(loop: loop, settings: settings)
        let resolver = TargetResolver(client: client)
        @Sendable func refused() async throws -> UInt64 {
            try await client.statistics().get().queries["timeout"] ?? 0
        }
        // Two questions each: one goes, one waits, two are refused.
        for host in ["a.example", "b.example"] {
            let name = name(host, port: 5060, .tcp)
            Task { await NextHopResolution.resolve(name, by: resolver, policy: Self.policy) }
        }
        #expect(try await Waiting.until(within: .seconds(30)) { try await refused() == 2 })
        let pool = client.ask(DNSQuestion(DNSName("pool.example"), .a))
        #expect(try await refused() == 2)
        _ = pool
        try await silent.close()
    }
}
