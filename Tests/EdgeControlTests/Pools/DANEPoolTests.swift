// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import NIOCore
import SIPLocation
import SIPMessage
import Testing

@testable import EdgeConfiguration
@testable import EdgeControl

@Suite("A pool with DANE from one resolution to the next")
struct DANEPoolTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let service = DNSName("_sips._tcp.core.example.net")
    private static let address = DNSQuestion(DNSName("n1.example.org"), .a)
    private static let tlsa = DNSQuestion(DNSName("_5061._tcp.n1.example.org"), .tlsa)
    private static let endpoint = Endpoint(transport: .tls, address: .v4(0xC000_0201), port: 5061)
    private static let record = TLSAData(usage: 3, selector: 1, matching: 1, data: [UInt8](repeating: 7, count: 32))

    /// A pool, and what one resolution makes of it when some questions fail.
    private struct Pool {
        var state = PoolState(id: PoolID(index: 0), settings: PoolSettings(name: "p"))

        mutating func take(_ mode: ResolutionPolicy.DANE, failing: [DNSQuestion: DNSAnswer.Failure] = [:]) throws {
            var policy = ResolutionPolicy()
            policy.dane = mode
            policy.usesIPv6 = false
            let target = try SIPTarget("sips:core.example.net")
            var known: [DNSQuestion: DNSAnswer] = [:]
            while case .ask(let questions) = TargetResolution(target, policy: policy).step(known) {
                for question in questions {
                    let outcome = failing[question].map { .failure($0) } ?? DANEPoolTests.outcome(question)
                    var answer = DNSAnswer(
                        outcome: outcome,
                        timeToLive: .seconds(30),
                        receivedAt: DANEPoolTests.now,
                        server: "s"
                    )
                    answer.security = .secure
                    known[question] = answer
                }
            }
            let answer = PoolAnswer(target, policy: policy, known: known)
            _ = answer.apply(to: &state, stale: .hours(1), isTLSLost: false, now: DANEPoolTests.now)
        }

        var isPublished: Bool { state.membership.publishedCount == 1 }
    }

    private static func outcome(_ question: DNSQuestion) -> DNSAnswer.Outcome {
        let data: DNSRecordData
        switch question.type {
        case .srv where question.name == service:
            data = .srv(SRVData(priority: 1, weight: 1, port: 5061, target: DNSName("n1.example.org")))
        case .a where question == address: data = .address(endpoint.address)
        case .tlsa where question == tlsa: data = .tlsa(record)
        default: return .noData
        }
        return .records([DNSRecord(name: question.name, type: question.type, ttl: 30, data: data)])
    }

    @Test("TLS-47: a backend whose TLSA records are bogus, or cannot be had, leaves the pool, and comes back with them")
    func skipped() throws {
        for failure in [DNSAnswer.Failure.bogus, .serverFailure, .timeout] {
            var pool = Pool()
            try pool.take(.opportunistic)
            #expect(pool.isPublished)
            #expect(pool.state.plans[Self.endpoint] == DANEPlan(target: "n1.example.org", records: [Self.record]))
            try pool.take(.opportunistic, failing: [Self.tlsa: failure])
            #expect(!pool.isPublished, "\(failure)")
            try pool.take(.opportunistic)
            #expect(pool.isPublished)
        }
    }

    @Test("LOC-57: a backend whose addresses cannot be asked for stays, and must go on to prove what it had to")
    func kept() throws {
        var pool = Pool()
        try pool.take(.require)
        try pool.take(.require, failing: [Self.address: .timeout])
        #expect(pool.isPublished && pool.state.plans[Self.endpoint]?.records == [Self.record])
    }

    @Test("What was in the pool without DANE does not stay by DNS's silence once TLSA records are required")
    func required() throws {
        var pool = Pool()
        try pool.take(.off)
        #expect(pool.isPublished && pool.state.plans.isEmpty)
        var lenient = pool
        try lenient.take(.opportunistic, failing: [Self.address: .timeout])
        #expect(lenient.isPublished)
        try pool.take(.require, failing: [Self.address: .timeout])
        #expect(!pool.isPublished)
    }

    @Test("The plans go to requests and probes where the pool has DANE, and nowhere else")
    func setup() throws {
        let plans = [Self.endpoint: DANEPlan(target: "n1.example.org", records: [Self.record])]
        var settings = PoolSettingsEntry(name: "p", target: "sips:core.example.net")
        #expect(settings.backendSetup("core.example.net", TLSContexts(), plans).plans.isEmpty)
        settings.dane = .opportunistic
        #expect(settings.backendSetup("core.example.net", TLSContexts(), plans).plans == plans)
    }
}
