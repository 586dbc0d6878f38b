// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeTLS
package import NIOCore
internal import SIPMessage
package import SIPProxy
package import Telemetry

/// What one worker counts, as plain numbers that only it writes; a copy is taken for the metrics.
package struct WorkerCounters: Sendable {
    /// What was sent to one backend.
    package struct BackendCounts: Sendable {
        package init() {}

        package var durations = BucketHistogram()
        package var failures = CounterTable<AttemptFailureLabel>()

        /// Attempts that got an answer.
        package var answered: UInt64 { durations.count }
        package var failed: UInt64 { failures.total }

        package mutating func merge(_ other: BackendCounts) {
            durations.merge(other.durations)
            failures.merge(other.failures)
        }
    }

    /// What happened to the connections of listeners.
    package enum ConnectionEvent: Int, LabelValue { case accepted, closed }

    /// What happened to the connections of pools.
    package enum PoolEvent: Int, LabelValue {
        /// A backend did not ask for the certificate that it is to be shown (TLS-28).
        case unasked
    }

    /// By `ListenerID.index`.
    package var connections = CounterRows<ConnectionEvent>()
    package var refusals = CounterRows<RefusalLabel>()
    package var handshakes = CounterGrid<SideLabel, TLSVersionLabel>()
    package var resumptions = CounterTable<SideLabel>()
    /// By `PoolID.index`.
    package var poolEvents = CounterRows<PoolEvent>()
    package var handshakeFailures = CounterGrid<SideLabel, TLSFailureLabel>()
    /// TLS connections that failed after their handshake.
    package var tlsFailures = CounterGrid<SideLabel, TLSFailureLabel>()
    package var clientHandshakeDurations = BucketHistogram()
    package var backendHandshakeDurations = BucketHistogram()
    package var bytesIn = CounterTable<SideLabel>()
    package var bytesOut = CounterTable<SideLabel>()
    /// By pool: `requestRow` numbers the rows.
    package var requests = CounterRows<MethodLabel>()
    package var inviteDurations = BucketHistogram()
    package var otherDurations = BucketHistogram()
    package var backends: [BackendTarget: BackendCounts] = [:]
    package var malformed = CounterTable<MalformedLabel>()
    package var drops = CounterTable<DropLabel>()
    package var limits = CounterTable<LimitLabel>()
    package var forgedTokens: UInt64 = 0
    /// Requests that went on connections which their servers had opened (RFC 5923).
    package var aliasedRequests: UInt64 = 0

    package init() {}

    /// The row of `requests` that a pool has; the first is of requests that no route rule gave to a pool.
    package static func requestRow(_ pool: UInt16?) -> Int { pool.map { Int($0) + 1 } ?? 0 }

    /// Adds another worker's counts.
    package mutating func merge(_ other: WorkerCounters) {
        connections.merge(other.connections)
        refusals.merge(other.refusals)
        handshakes.merge(other.handshakes)
        resumptions.merge(other.resumptions)
        poolEvents.merge(other.poolEvents)
        handshakeFailures.merge(other.handshakeFailures)
        tlsFailures.merge(other.tlsFailures)
        clientHandshakeDurations.merge(other.clientHandshakeDurations)
        backendHandshakeDurations.merge(other.backendHandshakeDurations)
        bytesIn.merge(other.bytesIn)
        bytesOut.merge(other.bytesOut)
        requests.merge(other.requests)
        inviteDurations.merge(other.inviteDurations)
        otherDurations.merge(other.otherDurations)
        for (target, counts) in other.backends { backends[target, default: BackendCounts()].merge(counts) }
        malformed.merge(other.malformed)
        drops.merge(other.drops)
        limits.merge(other.limits)
        forgedTokens &+= other.forgedTokens
        aliasedRequests &+= other.aliasedRequests
    }

    mutating func finished(_ summary: RequestSummary) {
        requests.increment(Self.requestRow(summary.pool?.index), MethodLabel(summary.method))
        guard summary.status > 0 else { return }
        if summary.method == .invite {
            inviteDurations.record(nanoseconds: summary.duration.nanoseconds)
        } else {
            otherDurations.record(nanoseconds: summary.duration.nanoseconds)
        }
    }

    /// Counts for backends of pools alone: next hops that requests name are without number.
    mutating func attemptEnded(_ target: BackendTarget, _ failure: AttemptFailure?, _ duration: TimeAmount) {
        guard target.pool != nil else { return }
        if let failure {
            backends[target, default: BackendCounts()].failures.increment(AttemptFailureLabel(failure))
        } else {
            backends[target, default: BackendCounts()].durations.record(nanoseconds: duration.nanoseconds)
        }
    }

    mutating func handshakeCompleted(_ side: SideLabel, _ completed: TLSHandshakeCompleted, _ duration: TimeAmount) {
        handshakes.increment(side, TLSVersionLabel(completed.version))
        if completed.resumed { resumptions.increment(side) }
        switch side {
        case .client: clientHandshakeDurations.record(nanoseconds: duration.nanoseconds)
        case .backend: backendHandshakeDurations.record(nanoseconds: duration.nanoseconds)
        }
    }

    mutating func add(bytesIn received: UInt64, bytesOut sent: UInt64, _ side: SideLabel) {
        bytesIn.add(received, to: side)
        bytesOut.add(sent, to: side)
    }
}

/// A worker's numbers at one moment.
package struct WorkerStatistics: Sendable {
    package let worker: WorkerIndex
    package let counters: WorkerCounters
    package let core: ProxyCounters
    /// Times that a backend fell under suspicion for its silence.
    package let suspicions: UInt64
    package let transactions: Int
    package let clientTransactions: Int
    package let timers: Int
    /// How far back the worker remembers requests.
    package let memory: RequestMemoryReach
    package let clientFlows: Int
    /// Open connections to each backend, UDP sockets among them.
    package let backendFlows: [BackendTarget: Int]
    /// Messages that wait for a connection to each backend.
    package let backendQueues: [BackendTarget: Int]
    /// How late the event loop was at worst since a second ago.
    package let lag: TimeAmount
    /// Whether new requests are turned away for it.
    package let isOverloaded: Bool
    /// Per cent of their requests that clients with overload control are asked to hold back.
    package let reportedPercent: UInt32
    /// Sources whose requests are counted, those that are banned, and those that lost their place too early.
    package let knownSources: Int
    package let bannedSources: Int
    /// Places by which connections of other servers are known.
    package let aliases: Int
    package let displacedSources: UInt64
}
