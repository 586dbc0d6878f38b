// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import NIOCore
package import SIPMessage

/// The whole SIP state of one worker: a transaction-stateful proxy (RFC 3261 section 16) as a synchronous machine.
///
/// Events go in with the time, actions come out in order. It makes no I/O, reads no clock and calls nobody back, so
/// the driver may feed the next event while it carries out the actions of the one before.
package final class ProxyCore {
    let worker: WorkerIndex
    var box: SnapshotBox
    var generator: FastGenerator
    let keys: TransactionKeyMaker
    var edits = MessageEdits()
    var wheel: TimerWheel
    var servers = TransactionTable<ServerTransaction>()
    var clients = TransactionTable<ClientTransaction>()
    /// What of the server transactions is whose.
    var shares: TransactionShares
    var serverByKey: [TransactionKey: UInt32] = [:]
    /// Transactions whose client may be back over another connection, by a key that leaves it out (TXN-25, TXN-35).
    var elsewhere: [TransactionKey: UInt32] = [:]
    /// Attempts whose 2xx to an INVITE went up, by what its ACK will have of it; each goes with its server transaction.
    var acknowledgeable: [TransactionKey: ClientTransaction] = [:]
    var resolving: [ResolutionID: PendingResolution] = [:]
    /// Those among them that belong to no transaction.
    var statelessResolutions = 0
    /// Responses on their way to servers, until they are known to be sent.
    var returning: [AttemptID: ReturnWalk] = [:]
    /// ACKs that go another way if the one that they went cannot be taken.
    var turning: [AttemptID: TurningACK] = [:]
    /// What was seen of backends here.
    var local = LocalHealth()
    var loads = BackendLoads()
    /// What may be tried anew.
    var budgets = RetryBudgets()
    /// What backends ask to be spared.
    var overload = OverloadTable()
    var memory: RequestMemory
    /// Addresses that are not forged.
    var shown: ShownSources
    var isDraining = false
    /// What is turned away at present because there is too much to do.
    package var shedding = Shedding.none {
        didSet { if shedding != oldValue { reporter.take(shedding) } }
    }
    /// What clients are told of it.
    var reporter: OverloadReporter
    /// The time of the latest event, for what is stamped with it.
    private(set) var latest: NIODeadline
    /// What was counted so far.
    package internal(set) var counters = ProxyCounters()
    /// Times that a backend fell under suspicion for its silence.
    package var suspicions: UInt64 { local.suspicions }
    private var actions: [ProxyAction] = []
    private var spare: [ProxyAction] = []
    private var due: [TimerWheel.Owner] = []
    private var nextNonce: UInt64

    /// A core that works by `snapshot`.
    ///
    /// The seed must come from the system's generator; `epoch` are the nanoseconds from 1970 to the zero of `NIODeadline`.
    package init(worker: WorkerIndex, snapshot: ProxySnapshot, seed: UInt64, epoch: Int64 = 0, now: NIODeadline) {
        self.worker = worker
        reporter = OverloadReporter(epoch: epoch)
        latest = now
        box = SnapshotBox(snapshot)
        generator = FastGenerator(seed: seed)
        keys = TransactionKeyMaker(using: &generator)
        wheel = TimerWheel(now: now)
        nextNonce = generator.next() & Branch.nonceMask
        shown = ShownSources(seed: StableHash.mix(seed))
        shares = TransactionShares(seed: StableHash.mix(~seed))
        memory = RequestMemory(limit: snapshot.settings.rememberedRequests)
        take(snapshot, now: now)
    }

    var snapshot: ProxySnapshot { box.proxy }

    // MARK: Reading

    /// Server transactions that have not ended.
    package var transactionCount: Int { servers.count }

    /// Client transactions that have not ended.
    package var clientTransactionCount: Int { clients.count }

    /// Sources and connections of clients that are counted as holding server transactions.
    package var transactionHolders: Int { shares.count }

    /// Keys by which server transactions are found, and by which the ACKs of 2xx find their attempts.
    package var indexedKeys: Int { serverByKey.count + elsewhere.count + acknowledgeable.count }

    /// Names that are being asked for.
    package var pendingResolutions: Int { resolving.count }

    /// Responses that look for a connection to their client, and ACKs that may have to.
    package var pendingReturns: Int { returning.count + turning.count }

    /// Attempts whose backends have not said anything yet.
    package var awaitedAttempts: Int { local.outstanding }

    /// Timers that run; one that nobody needs any more runs to its end.
    package var timerCount: Int { wheel.count }

    /// Whether `advance` must be called from time to time.
    package var hasTimers: Bool { wheel.count > 0 }

    /// The actions decided since the last call.
    package func takeActions() -> [ProxyAction] {
        guard !actions.isEmpty else { return [] }
        var taken = spare
        spare = []
        swap(&taken, &actions)
        return taken
    }

    /// Gives an array of `takeActions` back for its storage.
    package func recycle(_ done: inout [ProxyAction]) {
        done.removeAll(keepingCapacity: true)
        if spare.capacity < done.capacity { swap(&spare, &done) }
    }

    // MARK: Events

    /// A message came; `admission` is what the limits of a client say of it.
    package func receive(
        _ message: SIPMessage,
        on flow: FlowContext,
        admission: Admission = .admitted,
        now: NIODeadline
    ) {
        note(now)
        if message.isRequest {
            if case .backend(let target) = flow.side, let pool = target.pool {
                local.heard(from: BackendID(pool: pool, endpoint: target.endpoint), now: now)
            }
            receiveRequest(message, on: flow, admission, now: now)
        } else {
            receiveResponse(message, on: flow, now: now)
        }
    }

    /// The driver has put an attempt on a flow, and for a response by datagram seen nobody refuse it.
    package func attemptSent(_ attempt: AttemptID, on flow: FlowID, now: NIODeadline) {
        if attempt.slot == Self.returnSlot { returning[attempt] = nil }
        if attempt.slot == Self.ackSlot { turning[attempt] = nil }
        client(attempt)?.flow = flow
    }

    /// Whether an attempt that waits for a flow is still to be sent: nobody has given it up meanwhile.
    package func awaits(_ attempt: AttemptID) -> Bool {
        client(attempt).map { $0.state == .calling && !$0.isAbandoned }
            ?? (returning[attempt] != nil || turning[attempt] != nil)
    }

    /// An attempt could not be sent, or its flow was lost before anything was heard.
    package func attemptFailed(_ attempt: AttemptID, _ failure: AttemptFailure, now: NIODeadline) {
        note(now)
        if let ack = turning.removeValue(forKey: attempt) { return turn(ack, failure) }
        guard let client = client(attempt) else { return returnFailed(attempt) }
        failed(client, failure, now: now)
    }

    /// A flow is gone: everything that awaits an answer on it must know.
    package func flowClosed(_ flow: FlowID, now: NIODeadline) { flowsClosed([flow], now: now) }

    /// Several flows are gone: all transactions are looked through once for all of them.
    package func flowsClosed(_ flows: Set<FlowID>, now: NIODeadline) {
        note(now)
        let lost = clients.all { client in client.flow.map(flows.contains) ?? false }
        for client in lost { self.lost(client, now: now) }
        for server in servers.all(where: { flows.contains($0.flow.id) }) { orphan(server) }
    }

    /// Clients send nothing more on these flows, and still take what is sent to them; gives those on which a request that
    /// came there waits for its final response (TRN-08).
    package func inputsClosed(_ flows: Set<FlowID>) -> Set<FlowID> {
        var awaited: Set<FlowID> = []
        for server in servers.all(where: { flows.contains($0.flow.id) }) {
            orphan(server, isGone: false)
            if server.state == .proceeding { awaited.insert(server.flow.id) }
        }
        return awaited
    }

    /// The flows on which somebody waits for a final response; for rare events only.
    package var busyFlows: Set<FlowID> {
        var busy: Set<FlowID> = []
        for server in servers.all(where: { $0.state == .proceeding }) { busy.insert(server.flow.id) }
        for client in clients.all(where: { $0.state == .calling || $0.state == .proceeding }) {
            if let flow = client.flow { busy.insert(flow) }
        }
        return busy
    }

    /// Works by another snapshot from now on; requests that have begun go on by theirs.
    package func adopt(_ snapshot: ProxySnapshot, now: NIODeadline) {
        box = SnapshotBox(snapshot)
        local.adopt(snapshot.pools, now: now)
        take(snapshot, now: now)
    }

    /// Takes no new dialogs and registrations from now on (OVL-36).
    package func quiesce(now: NIODeadline) { isDraining = true }

    /// Lets time pass: runs every timer that is due.
    package func advance(to now: NIODeadline) {
        note(now)
        due.removeAll(keepingCapacity: true)
        wheel.advance(to: now, into: &due)
        for owner in due {
            switch owner.kind {
            case .client:
                if let client = clients[owner.slot], client.nonce == owner.nonce { timeOut(client, now: now) }
            case .server:
                if let server = servers[owner.slot], server.nonce == owner.nonce { timeOut(server, now: now) }
            }
        }
        local.advance(to: now)
    }

    /// The listener that stands for this edge towards a backend.
    package func facingListener(_ target: BackendTarget) -> ListenerID {
        let facing = box.listeners.facing(target.endpoint, policy: snapshot.policy(of: target.pool))
        return facing?.identity.id ?? ListenerID(index: 0)
    }

    private func take(_ snapshot: ProxySnapshot, now: NIODeadline) {
        loads.adopt(snapshot.pools)
        budgets.adopt(snapshot.pools, now: now)
        overload.adopt(snapshot.pools)
        memory.adopt(
            generation: snapshot.generation,
            pools: snapshot.pools,
            limit: snapshot.settings.rememberedRequests,
            now: now
        )
    }

    // MARK: Shared by the parts

    func act(_ action: ProxyAction) { actions.append(action) }

    /// Notes the time of an event.
    func note(_ now: NIODeadline) { latest = max(latest, now) }

    func makeNonce() -> UInt64 {
        nextNonce = (nextNonce &+ (generator.next() & 0xFFFF) &+ 1) & Branch.nonceMask
        return nextNonce
    }

    func client(_ attempt: AttemptID) -> ClientTransaction? {
        guard let client = clients[attempt.slot], client.nonce == attempt.nonce else { return nil }
        return client
    }

    /// Sees to it that a client transaction is asked when its next timer is due.
    func arm(_ client: ClientTransaction) {
        guard let time = client.deadline.map(wheel.call(for:)) else { return }
        if let armed = client.armedAt, armed <= time { return }
        client.armedAt = time
        wheel.arm(.init(kind: .client, slot: client.slot, nonce: client.nonce), for: time)
    }

    /// Sees to it that a server transaction is asked when its next timer is due.
    func arm(_ server: ServerTransaction) {
        guard let time = server.deadline.map(wheel.call(for:)) else { return }
        if let armed = server.armedAt, armed <= time { return }
        server.armedAt = time
        wheel.arm(.init(kind: .server, slot: server.slot, nonce: server.nonce), for: time)
    }
}

/// A message that waits for its next hop's addresses.
enum PendingResolution {
    case transaction(slot: UInt32, nonce: UInt64)
    /// An ACK for a 2xx, which has no transaction.
    case ack(SIPMessage, FlowContext, ForwardPlan)
    /// A response to a server that could not be sent where its request came from.
    case response(ReturnWalk)

    /// Whether no transaction stands behind it.
    var isStateless: Bool {
        if case .transaction = self { false } else { true }
    }
}
