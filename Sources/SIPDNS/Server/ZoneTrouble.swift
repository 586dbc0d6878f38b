// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPLocation

/// Trouble that the zone server makes on purpose, so that a resolver's conduct can be rehearsed.
package struct ZoneTrouble: Sendable, Hashable {
    /// How long every answer is held back.
    package var delay = TimeAmount.zero
    /// The share of queries, 0 to 1, that get no answer.
    package var dropShare = 0.0
    /// The share of queries, 0 to 1, that get SERVFAIL.
    package var failureShare = 0.0
    /// The TTL of every record, in seconds; nil leaves them as they are.
    package var ttl: UInt32?
    /// Only queries of these types are troubled; empty means all.
    package var types: Set<DNSRecordType> = []

    package init() {}

    /// What is to become of one query.
    package enum Fate: Sendable, Hashable {
        case answered(after: TimeAmount)
        case failed(after: TimeAmount)
        case dropped
    }

    package func fate(of type: DNSRecordType, using generator: inout some RandomNumberGenerator) -> Fate {
        guard types.isEmpty || types.contains(type) else { return .answered(after: .zero) }
        if dropShare > 0, Double.random(in: 0..<1, using: &generator) < dropShare { return .dropped }
        if failureShare > 0, Double.random(in: 0..<1, using: &generator) < failureShare {
            return .failed(after: delay)
        }
        return .answered(after: delay)
    }
}

/// What the zone server has to tell its operator.
package enum ZoneServerEvent: Sendable, CustomStringConvertible {
    case loaded(source: String, origin: DNSName, records: Int)
    /// A changed file cannot be used; what was served before goes on.
    case refused([ZoneProblem])
    case asked(DNSQuestion, overTCP: Bool, ZoneReply.Code)
    /// A limit was reached; the connection was closed.
    case connectionRefused(limit: Int)

    package var description: String {
        switch self {
        case .loaded(let source, let origin, let records): "serving \(origin) from \(source): \(records) records"
        case .refused(let problems):
            "the old zone goes on:\n" + problems.map(\.description).joined(separator: "\n")
        case .asked(let question, let overTCP, let code): "\(question) over \(overTCP ? "TCP" : "UDP"): \(code)"
        case .connectionRefused(let limit): "a connection was closed; \(limit) are open"
        }
    }
}
