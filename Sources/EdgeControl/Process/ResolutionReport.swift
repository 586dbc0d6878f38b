// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage

/// What `brana resolve` shows: candidates with their exact chances to be first, and the questions on the way.
package struct ResolutionReport: Encodable, Sendable {
    package struct Candidate: Encodable, Sendable {
        package let transport: String
        package let address: String
        package let port: UInt16
        package let name: String
        package let priority: UInt16
        package let weight: UInt16
        package let probability: Double
        package let drawn: Double?
    }

    package struct Query: Encodable, Sendable {
        package let question: String
        package let outcome: String
        package let ttlLeft: Int64
        package let server: String
        package let isStale: Bool
        package let records: [String]
    }

    package let target: String
    package let candidates: [Candidate]
    package let queries: [Query]
    package let notes: [String]
    package let problem: String?

    /// What was given as a name server is none.
    package struct BadServer: Error, CustomStringConvertible {
        package let description: String
    }

    /// Resolves `target` by asking `server`, or those of /etc/resolv.conf, and draws `draws` times.
    package static func make(target text: String, server: String?, draws: Int) async throws -> ResolutionReport {
        let target = try SIPTarget(text)
        let group = MultiThreadedEventLoopGroup.singleton
        let client = try await DNSClient(loop: group.next(), settings: .init(servers: try servers(server)))
        var policy = ResolutionPolicy()
        policy.allowsLoopback = true
        let outcome = try await TargetResolver(client: client).resolve(target, policy: policy)
        let queries = outcome.answers.map { query($0.question, $0.answer) }
        switch outcome.step {
        case .resolved(let located):
            return ResolutionReport(
                target: text,
                candidates: candidates(located, target, draws: draws),
                queries: queries,
                notes: located.notes,
                problem: nil
            )
        case .absent(let reason), .failed(let reason):
            return ResolutionReport(target: text, candidates: [], queries: queries, notes: [], problem: reason)
        case .ask:
            return ResolutionReport(target: text, candidates: [], queries: queries, notes: [], problem: "not finished")
        }
    }

    private static func servers(_ text: String?) throws -> [DNSServer] {
        guard let text else { return ResolverConfiguration.servers() }
        if let address = IPAddress(parsing: text) { return [DNSServer(address)] }
        guard let endpoint = Endpoint(parsing: "udp:\(text)") else {
            throw BadServer(description: "'\(text)' is no name server; write it as 127.0.0.1 or 127.0.0.1:5353")
        }
        return [DNSServer(endpoint.address, port: endpoint.port)]
    }

    /// The pool that the edge would make of it gives the shares, so that both always agree.
    private static func candidates(_ located: LocatedTarget, _ target: SIPTarget, draws: Int) -> [Candidate] {
        let id = PoolID(index: 0)
        let view = PoolView(
            id: id,
            settings: PoolSettings(name: "resolve"),
            backends: located.servers.map { server in
                BackendView(
                    id: BackendID(pool: id, endpoint: server.endpoint),
                    name: server.name,
                    referenceDomain: target.referenceDomain,
                    rank: server.rank,
                    priority: server.priority,
                    weight: server.weight,
                    addressOrder: server.addressOrder
                )
            }
        )
        let shares = view.shares()
        var counts = [Int](repeating: 0, count: view.backends.count)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<draws {
            if let selection = view.select(using: &generator) { counts[selection.index] += 1 }
        }
        return view.backends.indices.map { index in
            let backend = view.backends[index]
            return Candidate(
                transport: backend.endpoint.transport.name,
                address: backend.endpoint.address.description,
                port: backend.endpoint.port,
                name: backend.name,
                priority: backend.priority,
                weight: backend.weight,
                probability: shares[index],
                drawn: draws > 0 ? Double(counts[index]) / Double(draws) : nil
            )
        }
    }

    private static func query(_ question: DNSQuestion, _ answer: DNSAnswer) -> Query {
        let outcome =
            switch answer.outcome {
            case .records(let records): "\(records.count) records"
            case .noData: "no such record"
            case .nameError: "no such name"
            case .failure(let kind): "failed: \(kind.rawValue)"
            }
        return Query(
            question: "\(question)",
            outcome: outcome,
            ttlLeft: answer.secondsLeft(at: .now()),
            server: answer.server,
            isStale: answer.isStale,
            records: answer.records.map { describe($0) }
        )
    }

    private static func describe(_ record: DNSRecord) -> String {
        switch record.data {
        case .address(let address): "\(record.ttl) \(record.type) \(address)"
        case .srv(let data): "\(record.ttl) SRV \(data.priority) \(data.weight) \(data.port) \(data.target)"
        case .naptr(let data):
            "\(record.ttl) NAPTR \(data.order) \(data.preference) \"\(data.flags)\" \"\(data.services)\" "
                + "\"\(data.regexp)\" \(data.replacement)"
        case .cname(let name): "\(record.ttl) CNAME \(name)"
        case .ns(let name): "\(record.ttl) NS \(name)"
        case .soa(let minimum): "\(record.ttl) SOA minimum \(minimum)"
        case .other: "\(record.ttl) \(record.type)"
        }
    }
}
