// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("DANE for SRV targets (RFC 7673)")
struct DANETests {
    static let digest = String(repeating: "ab", count: 32)
    static let longDigest = String(repeating: "cd", count: 64)
    static let srv = DNSQuestion(DNSName("_sips._tcp.core.example.net"), .srv)
    static let naptr = DNSQuestion(DNSName("core.example.net"), .naptr)
    static let address = DNSQuestion(DNSName("n1.example.org"), .a)
    static let other = DNSQuestion(DNSName("n1.example.org"), .aaaa)
    static let tlsa = DNSQuestion(DNSName("_5061._tcp.n1.example.org"), .tlsa)

    /// The records of a service whose every answer is secure, but for what the test changes.
    static func dns(_ tlsa: String...) -> ScriptedDNS {
        var lines = """
            _sips._tcp.core.example.net SRV 10 0 5061 n1.example.org
            core.example.net A 192.0.2.99
            n1.example.org A 192.0.2.1

            """
        for record in tlsa { lines += "_5061._tcp.n1.example.org TLSA \(record)\n" }
        var dns = ScriptedDNS(lines)
        dns.security = .secure
        return dns
    }

    static func policy(_ mode: ResolutionPolicy.DANE = .opportunistic) -> ResolutionPolicy {
        var policy = ResolutionPolicy.sample()
        policy.dane = mode
        return policy
    }

    /// A row of the table: what DNS says, and what becomes of the target.
    struct Row: Sendable, CustomTestStringConvertible {
        let id: String
        var tlsa: [String] = []
        var failed: [DNSQuestion] = []
        var insecure: [DNSQuestion] = []
        /// Whether there is a server; and its plan, as the records' numbers.
        var server: Bool
        var plan: [String]?
        var asksTLSA = true

        var testDescription: String { id }
    }

    static let rows: [Row] = [
        Row(id: "V-DANE-01", tlsa: ["3 1 1 \(digest)"], server: true, plan: ["3 1 1"]),
        Row(id: "V-DANE-03", tlsa: ["2 0 1 \(digest)"], server: true, plan: ["2 0 1"]),
        Row(id: "V-DANE-04", server: true, plan: []),
        Row(id: "V-DANE-05", failed: [tlsa], server: false),
        Row(
            id: "V-DANE-06",
            tlsa: ["3 1 1 \(digest)"],
            insecure: [address, other],
            server: true,
            plan: [],
            asksTLSA: false
        ),
        Row(id: "V-DANE-07", tlsa: ["3 1 1 \(digest)"], failed: [address, other], server: false, asksTLSA: false),
        Row(id: "V-DANE-08", tlsa: ["3 1 1 \(digest)"], insecure: [srv], server: true, asksTLSA: false),
        Row(id: "V-DANE-08, NAPTR", tlsa: ["3 1 1 \(digest)"], insecure: [naptr], server: true, asksTLSA: false),
        Row(id: "V-DANE-09", tlsa: ["3 1 1 \(digest)"], failed: [srv], server: false, asksTLSA: false),
        Row(
            id: "V-DANE-10",
            tlsa: ["3 1 1 \(digest)", "3 1 2 \(longDigest)"],
            server: true,
            plan: ["3 1 1", "3 1 2"]
        ),
        Row(id: "TLSA insecure", tlsa: ["3 1 1 \(digest)"], insecure: [tlsa], server: true, plan: []),
        Row(id: "usage 7", tlsa: ["7 1 1 \(digest)"], server: true, plan: []),
        Row(id: "one of two usable", tlsa: ["3 1 1 \(digest)", "3 1 1 abcd"], server: true, plan: ["3 1 1"]),
    ]

