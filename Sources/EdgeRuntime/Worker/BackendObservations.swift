// SPDX-License-Identifier: Apache-2.0

package import SIPProxy

/// What one worker has seen of one backend since it last told.
package struct BackendObservation: Sendable {
    package let target: BackendTarget
    package var successes = 0
    package var failures = 0
    /// The kind of the latest failure.
    package var failure: AttemptFailure?
    /// Seconds for which a 503 asked to be left alone (LOC-49).
    package var retryAfter: UInt32?
}

/// Collects observations until they are told, so that the control plane is spoken to once a tick, not once a message.
struct BackendObservations {
    private var byTarget: [BackendTarget: BackendObservation] = [:]
    var isReportScheduled = false

    mutating func note(_ target: BackendTarget, failure: AttemptFailure?, retryAfter: UInt32?) {
        var entry = byTarget[target] ?? BackendObservation(target: target)
        if let failure {
            entry.failures &+= 1
            entry.failure = failure
            entry.retryAfter = retryAfter ?? entry.retryAfter
        } else {
            entry.successes &+= 1
        }
        byTarget[target] = entry
    }

    mutating func take() -> [BackendObservation] {
        isReportScheduled = false
        guard !byTarget.isEmpty else { return [] }
        let batch = Array(byTarget.values)
        byTarget.removeAll(keepingCapacity: true)
        return batch
    }
}
