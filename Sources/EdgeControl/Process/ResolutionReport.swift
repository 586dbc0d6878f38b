// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation
package import SIPMessage

/// What `brana resolve` shows: the questions on the way, what was left out, candidates in order with their exact chances
/// to be first, and how draws keep to these.
package struct ResolutionReport: Encodable, Sendable {
    /// What is resolved, and how.
    package struct Options: Sendable {
        package var target: String
        /// The name server as `address` or `address:port`; nil for those of /etc/resolv.conf.
        package var server: String?
        /// First candidates to draw from each tier.
        package var draws = 0
        package var transports: [SIPTransport] = [.tls, .tcp, .udp]
        package var allowsLoopback = true
        package var dnssec = DNSSEC.off
        /// A file of DS or DNSKEY records, which `validate` begins with.
        package var trustAnchor: String?
        package var dane = DANE.off

        package init(target: String) {
            self.target = target
        }
    }

    /// What is done about DNSSEC, in the words of the configuration.
    package enum DNSSEC: String, Sendable, CaseIterable {
        case off
        case trustAD = "trust-ad"
        case validate
    }

    /// What is done about TLSA records, in the words of the configuration.
    package enum DANE: String, Sendable, CaseIterable {
        case off
        case opportunistic
        case require
    }

    /// One server, in the order in which the edge would try it.
    package struct Candidate: Encodable, Sendable {
        package let transport: String
        package let address: String
        package let port: UInt16
        package let name: String
        /// The place of its NAPTR record among those in use.
        package let rank: UInt16
        package let priority: UInt16
        package let weight: UInt16
        /// The chance to be tried first.
        package let probability: Double
        /// The chance to be the first one of its tier, once all before that have failed.
        package let tierProbability: Double
        /// How often it came first among the draws from its tier.
        package let drawn: Double?
        /// What it must prove where DANE applies.
        package let dane: String?
    }

    /// The draws from the servers of one rank and priority, against their exact chances.
    package struct Tier: Encodable, Sendable {
        package let rank: UInt16
        package let priority: UInt16
        package let draws: Int
        package let verdict: ChiSquareVerdict
    }

    package struct Query: Encodable, Sendable {
        package struct Record: Encodable, Sendable {
            package let text: String
            /// The questions that the record leads to.
            let leadsTo: Set<DNSQuestion>

            private enum CodingKeys: CodingKey {
                case text
            }
        }

        package let question: String
        package let outcome: String
        package let ttlLeft: Int64
        package let server: String
        /// `secure`, `insecure`, `bogus`, or `unchecked` where nobody asked (RFC 4033 section 5).
        package let dnssec: String
        /// What is wrong with an answer that is not used, where more is known than the kind of failure.
        package let reason: String?
        package let isStale: Bool
        package let records: [Record]
        let asked: DNSQuestion

        private enum CodingKeys: CodingKey {
            case question, outcome, ttlLeft, server, dnssec, reason, isStale, records
        }
    }

    package let target: String
    package let candidates: [Candidate]
    package let tiers: [Tier]
    package let queries: [Query]
    /// What is wrong with the records.
    package let notes: [String]
    /// Records that the rules leave aside.
    package let passedOver: [String]
    package let problem: String?

    /// What was given as a name server is none.
    package struct BadServer: Error, CustomStringConvertible {
        package let description: String
    }

    /// Resolves a target and draws from what it comes to.
    package static func make(_ options: Options) async throws -> ResolutionReport {
        let target = try SIPTarget(options.target)
        let group = MultiThreadedEventLoopGroup.singleton
        let client = try await DNSClient(loop: group.next(), settings: try clientSettings(options))
        var policy = ResolutionPolicy()
        policy.transports = options.transports
        policy.allowsLoopback = options.allowsLoopback
        policy.dane = ResolutionPolicy.DANE(rawValue: options.dane.rawValue) ?? .off
        let outcome = try await TargetResolver(client: client).resolve(target, policy: policy)
        let known = Dictionary(outcome.answers.map { ($0.question, $0.answer) }, uniquingKeysWith: { _, new in new })
        let trace = TargetResolution(target, policy: policy).evaluate(known)
        var candidates: [Candidate] = []
        var tiers: [Tier] = []
        var problem: String?
        switch outcome.step {
        case .resolved(let located):
            problem = located.problem
            var generator = SystemRandomNumberGenerator()
            (candidates, tiers) = draw(located, target, draws: options.draws, using: &generator)
        case .absent(let reason), .failed(let reason): problem = reason
        case .ask: problem = "the resolution did not end"
        }
        return ResolutionReport(
            target: options.target,
            candidates: candidates,
            tiers: tiers,
            queries: outcome.answers.map { query($0.question, $0.answer, now: .now()) },
            notes: trace.notes,
            passedOver: trace.passedOver,
            problem: problem
        )
    }

    /// The transports of a list such as `tls,tcp`; nil when it is none.
    package static func transports(_ text: String) -> [SIPTransport]? {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let transports = words.compactMap { SIPTransport(name: $0) }
        return transports.count == words.count && Set(transports).count == words.count ? transports : nil
    }

    /// How DNS is asked.
    static func clientSettings(_ options: Options) throws -> DNSClient.Settings {
        var settings = DNSClient.Settings(servers: try servers(options.server))
        settings.dnssec = DNSClient.DNSSECMode(rawValue: options.dnssec.rawValue) ?? .off
        if let file = options.trustAnchor { settings.anchors = try TrustAnchors(file: file) }
        return settings
    }

    private static func servers(_ text: String?) throws -> [DNSServer] {
        guard let text else { return ResolverConfiguration.servers() }
        if let address = IPAddress(parsing: text) { return [DNSServer(address)] }
        guard let endpoint = Endpoint(parsing: "udp:\(text)") else {
            throw BadServer(description: "'\(text)' is no name server; write it as 127.0.0.1 or 127.0.0.1:5353")
        }
        return [DNSServer(endpoint.address, port: endpoint.port)]
    }
}