    @Test("TLS-45, TLS-46, TLS-47: what DNSSEC says of each step decides about DANE", arguments: rows)
    func table(row: Row) throws {
        var dns = Self.dns()
        if !row.tlsa.isEmpty {
            let records = row.tlsa.map { "_5061._tcp.n1.example.org TLSA \($0)" }.joined(separator: "\n")
            let lines = ScriptedDNS(records)
            dns.replace(Self.tlsa) { $0 = lines.answer(to: Self.tlsa) }
        }
        for question in row.insecure { dns.replace(question) { $0.security = .insecure } }
        for question in row.failed { dns.replace(question) { $0.outcome = .failure(.bogus) } }
        let trace = try dns.resolve("sips:core.example.net", Self.policy())
        #expect(trace.endpoints == (row.server ? ["tls:192.0.2.1:5061"] : []))
        let plan = trace.located?.servers.first?.dane
        #expect(plan?.records.map { "\($0.usage) \($0.selector) \($0.matching)" } == row.plan)
        #expect(plan?.target == row.plan.map { _ in "n1.example.org" })
        #expect(trace.queries.contains("TLSA _5061._tcp.n1.example.org") == row.asksTLSA)
        #expect(!trace.queries.contains { $0.hasPrefix("TLSA") && !$0.hasSuffix("_5061._tcp.n1.example.org") })
    }

    @Test("TLS-46: the port of the name asked for is that of the SRV record")
    func port() throws {
        var dns = ScriptedDNS("_sips._tcp.core.example.net SRV 0 0 9143 n2.example.org\nn2.example.org A 192.0.2.2\n")
        dns.security = .secure
        let trace = try dns.resolve("sips:core.example.net", Self.policy())
        #expect(trace.queries.contains("TLSA _9143._tcp.n2.example.org"))
        #expect(try !dns.resolve("sips:core.example.net").queries.contains { $0.hasPrefix("TLSA") }, "off by default")
    }

    @Test("TLS-45: a bogus SRV answer is no reason to use the domain's own addresses")
    func noFallback() throws {
        var dns = Self.dns()
        dns.replace(Self.srv) { $0.outcome = .failure(.bogus) }
        let trace = try dns.resolve("sips:core.example.net", Self.policy())
        #expect(trace.isFailed && !trace.queries.contains("A core.example.net"))
    }

    @Test("TLS-47: a target that is left out leaves the others, and says why")
    func skipped() throws {
        var dns = ScriptedDNS(
            """
            _sips._tcp.core.example.net SRV 10 0 5061 n1.example.org
            _sips._tcp.core.example.net SRV 20 0 5061 n2.example.org
            n1.example.org A 192.0.2.1
            n2.example.org A 192.0.2.2
            _5061._tcp.n1.example.org TLSA !servfail
            """
        )
        dns.security = .secure
        let resolution = TargetResolution(try SIPTarget("sips:core.example.net"), policy: Self.policy())
        let trace = resolution.evaluate(dns.answers(to: resolution))
        guard case .resolved(let located) = trace.step else {
            Issue.record("\(trace.step)")
            return
        }
        #expect(located.servers.map(\.name) == ["n2.example.org"] && trace.skipped == 1)
        #expect(located.notes.contains { $0.contains("n1.example.org:5061 is not used") && $0.contains("servfail") })
        #expect(located.unanswered.isEmpty, "nothing of it is kept")
        // Of another target that cannot be asked for, what was known goes on; of this one it does not.
        dns.replace(DNSQuestion(DNSName("n2.example.org"), .a)) { $0.outcome = .failure(.timeout) }
        let partial = try dns.resolve("sips:core.example.net", Self.policy())
        #expect(partial.located?.servers.isEmpty == true)
        #expect(partial.located?.unanswered.count == 1)
    }

    @Test("TLS-51: TLSA records change nothing about the order of SRV")
    func order() throws {
        var dns = ScriptedDNS(
            """
            _sips._tcp.core.example.net SRV 20 0 5061 with.example.org
            _sips._tcp.core.example.net SRV 10 0 5061 without.example.org
            with.example.org A 192.0.2.1
            without.example.org A 192.0.2.2
            _5061._tcp.with.example.org TLSA 3 1 1 \(Self.digest)
            """
        )
        dns.security = .secure
        let servers = try dns.resolve("sips:core.example.net", Self.policy()).located?.servers ?? []
        #expect(servers.map(\.name) == ["without.example.org", "with.example.org"])
        #expect(servers.map(\.priority) == [10, 20])
        #expect(servers.map { $0.dane?.records.count } == [0, 1])
    }

