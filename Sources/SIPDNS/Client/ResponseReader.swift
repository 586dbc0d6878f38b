// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Makes an answer of a response: aliases followed, TTLs and absence by RFC 2308.
struct ResponseReader {
    /// Aliases that one answer may lead through, however many responses they come in (LOC-68).
    static let aliasLimit = 8
    /// How long absence is remembered without a SOA that says (LOC-59).
    static let withoutSOA = TimeAmount.seconds(5)

    /// What a response comes to.
    enum Reading: Sendable {
        case answer(DNSAnswer)
        /// It ends in an alias and says nothing of the alias's name, which is to be asked for.
        case alias(DNSName, through: [DNSName], seconds: UInt32)
    }

    let question: DNSQuestion
    let server: String
    /// The names that earlier responses led through, the first question's name first.
    var earlier: [DNSName] = []

    func reading(of response: DNSMessageCodec.Response, now: NIODeadline) -> Reading {
        switch response.code {
        case 0: return records(response, now)
        case 3: return nameError(response, now)
        case 1: return make(.failure(.formatError), .zero, now)
        case 5: return make(.failure(.refused), .zero, now)
        default: return make(.failure(.serverFailure), .zero, now)
        }
    }

    /// The name that does not exist is the last one of the aliases, if there are any (RFC 2308 section 2.1).
    private func nameError(_ response: DNSMessageCodec.Response, _ now: NIODeadline) -> Reading {
        let aliases = response.answers.filter { $0.type == .cname }
        let seconds = aliases.reduce(UInt32.max) { min($0, Self.bounded($1.ttl)) }
        let ttl = absenceTTL(response, of: nil) ?? Self.withoutSOA
        return make(.nameError, shorter(ttl, seconds), now, !aliases.isEmpty)
    }

    /// Follows CNAME records from the question's name to records of its type; the shortest TTL of the chain counts.
    private func records(_ response: DNSMessageCodec.Response, _ now: NIODeadline) -> Reading {
        var name = question.name
        var seen = earlier + [name]
        var seconds = UInt32.max
        while true {
            let found = response.answers.filter { $0.name == name && $0.type == question.type }
            if !found.isEmpty {
                seconds = found.reduce(seconds) { min($0, Self.bounded($1.ttl)) }
                return make(.records(found), .seconds(Int64(seconds)), now, name != question.name)
            }
            guard let alias = response.answers.first(where: { $0.name == name && $0.type == .cname }),
                case .cname(let next) = alias.data
            else { break }
            seconds = min(seconds, Self.bounded(alias.ttl))
            guard seen.count <= Self.aliasLimit, !seen.contains(next) else {
                return make(.failure(.malformed), .zero, now)
            }
            seen.append(next)
            name = next
        }
        let isAliased = name != question.name
        if let ttl = absenceTTL(response, of: name) { return make(.noData, shorter(ttl, seconds), now, isAliased) }
        // A bare empty answer is a failure (LOC-65); behind an alias it only says that this server knows no more.
        guard isAliased else { return make(.failure(.malformed), .zero, now) }
        return .alias(name, through: Array(seen.dropFirst(earlier.count).dropLast()), seconds: seconds)
    }

    private func shorter(_ ttl: TimeAmount, _ seconds: UInt32) -> TimeAmount { min(ttl, .seconds(Int64(seconds))) }

    /// How long absence may be remembered by the SOA of a zone that `name` is in (RFC 2308 section 5).
    private func absenceTTL(_ response: DNSMessageCodec.Response, of name: DNSName?) -> TimeAmount? {
        for record in response.authorities where name.map({ $0.isWithin(record.name) }) ?? true {
            if case .soa(let minimum) = record.data { return .seconds(Int64(min(minimum, Self.bounded(record.ttl)))) }
        }
        return nil
    }

    private func make(
        _ outcome: DNSAnswer.Outcome,
        _ ttl: TimeAmount,
        _ now: NIODeadline,
        _ isAliased: Bool = false
    ) -> Reading {
        var answer = DNSAnswer(outcome: outcome, timeToLive: ttl, receivedAt: now, server: server)
        answer.isAliased = isAliased
        return .answer(answer)
    }

    /// A TTL with the sign bit set is a large one (RFC 8767 section 4); a week is the longest that RFC allows.
    private static func bounded(_ ttl: UInt32) -> UInt32 { min(ttl, 604_800) }
}
