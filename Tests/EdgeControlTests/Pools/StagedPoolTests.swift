// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import SIPLocation
import SIPMessage
import Testing

@testable import EdgeConfiguration
@testable import EdgeControl

@Suite("What a reload makes of a pool whose target stays: other rules act at once, on what is known")
struct StagedPoolTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let domain = "voice.example.test"
    private static let four: IPAddress = .v4(0xC000_0201)
    private static let six: IPAddress = .v6(high: 0x2001_0DB8_0000_0000, low: 1)
    private static let host = HostNetwork(addresses: [.v4(0xC000_02FE), .v6(high: 0x2001_0DB8_0000_0000, low: 0xFE)])

    private static func answer(_ question: DNSQuestion, _ data: [DNSRecordData]) -> DNSAnswer {
        let records = data.map { DNSRecord(name: question.name, type: question.type, ttl: 60, data: $0) }
        return DNSAnswer(
            outcome: records.isEmpty ? .noData : .records(records),
            timeToLive: .seconds(60),
            receivedAt: now,
            server: "s"
        )
    }

    /// The records: SRV of TLS and TCP, with an address of each family; SIPS services in NAPTR or not.
    private static func records(isSecure: Bool) -> [DNSQuestion: DNSAnswer] {
        var known: [DNSQuestion: DNSAnswer] = [:]
        func add(_ name: String, _ type: DNSRecordType, _ data: [DNSRecordData]) {
            let question = DNSQuestion(DNSName(name), type)
            known[question] = answer(question, data)
        }
        func naptr(_ order: UInt16, _ service: String, _ owner: String) -> DNSRecordData {
            .naptr(
                NAPTRData(
                    order: order,
                    preference: 10,
                    flags: "s",
                    services: service,
                    regexp: "",
                    replacement: DNSName("\(owner).\(domain)")
                )
            )
        }
        let secure = isSecure ? [naptr(10, "SIPS+D2T", "_sips._tcp")] : []
        add(domain, .naptr, secure + [naptr(20, "SIP+D2T", "_sip._tcp")])
        for (owner, port) in [("_sips._tcp", 5061), ("_sip._tcp", 5060)] as [(String, UInt16)] {
            let target = DNSName("h.\(domain)")
            add("\(owner).\(domain)", .srv, [.srv(SRVData(priority: 1, weight: 1, port: port, target: target))])
        }
        add("h.\(domain)", .a, [.address(four)])
        add("h.\(domain)", .aaaa, [.address(six)])
        return known
    }

    /// A pool that runs, after a resolution that saw these records.
    private static func running(
        _ records: [DNSQuestion: DNSAnswer],
        hadTLS: Bool = false,
        _ change: (inout PoolSettingsEntry) -> Void = { _ in }
    ) throws -> ManagedPool {
        var settings = PoolSettingsEntry(name: "p", target: "sip:\(domain)")
        change(&settings)
        let pool = ManagedPool(settings: settings, target: try SIPTarget(settings.target), id: PoolID(index: 0))
        if hadTLS {
            _ = pool.tlsMemory.observe(true, now: now)
            _ = pool.tlsMemory.observe(false, now: now)
        }
        let answer = PoolAnswer(
            pool.target,
            policy: pool.resolutionPolicy(host, OwnListeners(), now: now),
            known: records
        )
        _ = answer.apply(to: &pool.state, stale: .hours(1), isTLSLost: false, now: now)
        pool.known = records
        return pool
    }

    /// The same pool in a configuration that is staged.
    private static func stage(
        _ pool: ManagedPool,
        own: String? = nil,
        isAnsweredAnew: Bool = false,
        now: NIODeadline = now,
        _ change: (inout PoolSettingsEntry) -> Void = { _ in }
    ) throws -> StagedPool {
        var settings = pool.settings
        change(&settings)
        var configuration = Configuration()
        if let own {
            let endpoint = try #require(Endpoint(parsing: own))
            configuration.listeners = [
                ListenerSettings(
                    name: "l",
                    address: endpoint.address,
                    port: endpoint.port,
                    transport: endpoint.transport,
                    advertisedHost: "e"
                )
            ]
        }
        let ground = StagedPool.Ground(
            host: host,
            own: host.own(configuration.listeners),
            stale: .hours(1),
            isAnsweredAnew: isAnsweredAnew
        )
        return StagedPool(
            settings,
            target: try SIPTarget(settings.target),
            former: pool,
            formerPolicy: pool.resolutionPolicy(host, OwnListeners(), now: now),
            on: ground,
            now: now
        )
    }

    private static func published(_ staged: StagedPool, _ former: ManagedPool) -> Set<String> {
        published(staged.state(id: PoolID(index: 0), former: former, stale: .hours(1), now: now))
    }

    private static func published(_ state: PoolState) -> Set<String> {
        Set(state.membership.members.values.filter { $0.vanishedAt == nil }.map { "\($0.candidate.endpoint)" })
    }

    private static let (tls4, tls6) = ("tls:192.0.2.1:5061", "tls:[2001:db8::1]:5061")
    private static let (tcp4, tcp6) = ("tcp:192.0.2.1:5060", "tcp:[2001:db8::1]:5060")

    @Test("What changes nothing of the resolution leaves the pool as it is, and asks nobody")
    func same() throws {
        let pool = try Self.running(Self.records(isSecure: true))
        #expect(Self.published(pool.state) == [Self.tls4, Self.tls6])
        let staged = try Self.stage(pool) { ($0.tries, $0.affinity, $0.slowStart) = (5, .callID, .zero) }
        #expect(!staged.mustAsk && staged.answer == nil)
        #expect(Self.published(staged, pool) == [Self.tls4, Self.tls6])
    }

    @Test("LOC-40: other families act at once on the records that are known, and health stays")
    func families() throws {
        let pool = try Self.running(Self.records(isSecure: true))
        let endpoint = try #require(Endpoint(parsing: Self.tls6))
        _ = pool.state.setAdministrative(.draining, of: endpoint, now: Self.now)
        let staged = try Self.stage(pool) { $0.families = .ipv6 }
        #expect(!staged.mustAsk && Self.published(staged, pool) == [Self.tls6])
        let state = staged.state(id: PoolID(index: 0), former: pool, stale: .hours(1), now: Self.now)
        #expect(state.health[endpoint]?.administrative == .draining)
        // Nothing of this touches the pool that runs.
        #expect(Self.published(pool.state) == [Self.tls4, Self.tls6])
    }

    @Test("LOC-72: a listener that comes to stand where a pool leads takes that backend out at once")
    func ownListener() throws {
        let pool = try Self.running(Self.records(isSecure: true))
        let staged = try Self.stage(pool, own: "tls:192.0.2.1:5061")
        #expect(!staged.mustAsk && Self.published(staged, pool) == [Self.tls6])
    }

    @Test("LOC-24: another tls_loss acts at once after SIPS services were lost")
    func tlsLoss() throws {
        let pool = try Self.running(Self.records(isSecure: false), hadTLS: true)
        #expect(Self.published(pool.state) == [Self.tls4, Self.tls6])
        let ignoring = try Self.stage(pool) { $0.tlsLoss = .ignore }
        #expect(!ignoring.mustAsk && Self.published(ignoring, pool) == [Self.tcp4, Self.tcp6])
        let clear = try Self.running(Self.records(isSecure: false), hadTLS: true) { $0.tlsLoss = .ignore }
        #expect(Self.published(clear.state) == [Self.tcp4, Self.tcp6])
        let keeping = try Self.stage(clear) { $0.tlsLoss = .keep }
        #expect(!keeping.mustAsk && Self.published(keeping, clear) == [Self.tls4, Self.tls6])
    }

    @Test("LOC-24: tls_loss refuse takes what is in clear text out, even when DNS cannot be asked for TLS")
    func refuse() throws {
        var records = Self.records(isSecure: false)
        records[DNSQuestion(DNSName("_sips._tcp.\(Self.domain)"), .srv)] = nil
        let pool = try Self.running(records, hadTLS: true) { $0.tlsLoss = .ignore }
        #expect(Self.published(pool.state) == [Self.tcp4, Self.tcp6])
        var staged = try Self.stage(pool) { $0.tlsLoss = .refuse }
        #expect(staged.mustAsk)
        staged.take(nil, after: nil)
        #expect(staged.answer?.isAnswered == false && Self.published(staged, pool).isEmpty)
    }

    @Test("LOC-57: where DNS must be asked and says nothing, the backends stay that the new rules permit: no gap")
    func silent() throws {
        var records = Self.records(isSecure: true)
        records[DNSQuestion(DNSName("h.\(Self.domain)"), .aaaa)] = nil
        let pool = try Self.running(records) { $0.families = .ipv4 }
        #expect(Self.published(pool.state) == [Self.tls4])
        var staged = try Self.stage(pool) { $0.families = .preferIPv6 }
        #expect(staged.mustAsk && staged.answer == nil)
        staged.take(nil, after: nil)
        #expect(Self.published(staged, pool) == [Self.tls4])
        staged = try Self.stage(pool) { $0.families = .ipv6 }
        staged.take(nil, after: nil)
        #expect(Self.published(staged, pool).isEmpty && staged.answer?.isAnswered == false)
    }

    @Test("Records that nobody may use any longer, or that overrides and DNSSEC put in doubt, are asked for anew")
    func anew() throws {
        let pool = try Self.running(Self.records(isSecure: true))
        #expect(try Self.stage(pool, isAnsweredAnew: true).mustAsk)
        let late = Self.now + .hours(2)
        #expect(try Self.stage(pool, now: late) { $0.families = .ipv6 }.mustAsk)
        #expect(try Self.stage(pool) { $0.target = "sip:other.example.test" }.mustAsk)
    }
}
