// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Makes an answer of a response: aliases followed, TTLs and absence by RFC 2308.
struct ResponseReader {
    /// Aliases that one answer may lead through (LOC-68).
    static let aliasLimit = 8
    /// How long absence is remembered without a SOA that says (LOC-59).
    static let withoutSOA = TimeAmount.seconds(5)

    let question: DNSQuestion
    let server: String

    func answer(from response: DNSMessageCodec.Response, now: NIODeadline) -> DNSAnswer {
        var answer = read(response, now: now)
        answer.isAuthenticated = response.isAuthenticated
        return answer
    }

    private func read(_ response: DNSMessageCodec.Response, now: NIODeadline) -> DNSAnswer {
        switch response.code {
        case 0: return records(response, now)
        case 3: return nameError(response, now)
        case 1: return make(.failure(.formatError), .zero, now)
        case 5: return make(.failure(.refused), .zero, now)
        default: return make(.failure(.serverFailure), .zero, now)
        }
    }

    /// The name that does not exist is the last one of the aliases, if there are any (RFC 2308 section 2.1).
    private func nameError(_ response: DNSMessageCodec.Response, _ now: NIODeadline) -> DNSAnswer {
        let aliases = response.answers.filter { $0.type == .cname }
        let seconds = aliases.reduce(UInt32.max) { min($0, Self.bounded($1.ttl)) }
        return make(.nameError, shorter(absenceTTL(response) ?? Self.withoutSOA, seconds), now, !aliases.isEmpty)
    }

    /// Follows CNAME records from the question's name to records of its type; the shortest TTL of the chain counts.
    private func records(_ response: DNSMessageCodec.Response, _ now: NIODeadline) -> DNSAnswer {
        var name = question.name
        var seconds = UInt32.max
        var isAliased: Bool { name != question.name }
        for _ in 0...Self.aliasLimit {
            let found = response.answers.filter { $0.name == name && $0.type == question.type }
            if !found.isEmpty {
                seconds = found.reduce(seconds) { min($0, Self.bounded($1.ttl)) }
                return make(.records(found), .seconds(Int64(seconds)), now, isAliased)
            }
            guard let alias = response.answers.first(where: { $0.name == name && $0.type == .cname }),
                case .cname(let next) = alias.data
            else { return absence(response, now, isAliased: isAliased, aliasSeconds: seconds) }
            seconds = min(seconds, Self.bounded(alias.ttl))
            name = next
        }
        return make(.failure(.bogus), .zero, now)
    }

    /// NOERROR without the records: they do not exist when a SOA says so; a bare empty answer is a failure (LOC-65).
    private func absence(
        _ response: DNSMessageCodec.Response,
        _ now: NIODeadline,
        isAliased: Bool,
        aliasSeconds: UInt32
    ) -> DNSAnswer {
        guard let ttl = absenceTTL(response) ?? (isAliased ? Self.withoutSOA : nil) else {
            return make(.failure(.bogus), .zero, now)
        }
        return make(.noData, shorter(ttl, aliasSeconds), now, isAliased)
    }

    private func shorter(_ ttl: TimeAmount, _ seconds: UInt32) -> TimeAmount { min(ttl, .seconds(Int64(seconds))) }

    private func absenceTTL(_ response: DNSMessageCodec.Response) -> TimeAmount? {
        for record in response.authorities {
            if case .soa(let minimum) = record.data { return .seconds(Int64(min(minimum, Self.bounded(record.ttl)))) }
        }
        return nil
    }

    private func make(
        _ outcome: DNSAnswer.Outcome,
        _ ttl: TimeAmount,
        _ now: NIODeadline,
        _ isAliased: Bool = false
    ) -> DNSAnswer {
        var answer = DNSAnswer(outcome: outcome, timeToLive: ttl, receivedAt: now, server: server)
        answer.isAliased = isAliased
        return answer
    }

    /// A TTL with the sign bit set is a large one (RFC 8767 section 4); a week is the longest that RFC allows.
    private static func bounded(_ ttl: UInt32) -> UInt32 { min(ttl, 604_800) }
}
