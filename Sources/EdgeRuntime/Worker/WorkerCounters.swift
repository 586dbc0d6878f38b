// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
package import SIPMessage
package import SIPProxy

/// What one worker counts, as plain numbers that only it writes; a copy is taken for the metrics.
package struct WorkerCounters: Sendable {
    /// Requests by method and class of their final status, 0 for none.
    package struct RequestKey: Sendable, Hashable {
        package let method: SIPMethod
        package let statusClass: UInt8
        package let isLocal: Bool
    }

    /// What was sent to one backend.
    package struct BackendCounts: Sendable {
        package init() {}

        package var answered: UInt64 = 0
        package var failed: UInt64 = 0
        package var seconds: Double = 0
    }

    package var messagesIn: UInt64 = 0
    package var responsesOut: UInt64 = 0
    package var responsesLost: UInt64 = 0
    package var attempts: UInt64 = 0
    package var handedOver: UInt64 = 0
    package var crossings: UInt64 = 0
    package var badTokens: UInt64 = 0
    package var accepted: UInt64 = 0
    package var refused: UInt64 = 0
    package var handshakes: UInt64 = 0
    package var handshakeFailures: [String: UInt64] = [:]
    /// TLS connections that failed after their handshake, by reason.
    package var tlsFailures: [String: UInt64] = [:]
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    package var requests: [RequestKey: UInt64] = [:]
    package var failovers: [AttemptFailure: UInt64] = [:]
    package var backends: [BackendTarget: BackendCounts] = [:]
    package var malformed: [MalformedMessage.Reason: UInt64] = [:]
    package var framing: [String: UInt64] = [:]
    package var drops: [DropReason: UInt64] = [:]
    package var limits: [String: UInt64] = [:]

    package init() {}

    mutating func finished(_ summary: RequestSummary) {
        let key = RequestKey(
            method: summary.method,
            statusClass: UInt8(truncatingIfNeeded: summary.status / 100),
            isLocal: summary.isLocal
        )
        requests[key, default: 0] &+= 1
    }

    mutating func attemptEnded(_ target: BackendTarget, _ failure: AttemptFailure?, _ duration: TimeAmount) {
        if let failure {
            failovers[failure, default: 0] &+= 1
            backends[target, default: BackendCounts()].failed &+= 1
        } else {
            backends[target, default: BackendCounts()].answered &+= 1
            backends[target, default: BackendCounts()].seconds += Double(duration.nanoseconds) / 1e9
        }
    }
}

/// A worker's numbers at one moment.
package struct WorkerStatistics: Sendable {
    package let worker: WorkerIndex
    package let counters: WorkerCounters
    package let transactions: Int
    package let clientFlows: Int
    package let backendFlows: Int
}
