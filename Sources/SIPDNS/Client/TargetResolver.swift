// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
package import SIPLocation

/// Drives a `TargetResolution` with a `DNSClient`: asks what it wants, as long as it wants something.
package struct TargetResolver: Sendable {
    /// Rounds of questions that one target may need: NAPTR chains, SRV, addresses.
    static let roundLimit = 12

    package let client: DNSClient

    package init(client: DNSClient) {
        self.client = client
    }

    /// What a target came to, and every answer on the way.
    package struct Outcome: Sendable {
        package let step: ResolutionStep
        package let answers: [(question: DNSQuestion, answer: DNSAnswer)]

        /// The answers by what was asked.
        package var known: [DNSQuestion: DNSAnswer] {
            Dictionary(answers.map { ($0.question, $0.answer) }, uniquingKeysWith: { _, new in new })
        }
    }

    /// Resolves a target by RFC 3263.
    ///
    /// With `awaitingRenewal`, answers that are due to be renewed are waited for.
    package func resolve(
        _ target: SIPTarget,
        policy: ResolutionPolicy,
        for asker: DNSClient.Asker = .pool,
        awaitingRenewal: Bool = false
    ) async throws -> Outcome {
        let resolution = TargetResolution(target, policy: policy)
        var known: [DNSQuestion: DNSAnswer] = [:]
        var log: [(question: DNSQuestion, answer: DNSAnswer)] = []
        for _ in 0..<Self.roundLimit {
            let step = resolution.step(known)
            guard case .ask(let questions) = step else { return Outcome(step: step, answers: log) }
            let futures = questions.map { ($0, client.ask($0, for: asker, awaitingRenewal: awaitingRenewal)) }
            for (question, future) in futures {
                let answer = try await future.get()
                known[question] = answer
                log.append((question, answer))
            }
        }
        return Outcome(step: .failed("more than \(Self.roundLimit) rounds of questions"), answers: log)
    }
}
