// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation
internal import SIPMessage
internal import TestSupport
internal import Testing

/// A cache, its clock and its randomness, driven in virtual time.
private struct Bench {
    var cache: AnswerCache
    var generator = SeededGenerator(seed: 1)

    init(_ policy: AnswerCache.Policy = AnswerCache.Policy(), seed: UInt64 = 1) {
        cache = AnswerCache(policy: policy)
        generator = SeededGenerator(seed: seed)
    }

    static func at(_ seconds: Double) -> NIODeadline { ScriptedDNS.start + .milliseconds(Int64(seconds * 1000)) }

    /// Stores an outcome as if it had come at `seconds`.
    @discardableResult
    mutating func store(
        _ question: DNSQuestion,
        _ outcome: DNSAnswer.Outcome,
        ttl: Int64 = 0,
        at seconds: Double,
        isAliased: Bool = false
    ) -> DNSAnswer {
        var answer = ScriptedDNS.answer(outcome, .seconds(ttl), at: Self.at(seconds))
        answer.isAliased = isAliased
        return cache.store(answer, for: question, now: Self.at(seconds), using: &generator)
    }

    func look(_ question: DNSQuestion, at seconds: Double) -> String {
        switch cache.lookUp(question, now: Self.at(seconds)) {
        case .fresh(let answer): answer.isStale ? "stale" : "fresh"
        case .dueForRefresh: "due"
        case .ask(let stale): stale == nil ? "ask" : "ask or stale"
        case .failed: "failed"
        }
    }
}

@Suite("The cache of answers (RFC 2308, RFC 8767), in virtual time")
struct CacheTests {
    static let a = DNSQuestion(DNSName("n1.example"), .a)
    static let aaaa = DNSQuestion(DNSName("n1.example"), .aaaa)
    static let records = DNSAnswer.Outcome.records([
        DNSRecord(name: a.name, type: .a, ttl: 30, data: .address(.v4(0xC000_0201)))
    ])

    @Test(
        "V-DNS-01, LOC-58, LOC-62: an answer is used by its own TTL and due between 80 and 90 % of it",
        arguments: [(30, 24.0, 27.0), (60, 48, 54), (120, 96, 108), (300, 240, 270)] as [(Int64, Double, Double)]
    )
    func refreshWindow(ttl: Int64, from: Double, to: Double) {
        var due: Set<Int> = []
        for seed in 1...200 as ClosedRange<UInt64> {
            var bench = Bench(seed: seed)
            bench.store(Self.a, Self.records, ttl: ttl, at: 0)
            #expect(bench.look(Self.a, at: from - 0.01) == "fresh")
            #expect(bench.look(Self.a, at: to) == "due")
            #expect(bench.look(Self.a, at: Double(ttl) - 0.01) == "due")
            #expect(bench.look(Self.a, at: Double(ttl)) == "ask or stale")
            due.insert(bench.look(Self.a, at: (from + to) / 2) == "due" ? 1 : 0)
        }
        #expect(due == [0, 1], "the moment is drawn, so that many edges do not ask at once")
    }

    @Test("LOC-62: an answer says when it is due, which is when the cache says so, however it is asked for")
    func refreshTime() throws {
        var moments: Set<NIODeadline> = []
        for seed in 1...20 as ClosedRange<UInt64> {
            var bench = Bench(seed: seed)
            let stored = bench.store(Self.a, Self.records, ttl: 100, at: 0)
            #expect(stored.refreshAt >= Bench.at(80) && stored.refreshAt <= Bench.at(90))
            guard case .fresh(let answer) = bench.cache.lookUp(Self.a, now: stored.refreshAt - .nanoseconds(1)),
                case .dueForRefresh = bench.cache.lookUp(Self.a, now: stored.refreshAt)
            else {
                Issue.record("it is due at another moment than it says")
                continue
            }
            #expect(answer.refreshAt == stored.refreshAt)
            moments.insert(answer.refreshAt)
        }
        #expect(moments.count == 20, "drawn for each")
    }

    @Test("LOC-60, LOC-61: what failed or stands in says when the question may go out again")
    func retryTime() {
        var bench = Bench()
        #expect(bench.store(Self.a, .failure(.timeout), at: 0).refreshAt == Bench.at(5))
        guard case .failed(let failed) = bench.cache.lookUp(Self.a, now: Bench.at(1)) else {
            Issue.record("it is forgotten")
            return
        }
        #expect(failed.refreshAt == Bench.at(5))
        bench.store(Self.a, Self.records, ttl: 10, at: 5)
        #expect(bench.store(Self.a, .failure(.timeout), at: 14).refreshAt == Bench.at(19), "fresh still")
        #expect(bench.store(Self.a, .failure(.timeout), at: 19).refreshAt == Bench.at(49), "stale")
        guard case .fresh(let stale) = bench.cache.lookUp(Self.a, now: Bench.at(20)) else {
            Issue.record("it does not stand in")
            return
        }
        #expect(stale.isStale)
        #expect(stale.refreshAt == Bench.at(49))
        #expect(stale.renewalFailure == "timeout")
        #expect(bench.store(Self.a, Self.records, ttl: 10, at: 50).renewalFailure == nil)
    }

