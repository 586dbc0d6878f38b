// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// Answers and records in words.
extension ResolutionReport {
    static func query(_ question: DNSQuestion, _ answer: DNSAnswer, now: NIODeadline) -> Query {
        let outcome =
            switch answer.outcome {
            case .records(let records): records.count == 1 ? "1 record" : "\(records.count) records"
            case .noData: "no such record"
            case .nameError: "no such name"
            case .failure(let kind): "failed: \(kind.rawValue)"
            }
        let left = answer.secondsLeft(at: now)
        return Query(
            question: "\(question)",
            outcome: outcome,
            ttlLeft: left,
            server: answer.server,
            dnssec: answer.security.rawValue,
            reason: answer.reason,
            isStale: answer.isStale,
            records: answer.records.map { Query.Record(text: describe($0, left), leadsTo: next($0)) },
            asked: question
        )
    }

    /// A record with the time that it has left here, which is not the TTL that it was published with.
    private static func describe(_ record: DNSRecord, _ left: Int64) -> String {
        switch record.data {
        case .address(let address): "\(record.type) \(address), TTL left \(left) s"
        case .srv(let data):
            "SRV priority \(data.priority) weight \(data.weight) port \(data.port) \(name(data.target)), TTL left \(left) s"
        case .naptr(let data):
            "NAPTR order \(data.order) preference \(data.preference) \"\(data.flags)\" \"\(data.services)\" "
                + "\"\(data.regexp)\" \(name(data.replacement)), TTL left \(left) s"
        case .cname(let target): "CNAME \(name(target)), TTL left \(left) s"
        case .ns(let server): "NS \(name(server)), TTL left \(left) s"
        case .soa(let minimum): "SOA minimum \(minimum), TTL left \(left) s"
        case .tlsa(let data): "TLSA \(data)\(data.isUsable ? "" : " (not usable)"), TTL left \(left) s"
        case .other: "\(record.type), TTL left \(left) s"
        }
    }

    private static func name(_ name: DNSName) -> String { name.isRoot ? "." : name.text }

    /// What a record may lead to.
    private static func next(_ record: DNSRecord) -> Set<DNSQuestion> {
        switch record.data {
        case .srv(let data):
            [
                DNSQuestion(data.target, .a), DNSQuestion(data.target, .aaaa),
                .tlsa(data.target, port: data.port),
            ]
        case .naptr(let data): [DNSQuestion(data.replacement, .srv), DNSQuestion(data.replacement, .naptr)]
        default: []
        }
    }
}
