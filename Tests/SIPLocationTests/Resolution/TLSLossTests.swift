// SPDX-License-Identifier: Apache-2.0

internal import SIPLocation
internal import SIPMessage
internal import Testing

@Suite("When a domain no longer publishes SIPS services (LOC-24, RFC 3263 section 7)")
struct TLSLossTests {
    private static let clear =
        NAPTRTests.published.split(separator: "\n").filter { !$0.contains("SIPS") }
        .joined(separator: "\n") + "\n"
    private static let noTLS =
        NAPTRTests.services.split(separator: "\n").filter { !$0.hasPrefix("_sips") }
        .joined(separator: "\n") + "\n"

    /// What a target resolves to, and whether SIPS services were seen on the way.
    private static func resolve(
        _ records: String,
        _ loss: ResolutionPolicy.TLSLoss
    ) throws -> (step: Trace, publishesTLS: Bool?, notes: [String]) {
        var policy = ResolutionPolicy.sample()
        policy.tlsLoss = loss
        let dns = ScriptedDNS(records)
        let resolution = TargetResolution(try SIPTarget("sip:example.com"), policy: policy)
        let trace = resolution.evaluate(dns.answers(to: resolution))
        return (try dns.resolve("sip:example.com", policy), trace.publishesTLS, trace.notes)
    }

    @Test("LOC-24: it is seen whether SIPS services are published, by NAPTR or, without, by SRV")
    func seen() throws {
        #expect(try Self.resolve(NAPTRTests.published + NAPTRTests.services, .ignore).publishesTLS == true)
        #expect(try Self.resolve(Self.clear + NAPTRTests.services, .ignore).publishesTLS == false)
        #expect(try Self.resolve(NAPTRTests.services, .ignore).publishesTLS == true)
        #expect(try Self.resolve(Self.noTLS, .ignore).publishesTLS == false)
        #expect(try Self.resolve(Self.noTLS + "_sips._tcp.example.com SRV !timeout\n", .ignore).publishesTLS == nil)
    }

    @Test("LOC-24: TLS is kept by the SRV records, with a note")
    func kept() throws {
        for loss in [ResolutionPolicy.TLSLoss.keep, .refuse] {
            let result = try Self.resolve(Self.clear + NAPTRTests.services, loss)
            #expect(result.step.endpoints == ["tls:192.0.2.3:5061"])
            #expect(result.publishesTLS == false)
            #expect(result.notes.contains { $0.contains("no longer publishes SIPS") })
        }
        let ignored = try Self.resolve(Self.clear + NAPTRTests.services, .ignore)
        #expect(ignored.step.endpoints == ["tcp:192.0.2.2:5060"])
    }

    @Test("LOC-24: without SRV records of TLS the pool goes on in clear text, or refuses as it is told")
    func gone() throws {
        #expect(try Self.resolve(Self.clear + Self.noTLS, .keep).step.endpoints == ["tcp:192.0.2.2:5060"])
        let refused = try Self.resolve(Self.clear + Self.noTLS, .refuse)
        #expect(refused.step.isAbsent && refused.publishesTLS == false)
        #expect(try Self.resolve(Self.noTLS, .refuse).step.isAbsent)
    }

    @Test(
        "LOC-57: SRV records of TLS that cannot be asked for are no reason for clear text",
        arguments: ["keep", "refuse"]
    )
    func unanswered(word: String) throws {
        let loss = try #require(ResolutionPolicy.TLSLoss(rawValue: word))
        let records = Self.clear + Self.noTLS + "_sips._tcp.example.com SRV !servfail\n"
        #expect(try Self.resolve(records, loss).step.isFailed)
    }

    @Test("A domain that still publishes them is resolved as ever")
    func unchanged() throws {
        let records = NAPTRTests.published + NAPTRTests.services
        #expect(try Self.resolve(records, .refuse).step.endpoints == ["tls:192.0.2.3:5061"])
        #expect(try Self.resolve(records, .refuse).notes.isEmpty)
        #expect(try Self.resolve(NAPTRTests.services, .refuse).publishesTLS == true)
    }
}
