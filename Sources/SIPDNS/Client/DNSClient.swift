// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import NIOCore
package import SIPLocation

/// A stub resolver on one event loop: cache, single flight, several servers over UDP, TCP and TLS, DNSSEC.
///
/// It never blocks.
package final class DNSClient: Sendable {
    package struct Settings: Sendable {
        package var servers: [DNSServer]
        /// How long one server is waited for, and how often all are tried (LOC-69).
        package var timeout = TimeAmount.seconds(1)
        package var attempts = 2
        /// How long a question is waited for when an expired answer could stand in (LOC-61, RFC 8767 section 5).
        package var patience = TimeAmount.milliseconds(1800)
        /// Questions that are on their way at a time; over UDP each has a socket of its own (LOC-67).
        package var concurrency = 128
        /// Of these, how many are kept free of the questions that requests cause, for what pools ask.
        package var reserved = 16
        /// Questions of one kind of asker that may wait for their turn; what comes beyond them fails at once, so that a
        /// flood of names takes no more memory.
        package var queue = 10_000
        package var cache = AnswerCache.Policy()
        /// Whether the case of names is drawn, for some bits more that a forger has to guess (LOC-67).
        package var mixesCase = false
        package var dnssec = DNSSECMode.off
        /// What validation begins with.
        package var anchors = TrustAnchors()
        /// The time at which signatures must be valid, in seconds since 1970.
        package var validationTime: @Sendable () -> Int64 = { Int64(time(nil)) }
        /// Makes the TLS handler for a connection to a server; without it no server of DNS over TLS can be asked.
        package var makeTLSHandler: TLSHandlerFactory = { _ in nil }
        /// How long a connection of DNS over TLS stays open without queries (RFC 7766 section 6.2.3).
        package var idleTime = TimeAmount.seconds(10)
        /// Names whose records the operator gives himself (LOC-71).
        package var overrides = DNSOverrides()

        package init(servers: [DNSServer]) {
            self.servers = servers
        }

        /// By what answers are believed: those by another measure do not count.
        package var measure: Measure { Measure(self) }

        /// Questions of requests that are on their way at a time.
        var requestConcurrency: Int { max(1, concurrency - reserved) }

        /// What each query asks for.
        var options: DNSMessageCodec.QueryOptions {
            var options = DNSMessageCodec.QueryOptions()
            options.wantsDNSSEC = dnssec != .off
            options.asksForVerdict = dnssec == .trustAD
            options.checksItself = dnssec == .validate
            return options
        }
    }

    /// By what answers are believed: what is done about DNSSEC, and where validation begins.
    package struct Measure: Sendable, Hashable {
        private let mode: DNSSECMode
        private let anchors: TrustAnchors

        fileprivate init(_ settings: Settings) {
            mode = settings.dnssec
            anchors = mode == .validate ? settings.anchors : TrustAnchors()
        }
    }

    /// Makes a channel handler that does TLS and verifies the server by its name or address; nil when it cannot.
    package typealias TLSHandlerFactory = @Sendable (DNSServer) -> (any ChannelHandler)?

    /// On whose behalf a question is asked.
    package enum Asker: Sendable, Hashable, CaseIterable {
        /// The edge itself, for its pools: goes first.
        case pool
        /// A request that names a next hop. Whoever sends requests may cause any number of these, so that they never use
        /// what pools need.
        case request
    }

    /// What is done about DNSSEC (RFC 4033).
    package enum DNSSECMode: String, Sendable, Hashable, CaseIterable {
        case off
        /// The resolver validates, and its AD bit is believed: the way to it must be one that nobody else can write on.
        case trustAD = "trust-ad"
        /// Signatures are checked here, from the trust anchor on.
        case validate
    }

    /// What the client has done so far.
    package struct Statistics: Sendable {
        /// Questions by what they came to, under the names of `DNSAnswer.Failure` for those that failed.
        package var queries: [String: UInt64] = [:]
        package var cacheEntries = 0
        package var staleEntries = 0
        /// Servers that are not asked for a while because they did not answer.
        package var restingServers = 0
    }

    private let loop: any EventLoop
    private let state: NIOLoopBound<ClientState>

    /// A client that works on `loop`.
    package init(loop: any EventLoop, settings: Settings) async throws {
        self.loop = loop
        state = try await loop.submit { NIOLoopBound(ClientState(loop: loop, settings: settings), eventLoop: loop) }
            .get()
    }

    /// The answer to a question, from the cache while it is fresh; a failure is an answer too.
    ///
    /// An answer that is due to be renewed is given as it is while it is renewed; with `awaitingRenewal` the new one is
    /// waited for.
    package func ask(
        _ question: DNSQuestion,
        for asker: Asker = .pool,
        awaitingRenewal: Bool = false
    ) -> EventLoopFuture<DNSAnswer> {
        let state = state
        return loop.flatSubmit { state.value.ask(question, for: asker, awaitingRenewal: awaitingRenewal) }
    }

    /// Uses other servers, and keeps answers by another policy, from now on; questions on their way move over.
    ///
    /// Where the measure of DNSSEC has changed, nothing that is cached counts any more.
    package func use(_ settings: Settings) -> EventLoopFuture<Void> {
        let state = state
        return loop.submit { state.value.use(settings) }
    }

    /// What the cache holds that is of use, at most ``AnswerCache/Policy/entries``, in no order.
    package func cachedAnswers() -> EventLoopFuture<[CachedAnswer]> {
        let state = state
        return loop.submit { state.value.cached }
    }

    package func statistics() -> EventLoopFuture<Statistics> {
        let state = state
        return loop.submit { state.value.snapshot() }
    }
}
