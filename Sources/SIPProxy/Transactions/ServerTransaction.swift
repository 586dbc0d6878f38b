// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage

/// One request that a client sent, from its arrival to the end of everything that it set off: the server transaction of
/// RFC 3261 section 17.2 with RFC 6026, and the response context of section 16.7.
final class ServerTransaction {
    enum State {
        /// No final response was sent.
        case proceeding
        /// A final other than a 2xx to INVITE was sent.
        case completed
        /// The ACK came (INVITE only).
        case confirmed
        /// A 2xx to INVITE was sent (RFC 6026 section 7.1).
        case accepted
        case terminated
    }

    let slot: UInt32
    let nonce: UInt64
    private(set) var key: TransactionKey
    /// Its key without the connection, where its client may be back over another one.
    var elsewhereKey: TransactionKey?
    /// The request; without its body when nobody is to get it any more.
    private(set) var request: SIPMessage
    /// Where the request came from; the newest place, when the client has moved (TXN-25, TXN-33).
    private(set) var flow: FlowContext
    /// Whose it is counted as; nil where nobody is limited.
    var owner: TransactionShares.Owner?
    /// Whether the connection that it came on is closed.
    var isFlowGone = false
    let startedAt: NIODeadline
    /// The tag of responses that are made here; the same in every one of them.
    let tag: UInt64
    /// The snapshot at arrival, which the request works by to its end.
    let snapshot: SnapshotBox

    var state = State.proceeding
    /// How the request is to be forwarded, once that is known.
    var plan = ForwardPlan()
    var pool: PoolView?
    var policy = ForwardingPolicy()
    var tried = TriedBackends()
    /// The number of the route rule that chose the pool.
    var route: Int?
    /// What affinity is kept by.
    var affinity: AffinityKey?
    /// Backends that could not be reached from here, or over no allowed transport, though the snapshot has them usable.
    var passedBy = TriedBackends()
    /// Backends that asked to be spared when it could have gone there.
    var throttled = TriedBackends()
    /// Whether it was held back from a server.
    var isThrottled = false
    var trail = AttemptTrail()
    /// The phrase of a final that was made here.
    var ownReason = ""
    var attempts: UInt8 = 0
    /// Backends that it was sent to, however often.
    var candidates: UInt8 = 0
    /// Attempts that failed after they had cost time or work.
    var failedTries: UInt8 = 0
    /// Whether its pool had no retry left for it when one was last due.
    var isOverBudget = false
    /// The next hop outside the route rules, when it goes to one.
    var hops: HopWalk?
    /// The attempt whose answer is awaited.
    var current: ClientTransaction?
    /// Client transactions that have not ended.
    var liveClients = 0
    /// What the ACKs of its 2xx are known by; more than one where several servers have answered, or one with several tags.
    var acknowledgementKey: TransactionKey?
    var furtherAcknowledgementKeys: [TransactionKey] = []
    /// The finals that were collected and not forwarded.
    var collected: CollectedFinals?
    /// Attempts that were given up and have brought no final since.
    var silent: UInt8 = 0
    /// Whether a final was collected after which nobody else is tried (PRX-54, PRX-55).
    var isDecided = false
    var isCancelled = false
    var cancelReason: ByteBuffer?
    /// The latest response that was sent, for retransmissions.
    var lastResponse: ByteBuffer?
    var hasSentProvisional = false
    /// Bytes of the request and its repeats, and of what was answered (OVL-23).
    var bytesReceived: UInt32
    var bytesSent: UInt32 = 0
    var lastTarget: BackendTarget?

    var tryingAt: NIODeadline?
    var retransmitAt: NIODeadline?
    var retransmitInterval = TimeAmount.zero
    var endAt: NIODeadline?
    var armedAt: NIODeadline?

    init(
        slot: UInt32,
        nonce: UInt64,
        key: TransactionKey,
        request: SIPMessage,
        flow: FlowContext,
        startedAt: NIODeadline,
        tag: UInt64,
        snapshot: SnapshotBox
    ) {
        self.slot = slot
        self.nonce = nonce
        self.key = key
        self.request = request
        bytesReceived = UInt32(truncatingIfNeeded: request.bytes.readableBytes)
        self.flow = flow
        self.startedAt = startedAt
        self.tag = tag
        self.snapshot = snapshot
    }

    /// The client has repeated the request from another place.
    func move(to flow: FlowContext, key: TransactionKey) {
        self.flow = flow
        self.key = key
        isFlowGone = false
    }

    /// The final has gone and nobody is tried any more: what only further attempts need is given up.
    func releaseRequest() {
        guard liveClients == 0 || (liveClients == 1 && current?.isWaiting == false) else { return }
        request = request.withoutBody()
        plan.routes = []
        collected = nil
    }

    var isInvite: Bool { request.method == .invite }

    /// Whether it may go on over TLS alone (RFC 5630 section 5.3, PRX-91).
    var needsTLS: Bool { plan.isSecure || policy.requiresTLS }

    /// The attempt whose final decides what is done next; nil while there is none, as when a name is being asked for.
    var pending: ClientTransaction? { current.flatMap { $0.isWaiting && !$0.isAbandoned ? $0 : nil } }

    /// Whether another attempt may begin.
    var mayTryOn: Bool { !hasFinal && !isCancelled && !isDecided }

    /// Whether a final response has gone to the client.
    var hasFinal: Bool { state != .proceeding }

    /// The earliest of the timers.
    var deadline: NIODeadline? { [tryingAt, retransmitAt, endAt, hops?.resolveBy].earliest }
}

/// A snapshot as it is shared by the requests that work by it.
final class SnapshotBox: Sendable {
    let proxy: ProxySnapshot
    let listeners: RenderedListeners
    /// Whether a route rule asks how a request came, and not only what it says.
    let routesByOrigin: Bool
    let shareLimits: TransactionShares.Limits
    private let trustedPools: [Bool]

    init(_ proxy: ProxySnapshot) {
        self.proxy = proxy
        shareLimits = TransactionShares.Limits(proxy.settings)
        trustedPools = proxy.policies.map(\.isTrusted)
        routesByOrigin = proxy.routes.contains { rule in
            !(rule.listeners.isEmpty && rule.sources.isEmpty && rule.peers.isEmpty)
        }
        listeners = RenderedListeners(proxy)
    }

    /// Whether a pool's backends are believed like own servers; those of one that is no longer there are as by default.
    func isTrusted(_ pool: PoolID) -> Bool {
        let index = Int(pool.index)
        return index < trustedPools.count ? trustedPools[index] : true
    }
}

extension [NIODeadline?] {
    var earliest: NIODeadline? {
        var first: NIODeadline?
        for case let time? in self where first.map({ time < $0 }) ?? true { first = time }
        return first
    }
}
