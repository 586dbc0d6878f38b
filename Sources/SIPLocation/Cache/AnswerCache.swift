// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Answers by question, kept by their own TTL, with those that have expired for when no server answers (RFC 2308, RFC
/// 8767).
package struct AnswerCache: Sendable {
    /// How answers are kept.
    package struct Policy: Sendable, Hashable {
        package var minimum = TimeAmount.seconds(1)
        package var maximum = TimeAmount.seconds(86_400)
        package var negativeMaximum = TimeAmount.seconds(300)
        package var stale = TimeAmount.seconds(86_400)
        /// After which share of its time an answer is due to be renewed, by chance between these (LOC-62).
        package var renewal = 0.8...0.9
        /// Least time between two tries to renew a stale answer (LOC-61).
        package var staleRetry = TimeAmount.seconds(30)
        /// How long a failure is remembered at first, and at most (LOC-60).
        package var failureHold = TimeAmount.seconds(5)
        package var failureHoldMaximum = TimeAmount.seconds(60)
        package var entries = 10_000

        package init() {}
    }

    struct Entry {
        var answer: DNSAnswer?
        var retryAt: NIODeadline?
        var failures = 0
        var failure: DNSAnswer?

        /// When it is of no more use on its own.
        var endsAt: NIODeadline { answer?.expiresAt ?? retryAt ?? .uptimeNanoseconds(0) }

        /// The answer, which says when it is to be asked for again: not before a question that has failed may go out.
        func usable(isStale: Bool) -> DNSAnswer? {
            guard var answer else { return nil }
            answer.isStale = isStale
            answer.renewalFailure = failure?.failureWords
            answer.refreshAt = max(answer.refreshAt, retryAt ?? answer.refreshAt)
            return answer
        }
    }

    /// What the cache says to a question.
    package enum Lookup: Sendable {
        case fresh(DNSAnswer)
        /// Fresh still, and due to be renewed (LOC-62).
        case dueForRefresh(DNSAnswer)
        /// Ask; `stale` may stand in when that fails.
        case ask(stale: DNSAnswer?)
        /// It was asked a moment ago and failed.
        case failed(DNSAnswer)
    }

    /// What is stored from now on, and how long what has expired stands in; times that were given stay as they are.
    package var policy: Policy
    private(set) var entries: [DNSQuestion: Entry] = [:]
    /// Names that do not exist, whatever the type (RFC 2308 section 5); each has an entry of its own too.
    private var absentNames: [DNSName: DNSAnswer] = [:]

    package init(policy: Policy = Policy()) {
        self.policy = policy
    }

    package var count: Int { entries.count }

    /// Answers that have expired and stand in for those that could not be had.
    package func staleCount(at now: NIODeadline) -> Int {
        entries.values.count { entry in
            guard entry.failures > 0, let answer = entry.answer else { return false }
            return answer.expiresAt <= now && answer.expiresAt + policy.stale > now
        }
    }

    package func lookUp(_ question: DNSQuestion, now: NIODeadline) -> Lookup {
        if let absence = absence(of: question, now: now) { return .fresh(absence) }
        guard let entry = entries[question] else { return .ask(stale: nil) }
        let isExpired = entry.answer.map { $0.expiresAt <= now } ?? true
        let usable = entry.usable(isStale: isExpired).flatMap { $0.expiresAt + policy.stale > now ? $0 : nil }
        if let answer = usable, !isExpired {
            return answer.refreshAt <= now ? .dueForRefresh(answer) : .fresh(answer)
        }
        if let retryAt = entry.retryAt, retryAt > now {
            if let usable { return .fresh(usable) }
            if let failure = entry.failure { return .failed(failure) }
        }
        return .ask(stale: usable)
    }

    /// The answer to another type's question that says that the name does not exist, unless later news say otherwise.
    private func absence(of question: DNSQuestion, now: NIODeadline) -> DNSAnswer? {
        guard let absence = absentNames[question.name], absence.expiresAt > now else { return nil }
        guard let own = entries[question]?.answer else { return absence }
        // Its own absence goes the way of every answer, and is renewed ahead.
        return own.outcome != .nameError && own.receivedAt <= absence.receivedAt ? absence : nil
    }

    /// Takes an answer in and gives what the asker is to use: the answer, or a stale one in place of a failure.
    package mutating func store(
        _ answer: DNSAnswer,
        for question: DNSQuestion,
        now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> DNSAnswer {
        if answer.isFailure { return storeFailure(answer, for: question, now: now) }
        var kept = answer
        kept.timeToLive = clamped(answer)
        let share = Double.random(in: policy.renewal, using: &generator)
        kept.refreshAt = now + .nanoseconds(Int64(Double(kept.timeToLive.nanoseconds) * share))
        makeRoom(for: question)
        entries[question] = Entry(answer: kept)
        absentNames[question.name] = kept.outcome == .nameError && !kept.isAliased ? kept : nil
        return kept
    }

    /// Lets questions that have failed go out again at once, but for those that an expired answer stands in for: these
    /// must not be waited for.
    package mutating func forgetFailures(now: NIODeadline) {
        entries = entries.filter { _, entry in
            entry.failure == nil || entry.answer.map { $0.expiresAt + policy.stale > now } ?? false
        }
    }

    private mutating func storeFailure(_ answer: DNSAnswer, for question: DNSQuestion, now: NIODeadline) -> DNSAnswer {
        makeRoom(for: question)
        var entry = entries[question] ?? Entry()
        entry.failures += 1
        let doubled = policy.failureHold.nanoseconds << Int64(min(entry.failures - 1, 8))
        let hold = TimeAmount.nanoseconds(min(doubled, policy.failureHoldMaximum.nanoseconds))
        let isExpired = entry.answer.map { $0.expiresAt <= now } ?? true
        let isUsable = entry.answer.map { $0.expiresAt + policy.stale > now } ?? false
        let retryAt = now + (isUsable && isExpired ? policy.staleRetry : hold)
        var failure = answer
        failure.refreshAt = retryAt
        entry.retryAt = retryAt
        entry.failure = failure
        entries[question] = entry
        return (isUsable ? entry.usable(isStale: isExpired) : nil) ?? failure
    }

    private func clamped(_ answer: DNSAnswer) -> TimeAmount {
        switch answer.outcome {
        case .records: min(max(answer.timeToLive, policy.minimum), policy.maximum)
        default: min(max(answer.timeToLive, policy.minimum), policy.negativeMaximum)
        }
    }

    /// Makes room by the tenth that ends first, so that a flood of names is not sorted out one by one.
    private mutating func makeRoom(for question: DNSQuestion) {
        guard entries.count >= policy.entries, entries[question] == nil else { return }
        let order = entries.map { (endsAt: $0.value.endsAt, question: $0.key) }.sorted { $0.endsAt < $1.endsAt }
        for victim in order.prefix(max(1, policy.entries / 10, entries.count - policy.entries + 1)) {
            entries[victim.question] = nil
            absentNames[victim.question.name] = nil
        }
    }
}