    @Test("`dane: require` uses only servers that usable TLSA records speak for")
    func require() throws {
        let policy = Self.policy(.require)
        let good = Self.dns("3 1 1 \(Self.digest)")
        #expect(try good.resolve("sips:core.example.net", policy).endpoints == ["tls:192.0.2.1:5061"])
        var insecure = good
        insecure.replace(Self.srv) { $0.security = .insecure }
        for dns in [Self.dns(), Self.dns("7 1 1 \(Self.digest)"), insecure] {
            let trace = try dns.resolve("sips:core.example.net", policy)
            #expect(trace.isAbsent && trace.endpoints.isEmpty)
        }
        // Without SRV records nothing leads to TLSA records (RFC 7673 section 3.1).
        for target in ["sips:n1.example.org:5061", "sips:192.0.2.1"] {
            #expect(try good.resolve(target, policy).isAbsent)
            #expect(try good.resolve(target, Self.policy()).located?.servers.map(\.dane) == [nil])
        }
        #expect(policy.permits(Endpoint(transport: .tls, address: .v4(0xC000_0201), port: 5061), nil) == false)
    }

    @Test("What a TLSA record made of a server lasts no longer than the record does")
    func expiry() throws {
        let dns = Self.dns("3 1 1 \(Self.digest)")
        var short = dns
        short.replace(Self.tlsa) { $0.timeToLive = .seconds(7) }
        let located = try #require(try short.resolve("sips:core.example.net", Self.policy()).located)
        #expect(located.servers.first?.expiresAt == ScriptedDNS.start + .seconds(7))
        #expect(located.expiresAt == ScriptedDNS.start + .seconds(7))
    }
}

@Suite("TLSA records (RFC 6698)")
struct TLSADataTests {
    private static let digest = [UInt8](repeating: 0xAB, count: 32)
    private static let longDigest = [UInt8](repeating: 0xCD, count: 64)

    @Test("TLS-48: records with unknown numbers or data of the wrong length are not usable")
    func usable() {
        for usage in 0...3 as ClosedRange<UInt8> {
            for selector in 0...1 as ClosedRange<UInt8> {
                #expect(TLSAData(wire: [usage, selector, 1] + Self.digest).isUsable)
                #expect(TLSAData(wire: [usage, selector, 2] + Self.longDigest).isUsable)
            }
        }
        #expect(TLSAData(wire: [3, 0, 0, 0x30, 0x02, 0x05, 0x00]).isUsable, "a whole DER sequence")
        #expect(TLSAData(wire: [3, 0, 0, 0x30, 0x81, 0x80] + [UInt8](repeating: 0, count: 128)).isUsable)
        let bad: [[UInt8]] = [
            [], [3], [3, 1], [3, 1, 1], [4, 1, 1] + Self.digest, [255, 1, 1] + Self.digest, [3, 2, 1] + Self.digest,
            [3, 1, 3] + Self.digest, [3, 1, 1] + Self.longDigest, [3, 1, 2] + Self.digest,
            [3, 1, 1] + Self.digest + [0],
            [3, 0, 0], [3, 0, 0, 0x30], [3, 0, 0, 0x30, 0x03, 0x05, 0x00], [3, 0, 0, 0x31, 0x02, 0x05, 0x00],
            [3, 0, 0, 0x30, 0x84, 0, 0, 0, 1, 5], [3, 0, 0, 0x30, 0x80, 0, 0], [3, 0, 0, 0x30, 0xFF, 0, 0],
        ]
        for wire in bad { #expect(!TLSAData(wire: wire).isUsable, "\(wire)") }
    }

    @Test("Plans of the same records are the same, in whatever order DNS gave them")
    func order() {
        let records = [
            TLSAData(wire: [3, 1, 1] + Self.digest), TLSAData(wire: [2, 0, 2] + Self.longDigest),
            TLSAData(wire: [3, 1, 1, 0xAA] + Self.digest.dropFirst()),
        ]
        #expect(DANEPlan(target: "n1", records: records) == DANEPlan(target: "n1", records: records.reversed()))
        #expect(records[0].description == "3 1 1 abababababababab…")
    }
}
