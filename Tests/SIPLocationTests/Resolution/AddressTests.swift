// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("Addresses of both families (RFC 7984)")
struct AddressTests {
    static let dns = ScriptedDNS(
        """
        _sip._udp.x.example SRV 10 0 5060 a.example
        _sip._udp.x.example SRV 20 0 5060 b.example
        a.example A 192.0.2.11
        a.example A 192.0.2.12
        a.example AAAA 2001:db8:a::1
        a.example AAAA 2001:db8:a::2
        b.example A 192.0.2.21
        b.example AAAA 2001:db8:b::1
        six.example AAAA 2001:db8:c::1
        """
    )

    static func ordered(_ policy: ResolutionPolicy) throws -> [String] {
        let located = try #require(try dns.resolve("sip:x.example;transport=udp", policy).located)
        let places = located.servers.enumerated().sorted {
            ($0.1.priority, $0.1.addressOrder, $0.0) < ($1.1.priority, $1.1.addressOrder, $1.0)
        }
        return places.map(\.1.endpoint.address.description)
    }

    @Test("V-HE-01, LOC-41: where IPv6 is preferred, it comes first inside each target; targets are never mixed")
    func preferIPv6() throws {
        var policy = ResolutionPolicy.sample()
        policy.prefersIPv6 = true
        #expect(
            try Self.ordered(policy) == [
                "2001:db8:a::1", "2001:db8:a::2", "192.0.2.11", "192.0.2.12", "2001:db8:b::1", "192.0.2.21",
            ]
        )
    }

    @Test("V-HE-01 mirrored: where IPv4 is preferred, it comes first inside each target")
    func preferIPv4() throws {
        #expect(
            try Self.ordered(.sample()) == [
                "192.0.2.11", "192.0.2.12", "2001:db8:a::1", "2001:db8:a::2", "192.0.2.21", "2001:db8:b::1",
            ]
        )
    }

    @Test("LOC-36, LOC-40: both families are asked in one round; one that is not used is not asked for")
    func families() throws {
        let both = try Self.dns.resolve("sip:a.example:5060")
        #expect(both.rounds == [["A a.example", "AAAA a.example"]])
        var policy = ResolutionPolicy.sample()
        policy.usesIPv6 = false
        let four = try Self.dns.resolve("sip:a.example:5060", policy)
        #expect(four.rounds == [["A a.example"]])
        #expect(try Self.dns.resolve("sip:six.example:5060", policy).isAbsent)
        policy.usesIPv6 = true
        policy.usesIPv4 = false
        #expect(try Self.dns.resolve("sip:a.example:5060", policy).endpoints.allSatisfy { $0.contains("[") })
    }

    @Test(
        "LOC-72: DNS leads to no loopback, link-local, multicast or unspecified address, in no disguise",
        arguments: [
            "A 127.0.0.1", "A 127.9.9.9", "A 169.254.169.254", "A 0.0.0.0", "A 255.255.255.255", "A 224.0.1.75",
            "AAAA ::1", "AAAA ::", "AAAA fe80::1", "AAAA ff02::1", "AAAA ::ffff:127.0.0.1",
            "AAAA ::ffff:169.254.169.254",
        ]
    )
    func forbidden(record: String) throws {
        let dns = ScriptedDNS("h.example \(record)\n")
        let trace = try dns.resolve("sip:h.example:5060")
        #expect(trace.isAbsent)
        let good = record.hasPrefix("AAAA") ? "h.example A 192.0.2.1\n" : "h.example AAAA 2001:db8::1\n"
        let beside = try ScriptedDNS("h.example \(record)\n\(good)").resolve("sip:h.example:5060")
        #expect(beside.endpoints.count == 1)
        #expect(try #require(beside.located).notes.contains { $0.contains("not allowed") })
    }

    @Test("LOC-72: a pool may allow loopback; link-local, metadata and multicast addresses it may not")
    func allowed() throws {
        var policy = ResolutionPolicy.sample()
        policy.allowsLoopback = true
        let dns = ScriptedDNS(
            """
            h.example A 127.0.0.1
            h.example A 224.0.1.75
            h.example A 169.254.169.254
            h.example A 169.254.0.9
            h.example AAAA ::1
            h.example AAAA fe80::1
            h.example AAAA ff02::1
            """
        )
        #expect(try dns.resolve("sip:h.example:5060", policy).endpoints == ["udp:127.0.0.1:5060", "udp:[::1]:5060"])
    }

    @Test("LOC-72, PRX-12: DNS leads to none of the edge's own listeners; other ports of the host are free")
    func ownListeners() throws {
        let local: Set<IPAddress> = [.v4(0xC000_0207), .v4(0x7F00_0001), .v6(high: 0x2001_0DB8_0000_0000, low: 7)]
        func policy(_ listeners: [String]) throws -> ResolutionPolicy {
            var policy = ResolutionPolicy.sample()
            policy.allowsLoopback = true
            let endpoints = try listeners.map { try #require(Endpoint(parsing: $0)) }
            policy.ownListeners = OwnListeners(endpoints, hostAddresses: local)
            return policy
        }
        let dns = ScriptedDNS("h.example A 192.0.2.7\nh.example A 192.0.2.8\nh.example AAAA 2001:db8::7\n")
        let exact = try dns.resolve("sip:h.example:5060;transport=tcp", policy(["tls:192.0.2.7:5060"]))
        #expect(exact.endpoints == ["tcp:192.0.2.8:5060", "tcp:[2001:db8::7]:5060"])
        #expect(try #require(exact.located).notes.contains { $0.contains("listens there itself") })
        let four = try dns.resolve("sip:h.example:5060;transport=tcp", policy(["tcp:0.0.0.0:5060"]))
        #expect(four.endpoints == ["tcp:192.0.2.8:5060", "tcp:[2001:db8::7]:5060"])
        let both = try dns.resolve("sip:h.example:5060;transport=tcp", policy(["tcp:[::]:5060"]))
        #expect(both.endpoints == ["tcp:192.0.2.8:5060"])
        for other in [["udp:0.0.0.0:5060"], ["tcp:0.0.0.0:5070"], ["tcp:192.0.2.9:5060"]] {
            #expect(try dns.resolve("sip:h.example:5060;transport=tcp", policy(other)).endpoints.count == 3, "\(other)")
        }
        let loop = ScriptedDNS("h.example A 127.0.0.1\n")
        #expect(try loop.resolve("sip:h.example:5060", policy(["udp:0.0.0.0:5060"])).isAbsent)
    }

    @Test(
        "TRN-52: DNS leads to UDP servers only where a UDP listener of their family could send; else the reason is kept"
    )
    func datagrams() throws {
        func policy(
            _ listeners: [String],
            _ transports: [SIPTransport] = [.tls, .tcp, .udp]
        ) throws -> ResolutionPolicy {
            var policy = ResolutionPolicy.sample()
            policy.transports = transports
            policy.sendsFromListeners = true
            let endpoints = try listeners.map { try #require(Endpoint(parsing: $0)) }
            policy.ownListeners = OwnListeners(endpoints, hostAddresses: [])
            return policy
        }
        let target = "sip:six.example:5060"
        let address = ScriptedDNS("six.example A 192.0.2.1\nsix.example AAAA 2001:db8::1\n")
        let (four, six) = ("udp:192.0.2.1:5060", "udp:[2001:db8::1]:5060")
        #expect(try address.resolve(target, policy(["udp:192.0.2.9:5060"])).endpoints == [four])
        #expect(try address.resolve(target, policy(["tcp:[::]:5060", "udp:[2001:db8::9]:5060"])).endpoints == [six])
        #expect(try address.resolve(target, policy(["udp:[::]:5060"])).endpoints == [four, six])
        let none = try address.resolve(target, policy(["tls:0.0.0.0:5061"]))
        guard case .absent(let reason) = none.step else {
            Issue.record("\(none)")
            return
        }
        #expect(reason.contains("no UDP listener of IPv"))

        // A service that cannot be used does not stand before one that can.
        let records = ScriptedDNS(
            """
            x.example NAPTR 10 10 s SIP+D2U _sip._udp.x.example
            x.example NAPTR 20 10 s SIP+D2T _sip._tcp.x.example
            _sip._udp.x.example SRV 10 0 5060 a.example
            _sip._tcp.x.example SRV 10 0 5060 a.example
            _sip._udp.y.example SRV 10 0 5060 a.example
            _sip._tcp.y.example SRV 10 0 5060 a.example
            a.example A 192.0.2.1
            """
        )
        let plain = try policy(["tls:0.0.0.0:5061"])
        let chosen = try records.resolve("sip:x.example", plain)
        #expect(chosen.endpoints == ["tcp:192.0.2.1:5060"])
        #expect(try #require(chosen.located).notes.contains { $0.contains("no UDP listener") })
        let first = try policy(["tls:0.0.0.0:5061"], [.udp, .tcp])
        #expect(try records.resolve("sip:y.example", first).endpoints == ["tcp:192.0.2.1:5060"])
        #expect(try records.resolve("sip:x.example", policy(["udp:192.0.2.9:5060"])).endpoints == [four])
    }

    @Test("The same address under two names of one priority is one server; an IPv4-mapped one is IPv4")
    func duplicates() throws {
        let dns = ScriptedDNS(
            """
            _sip._tcp.x.example SRV 10 1 5060 a.example
            _sip._tcp.x.example SRV 10 1 5060 b.example
            a.example A 192.0.2.1
            b.example A 192.0.2.1
            b.example AAAA ::ffff:192.0.2.1
            """
        )
        #expect(try dns.resolve("sip:x.example;transport=tcp").endpoints == ["tcp:192.0.2.1:5060"])
    }
}
