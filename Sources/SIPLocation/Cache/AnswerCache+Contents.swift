// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// One question of the cache, as it stands at one moment.
package struct CachedAnswer: Sendable, Hashable {
    /// What the cache would do with the question.
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// The answer is used.
        case fresh
        /// The answer has expired; it is asked for anew, and stands in as long as that fails (RFC 8767).
        case stale
        /// There is no answer; it could not be had a moment ago.
        case failed
    }

    package let question: DNSQuestion
    package let state: State
    /// The answer that is used or stands in; in state `failed` the failure.
    package let answer: DNSAnswer
    /// Why it could not be renewed, and when that is tried again; nil when all is well.
    package let failure: DNSAnswer?
}

extension AnswerCache {
    /// Everything that is of use at `now`, in no order.
    package func contents(at now: NIODeadline) -> [CachedAnswer] {
        entries.compactMap { question, entry in
            if let answer = entry.answer, answer.expiresAt + policy.stale > now {
                let state: CachedAnswer.State = answer.expiresAt > now ? .fresh : .stale
                return CachedAnswer(question: question, state: state, answer: answer, failure: entry.failure)
            }
            // A failure is kept to count on; once its time is over it says nothing.
            guard let failure = entry.failure, failure.refreshAt > now else { return nil }
            return CachedAnswer(question: question, state: .failed, answer: failure, failure: failure)
        }
    }
}
