// SPDX-License-Identifier: Apache-2.0

package import BackendPool
package import NIOCore
package import SIPMessage

/// What the core asks its driver to do, in the order given.
package enum ProxyAction: Sendable {
    /// Send a response on the flow that its request came on; for UDP, from that listener to `datagram`.
    case respond(FlowID, datagram: DatagramAddress?, ByteBuffer)
    /// The same to another server over UDP, and report `attemptFailed` when its host says that nobody listens there, or
    /// `attemptSent` when it has not said so for a while (TRN-31).
    case respondWatched(FlowID, datagram: DatagramAddress, AttemptID, ByteBuffer)
    /// Send a request to a backend over one of its flows, opened when there is none. The driver reports `attemptSent`
    /// or `attemptFailed`; without an attempt (an ACK for a 2xx) it reports nothing.
    case sendToBackend(BackendTarget, AttemptID?, ByteBuffer)
    /// Send on exactly this flow, which may belong to another worker (RFC 5626 section 5.3), or report
    /// `attemptFailed(.flowGone)`. `datagram` is the remote address of a UDP flow.
    case sendOnFlow(FlowID, datagram: DatagramAddress?, AttemptID?, ByteBuffer)
    /// Resolve a next hop that is a name (RFC 3263), and report `resolved`.
    case resolve(ResolutionID, NextHopName)
    /// A response whose branch names another worker.
    indirect case handOver(WorkerIndex, SIPMessage, FlowContext)
    /// A client was promised to have its flow kept for so long without a sign of life, and no longer (FLW-36).
    case limitIdle(FlowID, TimeAmount)
    /// Close a flow on which nothing more can be trusted.
    case closeFlow(FlowID)
    /// Something to count, to log, or to learn about a backend.
    case event(ProxyEvent)
}

/// Why an attempt failed before any answer came.
package enum AttemptFailure: String, Sendable, Hashable, CaseIterable {
    /// Connection refused, or ICMP unreachable.
    case refused
    case connectTimeout = "connect_timeout"
    /// The TLS handshake failed, or the peer is not who it should be.
    case tls
    /// The queue of the backend is full, or the backend is left alone after failures.
    case queueFull = "queue_full"
    /// The flow that a token names is gone (RFC 5626 section 5.3.1).
    case flowGone = "flow_gone"
    /// The connection closed before the answer.
    case closed
    /// Nothing was heard within the first-response limit (LOC-63) or timer B or F.
    case timeout
    /// The backend answered 503 or another code that moves on.
    case status
}

/// What the core tells about its work.
package enum ProxyEvent: Sendable {
    /// A request has got its final answer, or has ended without one.
    case finished(RequestSummary)
    /// One attempt at a backend ended: nil for an answer, which proves that the backend lives.
    case attempt(BackendTarget, AttemptFailure?, retryAfter: UInt32?, duration: TimeAmount)
    /// A message was dropped.
    case dropped(DropReason)
    /// A limit was hit.
    case limit(ProxyLimit)
    /// A request that came on this flow was refused because of a limit.
    case refused(ProxyLimit, FlowContext)
    /// A token in a Route did not verify, or its flow is gone.
    case badToken
    /// A server of ours asked for a client by its address, on this flow: it does not use the Path (FLW-37).
    case pathUnused(FlowContext)
    /// The only usable backend of a pool asks to be spared nearly everything: its feedback is faulty or forged, or the pool
    /// is about to fail (OVL-19).
    case overloadAlarm(BackendTarget, percent: UInt32)
}

/// The end of one request, for the counters and the log line.
package final class RequestSummary: Sendable {
    package let method: SIPMethod
    /// The final status that went to the client; 0 when none did.
    package let status: UInt16
    /// Whether the final was made here rather than by a backend.
    package let isLocal: Bool
    package let backend: BackendTarget?
    /// The pool that a route rule chose.
    package let poolName: String?
    /// The number of that pool.
    package let pool: PoolID?
    package let attempts: UInt8
    package let duration: TimeAmount
    /// The flow that the request came on.
    package let flow: FlowContext
    /// The request as received, for the fields of a log line.
    package let request: SIPMessage

    init(
        status: UInt16,
        isLocal: Bool,
        backend: BackendTarget?,
        poolName: String?,
        pool: PoolID?,
        attempts: UInt8,
        duration: TimeAmount,
        flow: FlowContext,
        request: SIPMessage
    ) {
        self.method = request.method
        self.status = status
        self.isLocal = isLocal
        self.backend = backend
        self.poolName = poolName
        self.pool = pool
        self.attempts = attempts
        self.duration = duration
        self.flow = flow
        self.request = request
    }
}

/// Why a message was dropped without an answer.
package enum DropReason: String, Sendable, Hashable, CaseIterable {
    case malformed
    /// The answer would be too large for what was received (OVL-23).
    case amplification
    case strayResponse = "stray_response"
    case foreignVia = "foreign_via"
    case strayAck = "stray_ack"
    case lateResponse = "late_response"
    case unsendable
    case maxForwards = "max_forwards"
    case cancelFromElsewhere = "cancel_from_elsewhere"
    case overLimit = "over_limit"
    case deadFlow = "dead_flow"
    /// An ACK for a final that was sent without state (OVL-05).
    case absorbedAck = "absorbed_ack"
    /// A response to a datagram from somewhere else than its request went (TRN-37).
    case foreignSource = "foreign_source"
    /// An ACK that came back unchanged (RFC 5393 section 4.2.2).
    case loop
}

/// The limits that the core keeps.
package enum ProxyLimit: String, Sendable, Hashable, CaseIterable {
    case transactions
    case overload
    case transactionsPerSource = "transactions_per_source"
    case transactionsPerConnection = "transactions_per_connection"
    case routeValues = "route_values"
    case statelessResolutions = "stateless_resolutions"
    case retryBudget = "retry_budget"
}
