// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// What of a client belongs to its loop: the cache, the questions on their way, and those that wait for their turn.
final class ClientState {
    let loop: any EventLoop
    var settings: DNSClient.Settings
    var health = ServerHealth()
    var chain: TrustChain
    /// Questions about keys that are on their way, each for all that need the answer.
    var evidence: [DNSQuestion: EventLoopFuture<Evidence>] = [:]
    /// The connections of DNS over TLS.
    private var links: [DNSServer: SecureLink] = [:]
    /// Counts settings: numbers of servers are those of one of them.
    private(set) var generation = 0
    /// How often the measure by which answers are believed has changed.
    private var measures = 0
    private var cache: AnswerCache
    private var pending: [DNSQuestion: EventLoopFuture<DNSAnswer>] = [:]
    private var waiting = QuestionQueue()
    private var running = 0
    /// Those of them that requests cause.
    private var runningRequests = 0
    private var statistics = DNSClient.Statistics()

    init(loop: any EventLoop, settings: DNSClient.Settings) {
        self.loop = loop
        self.settings = settings
        cache = AnswerCache(policy: settings.cache)
        chain = TrustChain(anchors: settings.anchors)
    }

    func ask(_ question: DNSQuestion, for asker: DNSClient.Asker, awaitingRenewal: Bool) -> EventLoopFuture<DNSAnswer> {
        if let own = settings.overrides.answer(to: question, now: .now()) { return loop.makeSucceededFuture(own) }
        guard question.name.isAskable else {
            var refused = failure(.notAskable)
            refused.refreshAt = .now() + settings.cache.failureHoldMaximum
            return loop.makeSucceededFuture(refused)
        }
        switch cache.lookUp(question, now: .now()) {
        case .fresh(let answer), .failed(let answer): return loop.makeSucceededFuture(answer)
        case .dueForRefresh(let answer):
            let renewal = enqueue(question, for: asker, standIn: answer)
            return awaitingRenewal ? renewal : loop.makeSucceededFuture(answer)
        case .ask(let stale):
            let answer = enqueue(question, for: asker, standIn: stale)
            guard let stale, !awaitingRenewal else { return answer }
            return self.answer(answer, orAfterPatience: stale)
        }
    }

    /// Works by other settings from now on, with what is on its way too.
    func use(_ settings: DNSClient.Settings) {
        if settings.measure != self.settings.measure {
            cache = AnswerCache(policy: settings.cache)
            chain = TrustChain(anchors: settings.anchors)
            measures += 1
        }
        self.settings = settings
        generation += 1
        cache.policy = settings.cache
        // Other servers, or the same ones when somebody has seen to them, may know what was asked in vain.
        cache.forgetFailures(now: .now())
        health = ServerHealth()
        // Whom to trust may have changed too. What waits for an old link asks by the new settings the moment it fails, so
        // they must be in their place.
        let retired = links
        links = [:]
        for link in retired.values { link.retire() }
    }

    /// The connection to a server of DNS over TLS.
    func link(to server: DNSServer) -> SecureLink {
        if let link = links[server] { return link }
        let link = SecureLink(loop: loop, server: server, settings: settings)
        links[server] = link
        return link
    }

    func failure(_ kind: DNSAnswer.Failure, server: String = "") -> DNSAnswer {
        DNSAnswer(outcome: .failure(kind), timeToLive: .zero, receivedAt: .now(), server: server)
    }

    /// What the cache holds.
    var cached: [CachedAnswer] { cache.contents(at: .now()) }

    func snapshot() -> DNSClient.Statistics {
        var copy = statistics
        copy.cacheEntries = cache.count
        copy.staleEntries = cache.staleCount(at: .now())
        copy.restingServers = health.resting(at: .now())
        return copy
    }

    /// What comes in time, else the answer that has expired (LOC-61).
    private func answer(
        _ answer: EventLoopFuture<DNSAnswer>,
        orAfterPatience expired: DNSAnswer
    ) -> EventLoopFuture<DNSAnswer> {
        var stale = expired
        // The question is on its way still: its answer is there to be had before long.
        stale.refreshAt = .now() + settings.patience
        let promise = loop.makePromise(of: DNSAnswer.self)
        let standIn = stale
        let patience = loop.scheduleTask(in: settings.patience) { promise.succeed(standIn) }
        answer.whenComplete { result in
            patience.cancel()
            promise.completeWith(result)
        }
        return promise.futureResult
    }

    /// Asks the servers, once for all that ask the same (LOC-62).
    ///
    /// - Parameter standIn: what is known already, for when too many questions wait.
    private func enqueue(
        _ question: DNSQuestion,
        for asker: DNSClient.Asker,
        standIn: DNSAnswer?
    ) -> EventLoopFuture<DNSAnswer> {
        if let running = pending[question] {
            if asker == .pool {
                waiting.promote(question)
                startWaiting()
            }
            return running
        }
        guard waiting.count(of: asker) < settings.queue else {
            let refused = failure(.timeout)
            count(refused)
            return loop.makeSucceededFuture(standIn ?? refused)
        }
        let promise = loop.makePromise(of: DNSAnswer.self)
        pending[question] = promise.futureResult
        waiting.append(QuestionQueue.Turn(question: question, asker: asker, promise: promise))
        startWaiting()
        return promise.futureResult
    }

    private func startWaiting() {
        while running < settings.concurrency,
            let turn = waiting.next(withRequests: runningRequests < settings.requestConcurrency)
        {
            running += 1
            if turn.asker == .request { runningRequests += 1 }
            run(turn)
        }
    }

    /// Asks, and asks again when the answer was judged by a measure that holds no more.
    private func run(_ turn: QuestionQueue.Turn) {
        let (bound, begun) = (NIOLoopBound(self, eventLoop: loop), measures)
        resolve(turn.question).whenComplete { result in
            let state = bound.value
            guard begun == state.measures else { return state.run(turn) }
            state.finish(turn, (try? result.get()) ?? state.failure(.timeout))
        }
    }

    private func finish(_ turn: QuestionQueue.Turn, _ answer: DNSAnswer) {
        running -= 1
        if turn.asker == .request { runningRequests -= 1 }
        pending[turn.question] = nil
        count(answer)
        var generator = SystemRandomNumberGenerator()
        turn.promise.succeed(cache.store(answer, for: turn.question, now: .now(), using: &generator))
        startWaiting()
    }

    private func count(_ answer: DNSAnswer) {
        let outcome =
            switch answer.outcome {
            case .records: "answer"
            case .noData: "nodata"
            case .nameError: "nxdomain"
            case .failure(let kind): kind.rawValue
            }
        statistics.queries[outcome, default: 0] += 1
    }
}
