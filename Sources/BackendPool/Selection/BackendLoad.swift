// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What one worker has under way at one backend, and how soon that backend answers.
///
/// The response time is a peak-sensitive moving average, as in Finagle and Envoy: a slower answer counts at once, faster
/// ones bring it down over ``window``, and so does time without any, so that a backend which once was slow is tried
/// again.
package struct BackendLoad: Sendable, Hashable {
    /// Over what time an answer is forgotten: after so long about 0.4 of it is left.
    package static let window = TimeAmount.seconds(10)
    /// What a backend counts as that has requests and has answered none yet, in nanoseconds: an hour, so that it gets no
    /// more of them while another is there.
    private static let unansweredCost = 3.6e12

    /// Attempts that were sent and have not ended.
    package private(set) var outstanding = 0
    /// Nanoseconds at ``observedAt``; 0 when nothing was observed.
    private var average = 0.0
    private var observedAt = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    /// An attempt was sent.
    package mutating func begin() { outstanding &+= 1 }

    /// An attempt has ended, however it did.
    package mutating func end() { outstanding = max(outstanding &- 1, 0) }

    /// An attempt got its first response after `duration`, or none for so long.
    package mutating func observe(_ duration: TimeAmount, now: NIODeadline) {
        let sample = Double(max(duration.nanoseconds, 1))
        let left = Self.left(after: now - observedAt)
        let current = average * left
        // The first sample, and one that is slower than the average, are taken whole.
        average = average == 0 || sample > average ? sample : current + sample * (1 - left)
        observedAt = now
    }

    /// The average response time in nanoseconds as of `now`; 0 when there was no response.
    package func responseTime(at now: NIODeadline) -> Double {
        average == 0 ? 0 : average * Self.left(after: now - observedAt)
    }

    /// The number that two choices are compared by, the less the better.
    ///
    /// - Parameter weight: the backend's weight relative to the mean of its priority, above 0.
    package func cost(by algorithm: SelectionAlgorithm, weight: Double, now: NIODeadline) -> Double {
        let queue = Double(outstanding) / weight
        switch algorithm {
        case .srv: return 0
        case .leastOutstanding: return queue
        case .latency:
            if average == 0, outstanding > 0 { return Self.unansweredCost * (queue + 1) }
            return responseTime(at: now) * (queue + 1)
        }
    }

    /// How much of the average is left after some time: e^-x by the first terms of e^x, which needs no mathematics
    /// library and never comes to nothing.
    private static func left(after time: TimeAmount) -> Double {
        let x = max(0, Double(time.nanoseconds)) / Double(window.nanoseconds)
        return 1 / (1 + x * (1 + x / 2 * (1 + x / 3)))
    }
}