    @Test("LOC-58: TTLs are clamped to 1 second and to a day")
    func clamp() {
        var bench = Bench()
        #expect(bench.store(Self.a, Self.records, ttl: 0, at: 0).timeToLive == .seconds(1))
        #expect(bench.look(Self.a, at: 0.5) == "fresh")
        #expect(bench.look(Self.a, at: 1) == "ask or stale")
        #expect(bench.store(Self.a, Self.records, ttl: 604_800, at: 2).timeToLive == .seconds(86_400))
    }

    @Test("V-DNS-02, LOC-59: absence is held at most 300 seconds")
    func negativeCap() {
        var bench = Bench()
        #expect(bench.store(Self.a, .noData, ttl: 900, at: 0).timeToLive == .seconds(300))
        #expect(bench.store(Self.a, .noData, ttl: 120, at: 0).timeToLive == .seconds(120))
        #expect(bench.look(Self.a, at: 119) == "due")
        #expect(bench.look(Self.a, at: 120) == "ask or stale")
    }

    @Test("V-DNS-02, LOC-59: NODATA is of one type; NXDOMAIN is of the name and hides every type")
    func absenceScope() {
        var bench = Bench()
        bench.store(Self.aaaa, .noData, ttl: 120, at: 0)
        #expect(bench.look(Self.a, at: 1) == "ask")
        bench.store(Self.a, Self.records, ttl: 100, at: 1)
        bench.store(Self.aaaa, .nameError, ttl: 50, at: 2)
        for type in [DNSRecordType.a, .aaaa, .srv, .tlsa] {
            let question = DNSQuestion(Self.a.name, type)
            guard case .fresh(let answer) = bench.cache.lookUp(question, now: Bench.at(3)) else {
                Issue.record("\(type) is asked for")
                continue
            }
            #expect(answer.outcome == .nameError)
        }
        #expect(bench.look(DNSQuestion(DNSName("other.example"), .a), at: 3) == "ask")
        bench.store(Self.aaaa, .noData, ttl: 50, at: 60)
        #expect(bench.look(Self.a, at: 61) == "fresh", "the name exists again, and A has some of its time left")
    }

    @Test("LOC-59: NXDOMAIN behind an alias says nothing of the name that was asked for")
    func aliasedAbsence() {
        var bench = Bench()
        bench.store(Self.a, .nameError, ttl: 50, at: 0, isAliased: true)
        #expect(bench.look(Self.a, at: 1) == "fresh")
        #expect(bench.look(Self.aaaa, at: 1) == "ask")
    }

    @Test("LOC-60: a failure is remembered 5 s, then twice as long each time, at most 60 s; success forgets it")
    func backoff() {
        var bench = Bench()
        var now = 0.0
        for hold in [5.0, 10, 20, 40, 60, 60, 60] {
            bench.store(Self.a, .failure(.serverFailure), at: now)
            #expect(bench.look(Self.a, at: now + hold - 0.01) == "failed")
            now += hold
            #expect(bench.look(Self.a, at: now) == "ask")
        }
        bench.store(Self.a, Self.records, ttl: 1, at: now)
        bench.store(Self.a, .failure(.serverFailure), at: now + 0.5)
        #expect(bench.look(Self.a, at: now + 5.4) == "stale")
        #expect(bench.look(Self.a, at: now + 5.5) == "ask or stale")
    }

    @Test("LOC-60: a fresh answer whose renewal fails is asked for anew no oftener than failures are")
    func failedRenewal() {
        var bench = Bench()
        bench.store(Self.a, Self.records, ttl: 300, at: 0)
        #expect(bench.look(Self.a, at: 270) == "due")
        #expect(bench.store(Self.a, .failure(.timeout), at: 270).outcome == Self.records)
        #expect(bench.look(Self.a, at: 274.9) == "fresh")
        #expect(bench.look(Self.a, at: 275) == "due")
    }

    @Test("V-DNS-03, LOC-61: stale answers stand in, renewed at most every 30 s, until DNS says otherwise")
    func stale() {
        var bench = Bench()
        bench.store(Self.a, Self.records, ttl: 30, at: 0)
        bench.store(Self.a, .failure(.timeout), at: 27)
        #expect(bench.look(Self.a, at: 31) == "stale")
        var tries: [Double] = []
        for tenth in 320..<4000 {
            let now = Double(tenth) / 10
            guard bench.look(Self.a, at: now) == "ask or stale" else {
                #expect(bench.look(Self.a, at: now) == "stale")
                continue
            }
            tries.append(now)
            let answer = bench.store(Self.a, .failure(.timeout), at: now)
            #expect(answer.isStale)
            #expect(answer.outcome == Self.records)
        }
        #expect(zip(tries, tries.dropFirst()).allSatisfy { $1 - $0 >= 29.99 })
        #expect(tries.count >= 10)
        #expect(bench.store(Self.a, .nameError, ttl: 60, at: 430).outcome == .nameError)
        #expect(bench.look(Self.a, at: 431) == "fresh")
    }

