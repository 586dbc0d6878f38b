// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import NIOPosix
package import SIPLocation
package import SIPMessage

/// A stub resolver on one event loop: cache, single flight, several servers, UDP with TCP behind it.
///
/// It never blocks.
package final class DNSClient: Sendable {
    package struct Settings: Sendable {
        package var servers: [(address: IPAddress, port: UInt16)]
        /// How long one server is waited for, and how often all are tried (LOC-69).
        package var timeout = TimeAmount.seconds(1)
        package var attempts = 2
        /// How long a question is waited for when an expired answer could stand in (LOC-61, RFC 8767 section 5).
        package var patience = TimeAmount.milliseconds(1800)
        /// Questions that are on their way at a time; each has a socket of its own (LOC-67).
        package var concurrency = 128
        package var cache = AnswerCache.Policy()

        package init(servers: [(address: IPAddress, port: UInt16)]) {
            self.servers = servers
        }
    }

    /// What the client has done so far.
    package struct Statistics: Sendable {
        package var queries: [String: UInt64] = [:]
        package var cacheEntries = 0
        package var staleEntries = 0
    }

    private let loop: any EventLoop
    private let state: NIOLoopBound<State>

    /// A client that works on `loop`.
    package init(loop: any EventLoop, settings: Settings) async throws {
        self.loop = loop
        state = try await loop.submit { NIOLoopBound(State(loop: loop, settings: settings), eventLoop: loop) }.get()
    }

    /// The answer to a question, from the cache while it is fresh; a failure is an answer too.
    ///
    /// An answer that is due to be renewed is given as it is while it is renewed; with `awaitingRenewal` the new one is
    /// waited for.
    package func ask(_ question: DNSQuestion, awaitingRenewal: Bool = false) -> EventLoopFuture<DNSAnswer> {
        let state = state
        return loop.flatSubmit { state.value.ask(question, awaitingRenewal: awaitingRenewal) }
    }

    /// Uses other servers, and keeps answers by another policy, from now on.
    package func use(_ settings: Settings) -> EventLoopFuture<Void> {
        let state = state
        return loop.submit { state.value.use(settings) }
    }

    package func statistics() -> EventLoopFuture<Statistics> {
        let state = state
        return loop.submit { state.value.snapshot() }
    }

    /// What belongs to the loop.
    private final class State {
        let loop: any EventLoop
        var settings: Settings
        var cache: AnswerCache
        var pending: [DNSQuestion: EventLoopFuture<DNSAnswer>] = [:]
        var waiting = CircularBuffer<(question: DNSQuestion, promise: EventLoopPromise<DNSAnswer>)>()
        var running = 0
        var statistics = Statistics()
        var health = ServerHealth()

        init(loop: any EventLoop, settings: Settings) {
            self.loop = loop
            self.settings = settings
            cache = AnswerCache(policy: settings.cache)
        }

        func ask(_ question: DNSQuestion, awaitingRenewal: Bool) -> EventLoopFuture<DNSAnswer> {
            guard question.name.isAskable else {
                var refused = failure(.notAskable)
                refused.refreshAt = .now() + settings.cache.failureHoldMaximum
                return loop.makeSucceededFuture(refused)
            }
            switch cache.lookUp(question, now: .now()) {
            case .fresh(let answer), .failed(let answer): return loop.makeSucceededFuture(answer)
            case .dueForRefresh(let answer):
                let renewal = exchange(question)
                return awaitingRenewal ? renewal : loop.makeSucceededFuture(answer)
            case .ask(let stale):
                let answer = exchange(question)
                guard let stale, !awaitingRenewal else { return answer }
                return self.answer(answer, orAfterPatience: stale)
            }
        }

        func use(_ settings: Settings) {
            self.settings = settings
            cache.policy = settings.cache
            health = ServerHealth()
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
        private func exchange(_ question: DNSQuestion) -> EventLoopFuture<DNSAnswer> {
            if let running = pending[question] { return running }
            let promise = loop.makePromise(of: DNSAnswer.self)
            pending[question] = promise.futureResult
            waiting.append((question, promise))
            startWaiting()
            return promise.futureResult
        }

        private func startWaiting() {
            while running < settings.concurrency, let (question, promise) = waiting.popFirst() {
                running += 1
                let order = health.order(count: settings.servers.count, attempts: settings.attempts)
                let bound = NIOLoopBound(self, eventLoop: loop)
                tryServers(question, order: order).whenComplete { result in
                    let state = bound.value
                    state.finish(question, promise, (try? result.get()) ?? state.failure(.timeout))
                }
            }
        }

        private func finish(_ question: DNSQuestion, _ promise: EventLoopPromise<DNSAnswer>, _ answer: DNSAnswer) {
            running -= 1
            pending[question] = nil
            count(answer)
            var generator = SystemRandomNumberGenerator()
            promise.succeed(cache.store(answer, for: question, now: .now(), using: &generator))
            startWaiting()
        }

        private func tryServers(_ question: DNSQuestion, order: ArraySlice<Int>) -> EventLoopFuture<DNSAnswer> {
            guard let index = order.first, index < settings.servers.count else {
                return loop.makeSucceededFuture(failure(.timeout))
            }
            let server = settings.servers[index]
            let bound = NIOLoopBound(self, eventLoop: loop)
            let exchange = DNSExchange(
                loop: loop,
                question: question,
                server: SocketAddress(server.address, port: server.port),
                timeout: settings.timeout
            )
            return exchange.run().flatMap { answer in
                let state = bound.value
                state.health.note(index, failed: answer.isFailure)
                guard answer.isFailure, order.count > 1 else { return state.loop.makeSucceededFuture(answer) }
                return state.tryServers(question, order: order.dropFirst())
            }
        }

        private func failure(_ kind: DNSAnswer.Failure) -> DNSAnswer {
            DNSAnswer(outcome: .failure(kind), timeToLive: .zero, receivedAt: .now(), server: "")
        }

        private func count(_ answer: DNSAnswer) {
            let outcome: String
            switch answer.outcome {
            case .records: outcome = "answer"
            case .noData: outcome = "nodata"
            case .nameError: outcome = "nxdomain"
            case .failure(let kind): outcome = kind.rawValue
            }
            statistics.queries[outcome, default: 0] += 1
        }

        func snapshot() -> Statistics {
            var copy = statistics
            copy.cacheEntries = cache.count
            copy.staleEntries = cache.staleCount(at: .now())
            return copy
        }
    }
}
