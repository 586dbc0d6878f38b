// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPDNS
internal import SIPLocation

/// What `/api/v1/dns` gives: the questions in the cache of answers, sorted by name and type.
package struct DNSReport: Codable, Sendable {
    /// How many questions are listed when nobody says another number.
    static let standardLimit = 1000

    /// How many questions are of use now, listed or not.
    package var total: Int
    package var questions: [Question]

    package struct Question: Codable, Sendable {
        package var name: String
        package var type: String
        /// `fresh`, `stale` (expired, and standing in) or `failed`.
        package var state: String
        /// `answer`, `nodata`, `nxdomain`, or the kind of failure.
        package var outcome: String
        /// How many records the answer has.
        package var records: Int
        /// Seconds; 0 for what has expired or failed.
        package var ttlLeft: Int64
        /// The server that answered; empty when none did.
        package var server: String
        package var security: String
        /// Why it could not be renewed; nil when it could, or need not be yet.
        package var failure: String?
        /// Seconds until it is asked for again after a failure.
        package var retryIn: Int64?
    }

    /// The first `limit` questions.
    init(_ answers: [CachedAnswer], limit: Int, now: NIODeadline) {
        total = answers.count
        let sorted = answers.map { (key: ("\($0.question.name)", "\($0.question.type)"), answer: $0) }
            .sorted { $0.key < $1.key }
        questions = sorted.prefix(limit).map { Question($0.answer, now: now) }
    }
}

extension DNSReport.Question {
    fileprivate init(_ cached: CachedAnswer, now: NIODeadline) {
        let answer = cached.answer
        let retryAt = cached.failure.map { max(0, ($0.refreshAt - now).nanoseconds / 1_000_000_000) }
        self.init(
            name: "\(cached.question.name)",
            type: "\(cached.question.type)",
            state: cached.state.rawValue,
            outcome: Self.word(answer.outcome),
            records: answer.records.count,
            ttlLeft: cached.state == .failed ? 0 : answer.secondsLeft(at: now),
            server: answer.server,
            security: answer.security.rawValue,
            failure: cached.failure.map { $0.reason ?? Self.word($0.outcome) },
            retryIn: retryAt
        )
    }

    private static func word(_ outcome: DNSAnswer.Outcome) -> String {
        switch outcome {
        case .records: "answer"
        case .noData: "nodata"
        case .nameError: "nxdomain"
        case .failure(let kind): kind.rawValue
        }
    }
}

extension ControlPlane {
    /// The questions that DNS answered or failed to answer, as the cache has them.
    package func dnsReport(limit: Int) async throws -> DNSReport {
        DNSReport(try await dns.cachedAnswers().get(), limit: limit, now: .now())
    }
}
