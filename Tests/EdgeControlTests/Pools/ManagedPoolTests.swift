// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import NIOPosix
import SIPLocation
import SIPMessage
import Testing

@testable import EdgeConfiguration
@testable import EdgeControl

@Suite("How a pool's settings and the host make the rules of its resolution")
struct ManagedPoolTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let four: IPAddress = .v4(0xC000_0201)
    private static let six: IPAddress = .v6(high: 0x2001_0DB8_0000_0000, low: 1)
    private static let local: IPAddress = .v6(high: 0xFE80_0000_0000_0000, low: 1)
    private static let loops: Set<IPAddress> = [.v4(0x7F00_0001), .v6(high: 0, low: 1)]

    private static func pool(_ change: (inout PoolSettingsEntry) -> Void = { _ in }) throws -> ManagedPool {
        var settings = PoolSettingsEntry(name: "p", target: "sip:voice.example.test")
        change(&settings)
        return ManagedPool(settings: settings, target: try SIPTarget(settings.target), id: PoolID(index: 0))
    }

    private static func policy(
        _ host: HostNetwork = HostNetwork(addresses: [four, six], source4: four, source6: six),
        _ change: (inout PoolSettingsEntry) -> Void = { _ in }
    ) throws -> ResolutionPolicy {
        try pool(change).resolutionPolicy(host, OwnListeners(), now: now)
    }

    @Test(
        "The order of `transports` is kept, and what is left out is not used",
        arguments: [[SIPTransport.tcp, .tls], [.udp, .tls, .tcp]]
    )
    func transports(order: [SIPTransport]) throws {
        #expect(try Self.policy { $0.transports = order }.transports == order)
        #expect(try Self.policy().transports == [.tls, .tcp, .udp])
    }

    @Test("LOC-40: by itself a pool uses the families that the host has, the loopback one's where it may")
    func families() throws {
        let only4 = HostNetwork(addresses: Self.loops.union([Self.four, Self.local]), source4: Self.four)
        let strict = try Self.policy(only4)
        #expect(strict.usesIPv4 && !strict.usesIPv6)
        let loose = try Self.policy(only4) { $0.allowsLoopback = true }
        #expect(loose.usesIPv4 && loose.usesIPv6)
        let only6 = try Self.policy(HostNetwork(addresses: [Self.six], source6: Self.six))
        #expect(!only6.usesIPv4 && only6.usesIPv6)
        for unknown in [HostNetwork(addresses: []), HostNetwork(addresses: Self.loops)] {
            let policy = try Self.policy(unknown)
            #expect(policy.usesIPv4 && policy.usesIPv6)
        }
    }

    @Test("LOC-41: IPv6 comes first where RFC 6724 says so, or the operator")
    func preference() throws {
        func prefersIPv6(_ source: IPAddress?) -> Bool {
            HostNetwork(addresses: [Self.four], source4: Self.four, source6: source).prefersIPv6
        }
        #expect(prefersIPv6(.v6(high: 0x2A01_0000_0000_0000, low: 1)))
        #expect(!prefersIPv6(nil) && !prefersIPv6(Self.four))
        #expect(!prefersIPv6(.v6(high: 0xFD00_0000_0000_0000, low: 1)))
        #expect(!prefersIPv6(.v6(high: 0x2002_C000_0201_0000, low: 1)))
        #expect(!prefersIPv6(.v6(high: 0x2001_0000_0000_0000, low: 1)))
        #expect(try Self.policy().prefersIPv6)
        #expect(try !Self.policy { $0.families = .preferIPv4 }.prefersIPv6)
        #expect(try Self.policy(HostNetwork(addresses: [Self.four])) { $0.families = .preferIPv6 }.prefersIPv6)
        let only4 = try Self.policy { $0.families = .ipv4 }
        #expect(only4.usesIPv4 && !only4.usesIPv6)
        let only6 = try Self.policy { $0.families = .ipv6 }
        #expect(!only6.usesIPv4 && only6.usesIPv6)
    }

    @Test("TRN-52: pools and names of requests lead to UDP servers only where there is a UDP listener to ask from")
    func datagrams() throws {
        let host = HostNetwork(addresses: [Self.four], source4: Self.four)
        let endpoint = try #require(Endpoint(parsing: "udp:192.0.2.1:5060"))
        let policies = [
            try Self.pool().resolutionPolicy(host, OwnListeners(), now: Self.now),
            host.namePolicy(pools: [], own: OwnListeners()),
        ]
        #expect(policies.allSatisfy { !$0.permits(endpoint, nil) })
        let own = OwnListeners([Endpoint(transport: .udp, address: .v4(0), port: 5062)], hostAddresses: [])
        #expect(try Self.pool().resolutionPolicy(host, own, now: Self.now).permits(endpoint, nil))
    }

    @Test("LOC-72: a name that a request gives leads to few servers, and to loopback addresses only where a pool does")
    func names() throws {
        let host = HostNetwork(addresses: Self.loops.union([Self.four]), source4: Self.four)
        let strict = try Self.pool()
        func policy(_ pools: [ManagedPool]) -> ResolutionPolicy { host.namePolicy(pools: pools, own: OwnListeners()) }
        #expect(!policy([]).allowsLoopback && !policy([strict]).allowsLoopback && policy([strict]).servers == 16)
        #expect(!policy([strict]).usesIPv6 && policy([strict]).usesIPv4)
        for change: (inout PoolSettingsEntry) -> Void in [
            { $0.allowsLoopback = true }, { $0.target = "127.0.0.1:5060;transport=tcp" },
        ] {
            #expect(policy([strict, try Self.pool(change)]).allowsLoopback)
        }
    }

    @Test(
        "LOC-72: a name that a request gives never leads to a listener of this edge, nor to one at all addresses",
        arguments: ["192.0.2.1", "0.0.0.0", "::"]
    )
    func ownName(address: String) throws {
        let host = HostNetwork(addresses: Self.loops.union([Self.four]), source4: Self.four)
        let bound = try #require(IPAddress(parsing: address))
        let listener = ListenerSettings(name: "l", address: bound, port: 5060, transport: .tcp, advertisedHost: "e")
        let policy = host.namePolicy(pools: [], own: host.own([listener]))
        let target = try SIPTarget("sip:loop.example.test:5060;transport=tcp")
        let name = DNSName("loop.example.test")
        let record = DNSRecord(name: name, type: .a, ttl: 30, data: .address(Self.four))
        let answer = DNSAnswer(outcome: .records([record]), timeToLive: .seconds(30), receivedAt: Self.now, server: "s")
        guard case .absent(let reason) = TargetResolution(target, policy: policy).step([DNSQuestion(name, .a): answer])
        else {
            Issue.record("the edge may call itself")
            return
        }
        #expect(reason.contains("listens there itself") || reason.contains("no address"))
    }

    @Test("The host's addresses are seen, the loopback one among them")
    func host() async {
        let host = await HostNetwork.current(on: MultiThreadedEventLoopGroup.singleton.next())
        #expect(host.addresses.contains(.v4(0x7F00_0001)))
        #expect(host.source4.map { !$0.isIPv6 } ?? true)
        #expect(host.source6.map { $0.isIPv6 } ?? true)
    }

    @Test("LOC-24: what to do when SIPS services are gone counts only for a pool that had them within 24 hours")
    func tlsLoss() throws {
        let pool = try Self.pool { $0.tlsLoss = .refuse }
        let host = HostNetwork(addresses: [Self.four])
        func loss(_ now: NIODeadline) -> ResolutionPolicy.TLSLoss {
            pool.resolutionPolicy(host, OwnListeners(), now: now).tlsLoss
        }
        #expect(loss(Self.now) == .ignore)
        _ = pool.tlsMemory.observe(true, now: Self.now)
        #expect(loss(Self.now + .hours(23)) == .refuse)
        #expect(loss(Self.now + .hours(24)) == .ignore)
    }

    @Test("Health settings reach the rules by which backends are judged")
    func health() throws {
        let pool = try Self.pool {
            $0.acceptedStatuses = [200, 404]
            $0.jitterPercent = 10
            $0.probeBeforeUse = false
            $0.ejection.consecutiveFailures = 7
            $0.ejection.failurePercent = 25
            $0.ejection.minimumRequests = 9
            $0.ejection.baseTime = .seconds(3)
            $0.ejection.maximumTime = .seconds(30)
            $0.ejection.maximumPercent = 10
            $0.retryAfterLimit = .seconds(40)
        }
        let policy = pool.state.policy
        #expect(policy.accepts(404) && !policy.accepts(500) && policy.jitter == 0.1 && !policy.waitsForProbe)
        #expect(policy.ejectAfter == 7 && policy.ejectShare == 0.25 && policy.ejectMinimum == 9)
        #expect(policy.ejectTime == .seconds(3) && policy.ejectLimit == .seconds(30))
        #expect(policy.ejectedShareLimit == 0.1 && policy.retryAfterLimit == .seconds(40))
    }

    @Test("The defaults of the configuration are those of the rules")
    func defaults() throws {
        var expected = HealthPolicy()
        // Probes of a backend that is down are no rarer than those of one that is up.
        expected.downInterval = max(expected.interval, expected.retryInterval)
        #expect(try Self.pool().state.policy == expected)
    }

    @Test("LOC-51: a pool of another target takes over health alone, one of the same target all")
    func former() throws {
        let pool = try Self.pool()
        _ = pool.tlsMemory.observe(true, now: .now())
        _ = pool.state.apply(
            [BackendCandidate(endpoint: try Self.endpoint(), name: "a", referenceDomain: "x")],
            now: .now()
        )
        _ = pool.state.observe(probe: .answered(status: 200), of: try Self.endpoint(), now: .now())
        for (target, isKept) in [("sip:voice.example.test", true), ("sip:other.example.test", false)] {
            var settings = pool.settings
            settings.target = target
            let new = ManagedPool(
                settings: settings,
                target: try SIPTarget(target),
                id: PoolID(index: 0),
                former: pool
            )
            #expect(new.tlsMemory.holds(at: .now()) == isKept)
            #expect(new.state.membership.publishedCount == (isKept ? 1 : 0))
            #expect(new.state.health[try Self.endpoint()]?.verdict == .up)
        }
    }

    private static func endpoint() throws -> Endpoint { try #require(Endpoint(parsing: "tcp:192.0.2.1:5060")) }
}
