// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The answer to a question, or why there is none.
///
/// Only absence that was answered permits RFC 3263's next step; a failure never does (LOC-57).
package struct DNSAnswer: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        /// Records of the type that was asked for, aliases followed.
        case records([DNSRecord])
        /// The name exists, and has none of that type.
        case noData
        /// The name does not exist.
        case nameError
        case failure(Failure)
    }

    package enum Failure: String, Sendable, Hashable, CaseIterable {
        case serverFailure = "servfail"
        case refused
        case formatError = "formerr"
        case timeout
        /// What came does not answer the question, or breaks the protocol.
        case malformed
        /// DNSSEC says that what came is not what its zone publishes (RFC 4035 section 4.3).
        case bogus
        /// The question may not be asked (LOC-70).
        case notAskable = "not_askable"
    }

    /// What DNSSEC says of an answer (RFC 4033 section 5), the worst last.
    package enum Security: String, Sendable, Hashable, CaseIterable {
        /// Its signatures lead to the trust anchor; or a resolver that is trusted says that they do.
        case secure
        /// Proven, or said by the resolver, to come from a zone that nobody vouches for; as good as DNS ever was.
        case insecure
        /// Nobody asked.
        case unchecked
        /// Its signatures do not hold: it is not used.
        case bogus
    }

    package var outcome: Outcome
    /// How long it may be used, from when it was received.
    package var timeToLive: TimeAmount
    package var receivedAt: NIODeadline
    /// When it should be asked for again (LOC-60 to LOC-62).
    ///
    /// Ahead of its end; or when a question that has failed may go out once more. The cache decides.
    package var refreshAt: NIODeadline
    /// The server that answered.
    package var server: String
    /// Whether it has expired and stands in for one that could not be had (RFC 8767).
    package var isStale = false
    /// Why it could not be renewed when that was tried last; nil when it could, or was not yet tried.
    package var renewalFailure: String?
    package var security = Security.unchecked
    /// What is wrong with an answer that is not used, where there is more to say than the kind of failure.
    package var reason: String?
    /// Whether the name that was asked for is an alias, so that the outcome is that of another name (LOC-34, LOC-68).
    package var isAliased = false

    package init(outcome: Outcome, timeToLive: TimeAmount, receivedAt: NIODeadline, server: String) {
        self.outcome = outcome
        self.timeToLive = timeToLive
        self.receivedAt = receivedAt
        refreshAt = receivedAt + timeToLive
        self.server = server
    }

    package var expiresAt: NIODeadline { receivedAt + timeToLive }

    package var records: [DNSRecord] {
        if case .records(let records) = outcome { return records }
        return []
    }

    /// Why there is no answer, in a word or in words; nil when there is one.
    package var failureWords: String? {
        if case .failure(let kind) = outcome { return reason ?? kind.rawValue }
        return nil
    }

    package var isFailure: Bool {
        if case .failure = outcome { return true }
        return false
    }

    /// Whole seconds that are left at `now`, 0 when none.
    package func secondsLeft(at now: NIODeadline) -> Int64 {
        max(0, (expiresAt - now).nanoseconds / 1_000_000_000)
    }
}
