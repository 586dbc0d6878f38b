// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeRuntime
internal import EdgeTLS
internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy

/// Looks at a TLS server as an edge would meet it as a backend.
///
/// One handshake that accepts whatever comes, to see what the server offers, and one with each verification that pools may
/// use, whose outcome is the verdict. So the verdict cannot differ from what the edge does.
package struct TLSCheck: Sendable {
    package let host: String
    package let port: Int
    /// The name that the certificate must stand for; the host unless told otherwise.
    package var name: String
    /// Further names that it may stand for (TLS-13).
    package var alternativeNames: [String] = []
    /// PEM: the authorities; nil for the system's.
    package var authorities: String?
    /// PEM: what we show when we are asked; both or none.
    package var certificate: String?
    package var key: String?
    package var acceptsWildcards = false
    /// How DNS is asked for TLSA records, and what the verdict makes of them; nil: it is not asked.
    package var lookup: ResolutionReport.Options?
    /// For each connection.
    package var timeout = Duration.seconds(5)

    /// How long a server may take after the handshake to refuse our certificate, or its absence: in TLS 1.3 the
    /// handshake is over for us before it has looked (RFC 8446 section 4.4.2.4).
    static let settling = TimeAmount.milliseconds(400)
    static let standardPort = 5061

    /// A check of `host`, `host:port`, `[address]` or `[address]:port`; nil when it is none of these.
    package init?(target: String) {
        guard let (host, port) = Self.split(target) else { return nil }
        (self.host, self.port, name) = (host, port, host)
    }

    /// Whether the host is a name that DNS may be asked for, and not an address.
    package var isNamed: Bool { IPAddress(parsing: host) == nil && DNSName(host).isAskable }

    /// Carries it out.
    ///
    /// - Throws: an error whose description says which file is at fault and why.
    package func run() async throws -> TLSCheckReport {
        var profile = TLSProfile(certificateChainFile: certificate, privateKeyFile: key, trustFile: authorities)
        profile.sessionTickets = false
        let strict = try TLSContext(clientProfile: profile)
        profile.verify = false
        let lenient = try TLSContext(clientProfile: profile)
        let known = try await lookUp()
        if let absence = absence(known) { return report(nil, absence, known) }
        let place = lookup?.server == nil ? host : known?.address.map { "\($0)" } ?? host
        let seen = await attempt(place, with: lenient, .client(serverName: name, identity: .none))
        guard case .done(let offer, let later) = seen else { return report(nil, seen.failure, known) }
        var judgements: [ResolutionPolicy.DANE: Judgement] = [:]
        for mode in ResolutionPolicy.DANE.allCases where mode == .off || known?.isChecked == true {
            let verdict = known?.verdict(mode) ?? .doesNotApply
            if let same = judgements.values.first(where: { $0.verdict == verdict }) {
                judgements[mode] = same
            } else {
                judgements[mode] = await judge(place, with: strict, verdict, later)
            }
        }
        return report(offer, judgements, known)
    }

    /// What DNS says of the host; nil for an address, and where it is not to be asked.
    private func lookUp() async throws -> DANELookup? {
        guard var lookup, isNamed else { return nil }
        lookup.target = host
        return try await DANELookup.make(lookup, port: port)
    }

    /// Why there is no address to connect to: a name server that was named is asked in place of the system's resolver, not
    /// beside it.
    private func absence(_ known: DANELookup?) -> Failure? {
        guard lookup?.server != nil, let known, known.address == nil else { return nil }
        let words =
            if known.addresses.contains(where: { $0.outcome == .nameError }) {
                "no such name"
            } else if known.addresses.contains(where: \.isFailure) {
                "the name server did not say its address"
            } else {
                "the name has no address"
            }
        return Failure(reason: "unreachable", words: words)
    }

    private func report(_ offer: PeerOffer?, _ failure: Failure?, _ known: DANELookup?) -> TLSCheckReport {
        let now = Int64(Date().timeIntervalSince1970)
        return TLSCheckReport(
            host: host,
            port: port,
            name: name,
            offer: offer.map { TLSCheckReport.Offer($0, now: now) },
            isAccepted: failure == nil,
            reason: failure?.reason,
            explanation: failure?.words,
            dane: known.map { TLSCheckReport.DANE($0, matched: nil, policies: []) }
        )
    }

    private func report(
        _ offer: PeerOffer,
        _ judgements: [ResolutionPolicy.DANE: Judgement],
        _ known: DANELookup?
    ) -> TLSCheckReport {
        let mode = lookup.flatMap { ResolutionPolicy.DANE(rawValue: $0.dane.rawValue) } ?? .off
        let failure = (judgements[mode] ?? judgements[.off])?.failure
        let policies = ResolutionPolicy.DANE.allCases.compactMap { mode in
            judgements[mode].map {
                TLSCheckReport.DANE.Policy(dane: mode.rawValue, isAccepted: $0.failure == nil, words: $0.words)
            }
        }
        let matched = judgements.values.lazy.compactMap(\.matched).first
        let now = Int64(Date().timeIntervalSince1970)
        return TLSCheckReport(
            host: host,
            port: port,
            name: name,
            offer: TLSCheckReport.Offer(offer, now: now),
            isAccepted: failure == nil,
            reason: failure?.reason,
            explanation: failure?.words,
            dane: known.map {
                TLSCheckReport.DANE($0, matched: matched, policies: $0.isChecked ? policies : [])
            }
        )
    }

    private static func split(_ target: String) -> (String, Int)? {
        var host = target[...]
        var port: Substring?
        if target.hasPrefix("[") {
            guard let end = target.firstIndex(of: "]") else { return nil }
            host = target[target.index(after: target.startIndex)..<end]
            let rest = target[target.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = target.lastIndex(of: ":"), target.firstIndex(of: ":") == colon {
            (host, port) = (target[..<colon], target[target.index(after: colon)...])
        }
        guard !host.isEmpty else { return nil }
        guard let port else { return (String(host), standardPort) }
        guard let number = UInt16(port), number > 0 else { return nil }
        return (String(host), Int(number))
    }
}

extension TLSCheck {
    /// Why a connection came to nothing.
    struct Failure: Sendable {
        let reason: String
        let words: String
    }

    /// How one connection went; it may be refused after its handshake.
    enum Outcome: Sendable {
        case done(PeerOffer, refused: Failure?)
        case failed(Failure)

        var failure: Failure? {
            switch self {
            case .done(_, let refused): refused
            case .failed(let failure): failure
            }
        }
    }

    func attempt(_ place: String, with context: TLSContext, _ role: TLSRole) async -> Outcome {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Outcome.self)
        let limit = TimeAmount(timeout)
        let opening = ClientBootstrap(group: loop)
            .connectTimeout(limit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = TLSHandler(context: context, role: role, handshakeDeadline: limit)
                    tls.observes = true
                    try channel.pipeline.syncOperations.addHandler(tls)
                    try channel.pipeline.syncOperations.addHandler(TLSCheckHandler(tls, within: timeout, promise))
                }
            }
            .connect(host: place, port: port)
        opening.whenFailure { error in
            let words = ConnectionWords.words(for: error, within: timeout)
            promise.succeed(.failed(Failure(reason: "unreachable", words: words)))
        }
        let outcome = try? await promise.futureResult.get()
        opening.whenSuccess { $0.close(promise: nil) }
        return outcome ?? .failed(Failure(reason: "unreachable", words: "the connection ended"))
    }
}

