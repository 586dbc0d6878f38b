// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// One attempt to have a request answered by one next hop: the client transaction of RFC 3261 section 17.1 with RFC
/// 6026, and the CANCEL that may follow it.
final class ClientTransaction {
    enum State {
        /// Nothing was heard (Calling, or Trying).
        case calling
        case proceeding
        /// A final that needs no more than repeats of it to be absorbed.
        case completed
        /// A 2xx to INVITE (RFC 6026 section 7.2).
        case accepted
        case terminated
    }

    let slot: UInt32
    let nonce: UInt64
    let server: ServerTransaction
    let sentAt: NIODeadline
    /// The backend; nil when the request goes to a client's flow.
    ///
    /// A connection that stands to another address of the same SRV target changes it before anything is sent (LOC-43).
    var target: BackendTarget?
    /// The backend that answers for it: `target`, but for its transport where only the size of the request moved that to
    /// TCP (RFC 3261 section 18.1.1), so that the server and not a place that no pool knows is judged by it.
    var backend: BackendTarget?
    let transport: SIPTransport
    /// The listener that its Via names.
    var facing: ListenerID?
    var state = State.calling
    /// The request as sent; kept only while it may be sent again.
    var sent: ByteBuffer?
    /// The flow that it left on, once the driver has said so.
    var flow: FlowID?
    var datagram: DatagramAddress?
    /// The place of the backend in its pool's view.
    var poolIndex: Int?
    /// What this worker sees of the backend.
    var watch: BackendWatch?
    /// Whether its first response is still waited for.
    var isAwaited = false
    /// Its place in the trail of its request.
    var trailPlace = 0
    /// Where it counts as load of its backend, while it does.
    var loadPlace: Int?
    var hasProvisional = false
    /// Whether another candidate was tried meanwhile (LOC-63).
    var isAbandoned = false
    /// Whether its first-response limit passed when nobody else could be tried, so that it is waited for on.
    var isOverdue = false
    /// Whether it was tried over TCP for its size only (TRN-40).
    var isMovedToTCP = false
    var wasRetriedHere = false
    var wantsCancel = false
    var hasSentCancel = false
    var cancel: ByteBuffer?
    var ack: ByteBuffer?

    var retransmitAt: NIODeadline?
    var retransmitInterval = TimeAmount.zero
    var firstResponseAt: NIODeadline?
    /// Timer B or F; after a CANCEL, its own end (TXN-40).
    var timeoutAt: NIODeadline?
    var timerCAt: NIODeadline?
    var cancelRetransmitAt: NIODeadline?
    var cancelInterval = TimeAmount.zero
    /// When a lost connection of a ringing call is looked at again (TXN-12).
    var lookAgainAt: NIODeadline?
    var endAt: NIODeadline?
    var armedAt: NIODeadline?

    init(
        slot: UInt32,
        nonce: UInt64,
        server: ServerTransaction,
        sentAt: NIODeadline,
        target: BackendTarget?,
        backend: BackendTarget?,
        transport: SIPTransport
    ) {
        self.slot = slot
        self.nonce = nonce
        self.server = server
        self.sentAt = sentAt
        self.target = target
        self.backend = backend
        self.transport = transport
    }

    /// Whether a final is still to come.
    var isWaiting: Bool { state == .calling || state == .proceeding }

    /// Whether nothing has been heard for longer than its first-response limit.
    var isSilent: Bool { isOverdue && state == .calling }

    var id: AttemptID { AttemptID(slot: slot, nonce: nonce) }
    var isInvite: Bool { server.isInvite }

    /// The earliest of the timers.
    var deadline: NIODeadline? {
        var first: NIODeadline?
        func take(_ time: NIODeadline?) {
            if let time, first.map({ time < $0 }) ?? true { first = time }
        }
        take(retransmitAt)
        take(firstResponseAt)
        take(timeoutAt)
        take(timerCAt)
        take(cancelRetransmitAt)
        take(lookAgainAt)
        take(endAt)
        return first
    }

    /// Stops everything that awaits an answer.
    func stopWaiting() {
        retransmitAt = nil
        firstResponseAt = nil
        timeoutAt = nil
        timerCAt = nil
        lookAgainAt = nil
    }
}
