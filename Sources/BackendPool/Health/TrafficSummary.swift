// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What live requests told of one backend since the last report.
///
/// A worker adds to it without allocating and hands it over now and then, so that health costs nothing a request.
package struct TrafficSummary: Sendable, Hashable {
    /// Final responses that prove a live server: all but 503.
    package private(set) var answered = 0
    /// Attempts without a final response.
    package private(set) var failed = 0
    /// Failures since the last answer.
    package private(set) var trailingFailures = 0
    package private(set) var lastFailure: BackendFailure?
    /// The longest time that a 503 asked to be left alone for (LOC-49).
    package private(set) var retryAfter: TimeAmount?

    package init() {}

    /// A summary of one outcome.
    package init(_ outcome: BackendOutcome) {
        record(outcome)
    }

    /// Whether there is nothing to report.
    package var isEmpty: Bool { answered == 0 && failed == 0 && retryAfter == nil }

    /// Adds one outcome.
    ///
    /// 503 without Retry-After counts as neither: it is like 500 and says nothing of the next request (LOC-49).
    package mutating func record(_ outcome: BackendOutcome) {
        switch outcome {
        case .answered(status: 503, let time):
            guard let time, time > .zero else { return }
            retryAfter = max(retryAfter ?? .zero, time)
        case .answered:
            answered &+= 1
            trailingFailures = 0
            lastFailure = nil
        case .failed(let failure):
            failed &+= 1
            trailingFailures &+= 1
            lastFailure = failure
        }
    }
}