extension TLSCheck.Failure {
    /// The server let go of the connection before there was anything to see.
    static let closed = TLSCheck.Failure(
        reason: TLSFailure.Reason.closedDuringHandshake.rawValue,
        words: "closed the connection in the handshake; is it TLS?"
    )

    /// What went wrong on a connection that stood.
    ///
    /// - Parameter isDone: whether its handshake was over.
    fileprivate init(_ error: any Error, within limit: Duration, isDone: Bool) {
        guard let failure = error as? TLSFailure else {
            let words = ConnectionWords.words(for: error, within: limit)
            self = isDone ? TLSCheck.Failure(reason: "unreachable", words: words) : .closed
            return
        }
        switch failure.reason {
        case .closedDuringHandshake: self = .closed
        case .handshakeDeadline:
            let words = "did not answer within \(limit.components.seconds) s in the handshake; is it TLS?"
            self.init(reason: failure.reason.rawValue, words: words)
        default:
            self.init(reason: failure.reason.rawValue, words: "\(failure.reason.words) (\(failure.words))")
        }
    }
}

/// Waits for the handshake, and a little longer for a refusal after it.
private final class TLSCheckHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let tls: TLSHandler
    private let limit: Duration
    private let promise: EventLoopPromise<TLSCheck.Outcome>
    private var offer: PeerOffer?

    init(_ tls: TLSHandler, within limit: Duration, _ promise: EventLoopPromise<TLSCheck.Outcome>) {
        self.tls = tls
        self.limit = limit
        self.promise = promise
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is TLSHandshakeCompleted, let offer = tls.peerOffer else { return }
        self.offer = offer
        let promise = promise
        context.eventLoop.scheduleTask(in: TLSCheck.settling) { promise.succeed(.done(offer, refused: nil)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let failure = TLSCheck.Failure(error, within: limit, isDone: offer != nil)
        // A server that just leaves an idle connection has not refused anything.
        let isEnd = (error as? TLSFailure)?.reason == .truncated
        if let offer {
            promise.succeed(.done(offer, refused: isEnd ? nil : failure))
        } else {
            promise.succeed(.failed(failure))
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed(offer.map { .done($0, refused: nil) } ?? .failed(TLSCheck.Failure.closed))
    }
}
