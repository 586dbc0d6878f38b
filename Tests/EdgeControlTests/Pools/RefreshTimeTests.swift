// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl

@Suite("When a pool is resolved again (LOC-61, LOC-62)")
struct RefreshTimeTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let question = DNSQuestion(DNSName("h.example"), .a)

    private static func answer(_ outcome: DNSAnswer.Outcome, _ ttl: TimeAmount, at time: NIODeadline) -> DNSAnswer {
        DNSAnswer(outcome: outcome, timeToLive: ttl, receivedAt: time, server: "s")
    }

    private static var record: DNSAnswer.Outcome {
        .records([DNSRecord(name: question.name, type: .a, ttl: 100, data: .address(.v4(0xC000_0201)))])
    }

    private static func located(_ answer: DNSAnswer) throws -> LocatedTarget? {
        var policy = ResolutionPolicy()
        policy.usesIPv6 = false
        let resolution = TargetResolution(try SIPTarget("sip:h.example:5060"), policy: policy)
        if case .resolved(let located) = resolution.step([question: answer]) { return located }
        return nil
    }

    @Test("LOC-62: 200 edges renew a record of 100 s at times that are spread over 80 to 90 s")
    func spread() throws {
        var delays: [Double] = []
        for seed in 0..<200 as Range<UInt64> {
            var cache = AnswerCache()
            var generator = SeededGenerator(seed: seed)
            let fresh = Self.answer(Self.record, .seconds(100), at: Self.start)
            let kept = cache.store(fresh, for: Self.question, now: Self.start, using: &generator)
            let target = try #require(try Self.located(kept))
            delays.append(RefreshTime.delay(until: target.refreshAt, now: Self.start) / .seconds(1))
        }
        #expect(delays.allSatisfy { (80...90).contains($0) })
        for tenth in 0..<10 {
            let range = (80 + Double(tenth))..<(81 + Double(tenth))
            #expect((5...40).contains(delays.count { range.contains($0) }), "\(range)")
        }
    }

    @Test("LOC-61: a stale record is tried again when the cache says so, not over and over")
    func stale() throws {
        var cache = AnswerCache()
        var generator = SeededGenerator(seed: 1)
        let fresh = Self.answer(Self.record, .seconds(100), at: Self.start)
        _ = cache.store(fresh, for: Self.question, now: Self.start, using: &generator)
        let later = Self.start + .seconds(200)
        let failure = Self.answer(.failure(.timeout), .zero, at: later)
        let kept = cache.store(failure, for: Self.question, now: later, using: &generator)
        let target = try #require(try Self.located(kept))
        #expect(target.isStale)
        #expect(RefreshTime.delay(until: target.refreshAt, now: later) == .seconds(30))
    }

    @Test("A literal address is hardly ever looked at, and what is overdue soon but not at once")
    func bounds() {
        #expect(RefreshTime.delay(until: nil, now: Self.start) == .seconds(3600))
        #expect(RefreshTime.delay(until: Self.start - .seconds(9), now: Self.start) == .milliseconds(100))
    }
}
