// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// One pass of a resolution over the answers that are known.
struct Walk {
    /// Why a pass ends early.
    enum Stop: Error {
        case ask
        case absent(String)
        case failed(String)
    }

    /// Notes that one resolution keeps; the first ones say what is wrong.
    static let noteLimit = 100

    let policy: ResolutionPolicy
    let known: [DNSQuestion: DNSAnswer]
    private(set) var asked: [DNSQuestion] = []
    private(set) var servers: [LocatedServer] = []
    private(set) var notes: [String] = []
    private(set) var passedOver: [String] = []
    /// Whether SIPS services are published, as far as was seen.
    var publishesTLS: Bool?
    private(set) var failure: String?
    private(set) var unanswered: [UnansweredPart] = []
    private(set) var expiresAt: NIODeadline?
    private(set) var refreshAt: NIODeadline?
    private(set) var isStale = false
    /// Whether DNSSEC secures which services the target has, as far as NAPTR records were asked for.
    private(set) var isChoiceSecure = true
    /// Servers that DANE says not to connect to (RFC 7673 section 3).
    private(set) var skipped = 0
    private var isAsked: Set<DNSQuestion> = []
    private var isAdded: Set<Place> = []

    /// What makes two servers the same one.
    private struct Place: Hashable {
        let endpoint: Endpoint
        let priority: UInt16
    }

    init(policy: ResolutionPolicy, known: [DNSQuestion: DNSAnswer]) {
        self.policy = policy
        self.known = known
    }

    /// The answer to a question; when it is not known, the question is asked for.
    mutating func answer(_ question: DNSQuestion) -> DNSAnswer? {
        guard let answer = known[question] else {
            want(question)
            return nil
        }
        isStale = isStale || answer.isStale
        if question.type == .naptr, answer.security != .secure { isChoiceSecure = false }
        refreshAt = min(refreshAt ?? answer.refreshAt, answer.refreshAt)
        if !answer.isFailure, expiresAt.map({ answer.expiresAt < $0 }) ?? true { expiresAt = answer.expiresAt }
        return answer
    }

    mutating func want(_ question: DNSQuestion) {
        guard known[question] == nil, isAsked.insert(question).inserted else { return }
        asked.append(question)
    }

    /// Keeps a note, once.
    mutating func note(_ text: String) {
        guard notes.count < Self.noteLimit, !notes.contains(text) else { return }
        notes.append(text)
    }

    /// Keeps what is left aside by rule, once.
    mutating func passOver(_ text: String) {
        guard passedOver.count < Self.noteLimit, !passedOver.contains(text) else { return }
        passedOver.append(text)
    }

    /// Keeps why a server is not connected to.
    mutating func skip(_ reason: String) {
        skipped += 1
        note(reason)
    }

    mutating func fail(_ reason: String, _ part: UnansweredPart) {
        failure = failure ?? reason
        unanswered.append(part)
    }

    mutating func add(_ address: IPAddress, _ published: Published) {
        let transport = published.transport
        guard policy.transports.contains(transport) else {
            return note("\(published.name): transport \(transport.name) is not used here")
        }
        guard policy.dane != .require || published.dane != nil else {
            return note("\(published.name) is not used: no SRV record leads there (dane: require)")
        }
        let endpoint = Endpoint(transport: transport, address: address.unmapped, port: published.port)
        guard servers.count < policy.servers else { return noteLimit() }
        guard isAdded.insert(Place(endpoint: endpoint, priority: published.priority)).inserted else { return }
        servers.append(
            LocatedServer(
                endpoint: endpoint,
                service: published.service,
                name: published.name,
                rank: published.rank,
                priority: published.priority,
                weight: published.weight,
                addressOrder: published.addressOrder,
                expiresAt: published.expiresAt,
                dane: published.dane
            )
        )
    }

    mutating func noteLimit() { note("more than \(policy.servers) servers; the rest is ignored") }
}
