// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation
internal import SIPMessage

/// DNS as a list of lines, and the log of what a resolution asks of it.
///
/// A line is `name [ttl] TYPE data`; `-` stands for an empty string, and `TYPE !servfail` for a failure. A name with a
/// line exists: other types of it are NODATA, other names NXDOMAIN.
struct ScriptedDNS {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    static let absenceTTL = TimeAmount.seconds(120)

    private var known: [DNSQuestion: DNSAnswer] = [:]
    private var names: Set<DNSName> = []
    /// What DNSSEC says of every answer of which nothing else was said.
    var security = DNSAnswer.Security.unchecked

    init(_ lines: String) {
        var records: [DNSQuestion: [DNSRecord]] = [:]
        for line in lines.split(separator: "\n") {
            var words = line.split(separator: " ").map { $0 == "-" ? "" : String($0) }
            guard words.count > 2 else { continue }
            let name = DNSName(words.removeFirst())
            let ttl = UInt32(words[0])
            if ttl != nil { words.removeFirst() }
            guard let type = DNSRecordType(name: words.removeFirst()) else { continue }
            let question = DNSQuestion(name, type)
            names.insert(name)
            if words[0].hasPrefix("!") {
                let kind = DNSAnswer.Failure(rawValue: String(words[0].dropFirst())) ?? .bogus
                known[question] = Self.answer(.failure(kind), .zero)
            } else if let data = Self.data(type, words) {
                records[question, default: []].append(DNSRecord(name: name, type: type, ttl: ttl ?? 300, data: data))
            }
        }
        for (question, records) in records {
            let ttl = records.map(\.ttl).min() ?? 0
            known[question] = Self.answer(.records(records), .seconds(Int64(ttl)))
        }
    }

    static func answer(_ outcome: DNSAnswer.Outcome, _ ttl: TimeAmount, at time: NIODeadline = start) -> DNSAnswer {
        DNSAnswer(outcome: outcome, timeToLive: ttl, receivedAt: time, server: "script")
    }

    func answer(to question: DNSQuestion) -> DNSAnswer {
        var answer =
            known[question] ?? Self.answer(names.contains(question.name) ? .noData : .nameError, Self.absenceTTL)
        if answer.security == .unchecked, !answer.isFailure { answer.security = security }
        return answer
    }

    mutating func replace(_ question: DNSQuestion, _ change: (inout DNSAnswer) -> Void) {
        var answer = answer(to: question)
        change(&answer)
        known[question] = answer
    }

    /// Resolves to the end, giving each round of questions all its answers at once.
    func resolve(_ target: String, _ policy: ResolutionPolicy = .sample()) throws -> Trace {
        resolve(try SIPTarget(target), policy)
    }

    /// Every answer that a resolution wants until it ends.
    func answers(to resolution: TargetResolution) -> [DNSQuestion: DNSAnswer] {
        var given: [DNSQuestion: DNSAnswer] = [:]
        for _ in 0..<20 {
            guard case .ask(let questions) = resolution.step(given) else { break }
            for question in questions { given[question] = answer(to: question) }
        }
        return given
    }

    func resolve(_ target: SIPTarget, _ policy: ResolutionPolicy = .sample()) -> Trace {
        let resolution = TargetResolution(target, policy: policy)
        var given: [DNSQuestion: DNSAnswer] = [:]
        var rounds: [[String]] = []
        for _ in 0..<20 {
            guard case .ask(let questions) = resolution.step(given) else { break }
            rounds.append(questions.map(\.description))
            for question in questions { given[question] = answer(to: question) }
        }
        return Trace(rounds: rounds, step: resolution.step(given))
    }

    private static func data(_ type: DNSRecordType, _ words: [String]) -> DNSRecordData? {
        func number(_ index: Int) -> UInt16 { UInt16(words[index]) ?? 0 }
        switch type {
        case .a, .aaaa: return IPAddress(parsing: words[0]).map { .address($0) }
        case .srv:
            let target = DNSName(words[3])
            return .srv(SRVData(priority: number(0), weight: number(1), port: number(2), target: target))
        case .naptr:
            return .naptr(
                NAPTRData(
                    order: number(0),
                    preference: number(1),
                    flags: words[2],
                    services: words[3],
                    regexp: words.count > 5 ? words[4] : "",
                    replacement: DNSName(words[words.count - 1])
                )
            )
        case .tlsa:
            let data = stride(from: 0, to: words[3].count, by: 2).compactMap { offset in
                UInt8(words[3].dropFirst(offset).prefix(2), radix: 16)
            }
            return .tlsa(TLSAData(wire: words[..<3].map { UInt8($0) ?? .max } + data))
        default: return nil
        }
    }
}

/// What a resolution asked, and what it came to.
struct Trace {
    /// The questions of each round, in order.
    let rounds: [[String]]
    let step: ResolutionStep

    var located: LocatedTarget? {
        if case .resolved(let located) = step { return located }
        return nil
    }

    /// The endpoints in the order of the answer; empty when it did not resolve.
    var endpoints: [String] { located?.servers.map(\.endpoint.description) ?? [] }

    var queries: [String] { rounds.flatMap { $0 } }

    var isAbsent: Bool { if case .absent = step { true } else { false } }

    var isFailed: Bool { if case .failed = step { true } else { false } }
}

extension ResolutionPolicy {
    static func sample(_ transports: [SIPTransport] = [.tls, .tcp, .udp]) -> ResolutionPolicy {
        var policy = ResolutionPolicy()
        policy.transports = transports
        return policy
    }
}
