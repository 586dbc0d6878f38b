// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation
internal import SIPMessage
internal import TestSupport
internal import Testing

@Suite("What the cache tells of itself, in virtual time")
struct CacheContentsTests {
    private static let name = DNSName("n1.example")
    private static let a = DNSQuestion(name, .a)
    private static let aaaa = DNSQuestion(name, .aaaa)
    private static let srv = DNSQuestion(DNSName("_sip._tcp.example"), .srv)
    private static let records = DNSAnswer.Outcome.records([
        DNSRecord(name: name, type: .a, ttl: 30, data: .address(.v4(0xC000_0201)))
    ])

    private var cache = AnswerCache()
    private var generator = SeededGenerator(seed: 1)

    private func at(_ seconds: Int64) -> NIODeadline { ScriptedDNS.start + .seconds(seconds) }

    private mutating func store(_ question: DNSQuestion, _ outcome: DNSAnswer.Outcome, _ ttl: Int64, at time: Int64) {
        let answer = ScriptedDNS.answer(outcome, .seconds(ttl), at: at(time))
        _ = cache.store(answer, for: question, now: at(time), using: &generator)
    }

    /// The questions at a time as `A fresh 30 s`, sorted, with the failure behind them.
    private func contents(at seconds: Int64) -> [String] {
        cache.contents(at: at(seconds)).map { entry in
            let failure: String =
                if case .failure(let kind)? = entry.failure?.outcome { " \(kind.rawValue)" } else { "" }
            return "\(entry.question.type) \(entry.state) \(entry.answer.secondsLeft(at: at(seconds))) s\(failure)"
        }
        .sorted()
    }

    @Test("LOC-61: an answer is fresh, then stale with the reason that it was not renewed, then gone")
    mutating func answers() {
        #expect(contents(at: 0) == [])
        store(Self.a, Self.records, 30, at: 0)
        store(Self.aaaa, .noData, 60, at: 0)
        #expect(contents(at: 10) == ["A fresh 20 s", "AAAA fresh 50 s"])
        store(Self.a, .failure(.serverFailure), 0, at: 28)
        #expect(contents(at: 29) == ["A fresh 1 s servfail", "AAAA fresh 31 s"])
        #expect(contents(at: 30) == ["A stale 0 s servfail", "AAAA fresh 30 s"])
        store(Self.a, Self.records, 30, at: 40)
        #expect(contents(at: 41) == ["A fresh 29 s", "AAAA fresh 19 s"])
        #expect(contents(at: 86_400 + 69) == ["A stale 0 s"])
        #expect(contents(at: 86_400 + 70) == [])
    }

    @Test("LOC-60: a failure without an answer is told of as long as it is held")
    mutating func failures() {
        store(Self.srv, .failure(.timeout), 0, at: 0)
        #expect(contents(at: 4) == ["SRV failed 0 s timeout"])
        #expect(contents(at: 5) == [])
    }
}
