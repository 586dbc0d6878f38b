// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("Failover among NAPTR services, and never from TLS to clear text (LOC-13, LOC-16)")
struct FailoverTests {
    private static func resolve(
        _ records: String,
        _ target: String = "sip:example.com",
        _ change: (inout ResolutionPolicy) -> Void = { _ in }
    ) throws -> Trace {
        var policy = ResolutionPolicy.sample()
        change(&policy)
        return try ScriptedDNS(records + NAPTRTests.services).resolve(target, policy)
    }

    private static func transports(_ trace: Trace) -> [SIPTransport] {
        (trace.located?.servers ?? []).sorted { $0.rank < $1.rank }.map(\.endpoint.transport)
    }

    private static let mixed = """
        example.com NAPTR 10 10 s SIP+D2U _sip._udp.example.com
        example.com NAPTR 10 20 s SIPS+D2T _sips._tcp.example.com
        example.com NAPTR 10 30 s SIP+D2T _sip._tcp.example.com

        """

    @Test("LOC-16: behind a TLS service with servers nothing in clear text follows, nor is it asked for")
    func neverDown() throws {
        let trace = try Self.resolve(Self.mixed)
        #expect(Self.transports(trace) == [.udp, .tls])
        #expect(!trace.queries.contains("SRV _sip._tcp.example.com"))
    }

    @Test("LOC-16: an operator may allow clear text of the same order to stand in")
    func downgradeAllowed() throws {
        let trace = try Self.resolve(Self.mixed) { $0.allowsDowngrade = true }
        #expect(Self.transports(trace) == [.udp, .tls, .tcp])
    }

    @Test("A TLS service without servers is none: the clear one behind it serves")
    func emptyService() throws {
        let records = Self.mixed.replacing("SIPS+D2T _sips._tcp.example.com", with: "SIPS+D2T _sips._tcp.gone.example")
        #expect(Self.transports(try Self.resolve(records)) == [.udp, .tcp])
        let dangling = records + "_sips._tcp.gone.example SRV 10 10 5061 nowhere.example\n"
        #expect(Self.transports(try Self.resolve(dangling)) == [.udp, .tcp])
    }

    private static let orders = """
        example.com NAPTR 10 10 s SIPS+D2T _sips._tcp.example.com
        example.com NAPTR 20 10 s SIP+D2T _sip._tcp.example.com
        example.com NAPTR 30 10 s SIPS+D2T _sips._tcp.other.example
        _sips._tcp.other.example SRV 10 10 5071 tls.example.com

        """

    @Test("LOC-16: other orders are not looked at, unless `any` says so, and then never from TLS to clear text")
    func anyOrder() throws {
        #expect(try Self.resolve(Self.orders).endpoints == ["tls:192.0.2.3:5061"])
        let any = try Self.resolve(Self.orders) {
            $0.failover = .any
            $0.allowsDowngrade = true
        }
        let servers = try #require(any.located).servers
        #expect(servers.map(\.endpoint.description) == ["tls:192.0.2.3:5061", "tls:192.0.2.3:5071"])
        #expect(servers.map(\.rank) == [0, 1])
        #expect(!any.queries.contains("SRV _sip._tcp.example.com"))
    }

    @Test("LOC-16: with `any` clear text may be followed by TLS of a higher order")
    func anyOrderUp() throws {
        let trace = try Self.resolve(NAPTRTests.published.replacing("50 50 s SIPS", with: "95 50 s SIPS")) {
            $0.failover = .any
        }
        #expect(Self.transports(trace) == [.tcp, .tls])
    }

    @Test("LOC-13: transports [tls] and a zone that offers clear text only: nothing in clear")
    func tlsRequired() throws {
        let clear =
            NAPTRTests.published.split(separator: "\n").filter { !$0.contains("SIPS") }
            .joined(separator: "\n") + "\n"
        let noTLS =
            NAPTRTests.services.split(separator: "\n").filter { !$0.hasPrefix("_sips") }
            .joined(separator: "\n") + "\nexample.com A 192.0.2.99\n"
        let trace = try ScriptedDNS(clear + noTLS).resolve("sip:example.com", .sample([.tls]))
        #expect(trace.endpoints == ["tls:192.0.2.99:5061"])
        #expect(trace.queries.allSatisfy { !$0.contains("_sip._") })
        let without = noTLS.replacing("example.com A 192.0.2.99\n", with: "")
        #expect(try ScriptedDNS(clear + without).resolve("sip:example.com", .sample([.tls])).isAbsent)
        for target in ["sip:example.com;transport=tcp", "sip:example.com;transport=udp", "sip:192.0.2.1"] {
            #expect(try ScriptedDNS(clear + noTLS).resolve(target, .sample([.tls])).isAbsent, "\(target)")
        }
    }

    @Test("LOC-28: without NAPTR the order of the configured transports decides")
    func configuredOrder() throws {
        for order in [[SIPTransport.udp, .tcp, .tls], [.tcp, .udp, .tls], [.tls, .udp, .tcp]] {
            let trace = try ScriptedDNS(NAPTRTests.services).resolve("sip:example.com", .sample(order))
            #expect(Self.transports(trace) == [order[0]])
        }
    }

    @Test("What the rules leave aside is told apart from what is wrong")
    func passedOver() throws {
        let dns = ScriptedDNS(NAPTRTests.published + NAPTRTests.services)
        let resolution = TargetResolution(try SIPTarget("sip:example.com"), policy: .sample())
        let trace = resolution.evaluate(dns.answers(to: resolution))
        #expect(trace.notes.isEmpty)
        #expect(
            trace.passedOver == [
                "NAPTR 90 50 'SIP+D2T' _sip._tcp.example.com: records of order 50 decide (naptr_failover)",
                "NAPTR 100 50 'SIP+D2U' _sip._udp.example.com: records of order 50 decide (naptr_failover)",
            ]
        )
    }
}
