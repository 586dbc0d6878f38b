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

    let policy: ResolutionPolicy
    let known: [DNSQuestion: DNSAnswer]
    private(set) var asked: [DNSQuestion] = []
    private(set) var servers: [LocatedServer] = []
    private(set) var notes: [String] = []
    private(set) var failure: String?
    private(set) var expiresAt: NIODeadline?
    private(set) var isStale = false

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
        if !answer.isFailure, expiresAt.map({ answer.expiresAt < $0 }) ?? true { expiresAt = answer.expiresAt }
        return answer
    }

    mutating func want(_ question: DNSQuestion) {
        guard known[question] == nil, !asked.contains(question) else { return }
        asked.append(question)
    }

    mutating func note(_ text: String) { notes.append(text) }

    mutating func fail(_ reason: String) { failure = failure ?? reason }

    mutating func add(_ address: IPAddress, _ transport: SIPTransport, _ port: UInt16, _ published: Published) {
        guard policy.transports.contains(transport) else {
            return note("\(published.name): transport \(transport.name) is not used here")
        }
        let endpoint = Endpoint(transport: transport, address: address.unmapped, port: port)
        guard !servers.contains(where: { $0.endpoint == endpoint && $0.priority == published.priority }) else { return }
        servers.append(
            LocatedServer(
                endpoint: endpoint,
                name: published.name,
                rank: published.rank,
                priority: published.priority,
                weight: published.weight,
                addressOrder: published.addressOrder
            )
        )
    }
}