    @Test("LOC-61: a stale answer has an end, and then a failure is a failure")
    func staleEnd() {
        var policy = AnswerCache.Policy()
        policy.stale = .seconds(100)
        var bench = Bench(policy)
        bench.store(Self.a, Self.records, ttl: 10, at: 0)
        #expect(bench.look(Self.a, at: 109.9) == "ask or stale")
        #expect(bench.look(Self.a, at: 110) == "ask")
        #expect(bench.store(Self.a, .failure(.timeout), at: 110).isFailure)
        #expect(bench.look(Self.a, at: 111) == "failed")
    }

    @Test("LOC-58: another policy holds from then on; a smaller limit of entries is reached by the next answers")
    func newPolicy() {
        var bench = Bench()
        for index in 0..<20 {
            bench.store(DNSQuestion(DNSName("h\(index).example"), .a), Self.records, ttl: 20, at: 0)
        }
        bench.store(Self.a, Self.records, ttl: 10, at: 0)
        bench.cache.policy.maximum = .seconds(5)
        bench.cache.policy.stale = .seconds(20)
        bench.cache.policy.entries = 10
        #expect(bench.look(Self.a, at: 9.9) == "due", "it was given ten seconds")
        #expect(bench.look(Self.a, at: 29.9) == "ask or stale")
        #expect(bench.look(Self.a, at: 30) == "ask")
        #expect(bench.store(Self.aaaa, Self.records, ttl: 10, at: 1).timeToLive == .seconds(5))
        #expect(bench.cache.count <= 10)
    }

    @Test("Answers that stand in are counted; those that have merely expired are not")
    func staleCount() {
        var bench = Bench()
        bench.store(Self.a, Self.records, ttl: 10, at: 0)
        #expect(bench.cache.staleCount(at: Bench.at(11)) == 0)
        bench.store(Self.a, .failure(.timeout), at: 11)
        #expect(bench.cache.staleCount(at: Bench.at(12)) == 1)
        bench.store(Self.a, Self.records, ttl: 10, at: 50)
        #expect(bench.cache.staleCount(at: Bench.at(51)) == 0)
    }

    @Test("The cache has a limit, for failures and absent names too; what expires first goes first")
    func limit() {
        var policy = AnswerCache.Policy()
        policy.entries = 10
        for outcome in [Self.records, .noData, .nameError, .failure(.timeout)] {
            var bench = Bench(policy)
            bench.store(Self.a, Self.records, ttl: 3600, at: 0)
            for index in 0..<100 {
                bench.store(DNSQuestion(DNSName("h\(index).example"), .a), outcome, ttl: 20, at: 1)
                #expect(bench.cache.count <= 10)
            }
            #expect(bench.look(Self.a, at: 2) == "fresh")
        }
    }

    @Test("LOC-60, LOC-61: failures can be forgotten, so that a question goes out again; stale answers stay in use")
    func forgetFailures() {
        var bench = Bench()
        bench.store(Self.a, .failure(.timeout), at: 0)
        bench.store(Self.aaaa, Self.records, ttl: 30, at: 0)
        bench.store(Self.aaaa, .failure(.timeout), at: 31)
        for _ in 1...4 { bench.store(Self.a, .failure(.timeout), at: 31) }
        #expect(bench.look(Self.a, at: 32) == "failed" && bench.look(Self.aaaa, at: 32) == "stale")
        bench.cache.forgetFailures(now: Bench.at(32))
        #expect(bench.look(Self.a, at: 32) == "ask" && bench.look(Self.aaaa, at: 32) == "stale")
        // The next failure is the first one again.
        bench.store(Self.a, .failure(.timeout), at: 32)
        #expect(bench.look(Self.a, at: 36.9) == "failed" && bench.look(Self.a, at: 37.1) == "ask")
    }

    @Test("Of a full cache, what has expired goes before anything that is fresh, though it could stand in")
    func expiredFirst() {
        var policy = AnswerCache.Policy()
        policy.entries = 10
        var bench = Bench(policy)
        func question(_ index: Int) -> DNSQuestion { DNSQuestion(DNSName("h\(index).example"), .a) }
        // Even ones expire at 10 s, odd ones much later.
        for index in 0..<10 { bench.store(question(index), Self.records, ttl: index % 2 == 0 ? 10 : 3600, at: 0) }
        for index in 10..<15 { bench.store(question(index), Self.records, ttl: 60, at: 20) }
        for index in [1, 3, 5, 7, 9] { #expect(bench.look(question(index), at: 21) == "fresh", "\(index)") }
        for index in [0, 2, 4, 6, 8] { #expect(bench.look(question(index), at: 21) == "ask", "\(index)") }
        #expect(bench.cache.count == 10)
    }
}
