// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import SIPLocation
import SIPMessage
import Testing

@testable import EdgeControl

@Suite("What stays in a pool when DNS cannot be asked (LOC-57, LOC-61)")
struct KeptBackendsTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let domain = "core.example.net"

    /// One refresh of a pool from records whose SRV set may be in part unknown.
    private struct Pool {
        var state = PoolState(id: PoolID(index: 0), settings: PoolSettings(name: "p"))

        mutating func take(
            _ answers: [DNSQuestion: DNSAnswer.Outcome],
            at time: NIODeadline = start,
            now: NIODeadline = start
        ) throws -> MembershipChange {
            let resolution = TargetResolution(try SIPTarget("sip:\(KeptBackendsTests.domain);transport=tcp"))
            var known: [DNSQuestion: DNSAnswer] = [:]
            for _ in 0..<3 {
                guard case .ask(let questions) = resolution.step(known) else { break }
                for question in questions {
                    let outcome = answers[question] ?? .noData
                    known[question] = DNSAnswer(
                        outcome: outcome,
                        timeToLive: .seconds(30),
                        receivedAt: time,
                        server: "s"
                    )
                }
            }
            var unanswered: [UnansweredPart]?
            var servers: [LocatedServer] = []
            if case .resolved(let located) = resolution.step(known) {
                (servers, unanswered) = (located.servers, located.unanswered)
            }
            let kept = KeptBackends(unanswered: unanswered, stale: .seconds(3600), now: now)
            let candidates = servers.map { ControlPlane.candidate($0, domain: KeptBackendsTests.domain) }
            return state.apply(candidates, keeping: kept.candidate, now: now)
        }

        var published: Set<String> {
            Set(state.membership.members.values.filter { $0.vanishedAt == nil }.map { "\($0.candidate.endpoint)" })
        }
    }

    private static func service(_ hosts: [(String, UInt16)]) -> DNSAnswer.Outcome {
        .records(
            hosts.map { host, port in
                let data = SRVData(priority: 10, weight: 1, port: port, target: DNSName(host))
                return DNSRecord(name: DNSName("_sip._tcp.\(domain)"), type: .srv, ttl: 30, data: .srv(data))
            }
        )
    }

    private static func address(_ text: String) throws -> DNSAnswer.Outcome {
        let address = try #require(IPAddress(parsing: text))
        return .records([DNSRecord(name: DNSName("h"), type: .a, ttl: 30, data: .address(address))])
    }

    private static let srv = DNSQuestion(DNSName("_sip._tcp.\(domain)"), .srv)
    private static let (a, b, c) = (DNSName("a.example"), DNSName("b.example"), DNSName("c.example"))

    @Test("With a name that always fails, all other changes are taken, and that name's backend stays")
    func oneNameFails() throws {
        var pool = Pool()
        let (first, second) = (try Self.address("192.0.2.1"), try Self.address("192.0.2.2"))
        _ = try pool.take([
            Self.srv: Self.service([("a.example", 5060), ("b.example", 5060)]),
            DNSQuestion(Self.a, .a): first, DNSQuestion(Self.b, .a): second,
        ])
        let third = try Self.address("192.0.2.3")
        let change = try pool.take([
            Self.srv: Self.service([("b.example", 5060), ("c.example", 5060)]),
            DNSQuestion(Self.b, .a): .failure(.timeout), DNSQuestion(Self.c, .a): third,
        ])
        #expect(pool.published == ["tcp:192.0.2.2:5060", "tcp:192.0.2.3:5060"])
        #expect(change.added.count == 1 && change.draining.count == 1 && change.kept.count == 1)
    }

    @Test("A family that fails keeps the backends of that family, not those of a port that is no longer named")
    func families() throws {
        var pool = Pool()
        let (four, six) = (try Self.address("192.0.2.1"), try Self.address("2001:db8::1"))
        _ = try pool.take([
            Self.srv: Self.service([("a.example", 5060), ("a.example", 5070)]),
            DNSQuestion(Self.a, .a): four, DNSQuestion(Self.a, .aaaa): six,
        ])
        _ = try pool.take([
            Self.srv: Self.service([("a.example", 5070)]),
            DNSQuestion(Self.a, .a): try Self.address("192.0.2.9"),
            DNSQuestion(Self.a, .aaaa): .failure(.serverFailure),
        ])
        #expect(pool.published == ["tcp:192.0.2.9:5070", "tcp:[2001:db8::1]:5070"])
    }

    @Test("LOC-61: when nothing can be asked all stay, probes go on, and after the longest stale time they go")
    func stale() throws {
        var pool = Pool()
        let answers = [
            Self.srv: Self.service([("a.example", 5060)]), DNSQuestion(Self.a, .a): try Self.address("192.0.2.1"),
        ]
        _ = try pool.take(answers)
        let failure = [Self.srv: DNSAnswer.Outcome.failure(.timeout)]
        let last = Self.start + .seconds(30 + 3600)
        #expect(try pool.take(failure, now: last - .nanoseconds(1)).isEmpty)
        #expect(pool.published == ["tcp:192.0.2.1:5060"])
        var generator = SystemRandomNumberGenerator()
        let endpoint = try #require(pool.state.membership.members.keys.first)
        #expect(pool.state.probeDelay(of: endpoint, now: last - .nanoseconds(1), using: &generator) == .zero)
        #expect(try pool.take(failure, now: last).draining == [endpoint])
        #expect(pool.published.isEmpty)
    }

    @Test("LOC-61: absence that was answered empties the pool at once")
    func absence() throws {
        var pool = Pool()
        _ = try pool.take([
            Self.srv: Self.service([("a.example", 5060)]), DNSQuestion(Self.a, .a): try Self.address("192.0.2.1"),
        ])
        let resolution = TargetResolution(try SIPTarget("_sip._tcp.\(Self.domain)"))
        let nothing = DNSAnswer(outcome: .nameError, timeToLive: .seconds(30), receivedAt: Self.start, server: "s")
        guard case .absent = resolution.step([Self.srv: nothing]) else {
            Issue.record("NXDOMAIN is not absence")
            return
        }
        #expect(pool.state.apply([], now: Self.start).draining.count == 1)
        #expect(pool.published.isEmpty)
    }
}
