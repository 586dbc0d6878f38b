// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// One worker in virtual time: the core, and connections as the runtime keeps them.
final class Edge {
    let agenda: Agenda
    let dice: Dice
    let network: Network
    let core: ProxyCore
    private(set) var snapshot: ProxySnapshot
    var streams: [FlowID: EdgeStream] = [:]
    var lanes: [BackendTarget: BackendLane] = [:]
    /// Sockets that are connected to one backend each.
    private var backendSockets: [DatagramAddress: FlowContext] = [:]
    /// Who answers for a name.
    var resolve: (NextHopName, @escaping (ResolutionOutcome) -> Void) -> Void = { _, done in done(.failed) }
    /// Who learns of what the core tells.
    var hear: (ProxyEvent) -> Void = { _ in }
    var tick = TimeAmount.milliseconds(10)
    /// Connections to one backend, and messages that may wait for them.
    let connections: Int
    let queue: Int
    /// When the queue of a backend last had no room.
    var fullAt: [Endpoint: NIODeadline] = [:]
    /// When a request was last not tried anew because its pool had no retry left.
    private(set) var overBudgetAt: NIODeadline?
    private var serial: UInt64 = 0x018F_0000_0000
    private var isRunning = false
    private var isTicking = false

    init(_ network: Network, _ snapshot: ProxySnapshot, connections: Int, queue: Int, seed: UInt64) {
        self.connections = connections
        self.queue = queue
        self.network = network
        agenda = network.agenda
        dice = network.dice
        self.snapshot = snapshot
        core = ProxyCore(worker: 1, snapshot: snapshot, seed: seed, now: network.agenda.now)
        listen()
    }

    // MARK: Events

    func received(_ message: SIPMessage, on context: FlowContext) {
        core.receive(message, on: context, now: agenda.now)
        runActions()
    }

    func adopt(_ snapshot: ProxySnapshot) {
        let before = self.snapshot
        self.snapshot = snapshot
        core.adopt(snapshot, now: agenda.now)
        runActions()
        for lane in inOrder where snapshot.isUsable(lane.target) && !before.isUsable(lane.target) { lane.forgive() }
    }

    func writable(_ stream: EdgeStream) {
        guard case .backend(let target) = stream.context.side else { return }
        lanes[target]?.writable()
        runActions()
    }

    func ready(_ stream: EdgeStream) {
        guard case .backend(let target) = stream.context.side else { return }
        lanes[target]?.ready(stream)
        runActions()
    }

    func closed(_ stream: EdgeStream, wasReady: Bool) {
        streams[stream.context.id] = nil
        if case .backend(let target) = stream.context.side { lanes[target]?.closed(stream) }
        if wasReady { core.flowClosed(stream.context.id, now: agenda.now) }
        runActions()
    }

    func abandon(_ stream: EdgeStream) {
        streams[stream.context.id] = nil
        stream.abandon()
    }

    /// Lanes in an order that does not depend on hashing.
    var inOrder: [BackendLane] { lanes.values.sorted { $0.number < $1.number } }

    func lane(to target: BackendTarget) -> BackendLane {
        if let lane = lanes[target] { return lane }
        let lane = BackendLane(self, target, number: lanes.count)
        lanes[target] = lane
        return lane
    }

    // MARK: Carrying out

    func runActions() {
        guard !isRunning else { return }
        isRunning = true
        var actions = core.takeActions()
        while !actions.isEmpty {
            for action in actions { perform(action) }
            core.recycle(&actions)
            actions = core.takeActions()
        }
        isRunning = false
        startTicking()
    }

    private func startTicking() {
        guard !isTicking, core.hasTimers else { return }
        isTicking = true
        agenda.after(tick) { [self] in
            isTicking = false
            core.advance(to: agenda.now)
            runActions()
            startTicking()
        }
    }

    private func perform(_ action: ProxyAction) {
        switch action {
        case .respond(let id, let datagram, let bytes):
            if let stream = streams[id] { stream.enqueue(bytes) } else { sendDatagram(bytes, on: id, to: datagram) }
        case .respondWatched(let id, let datagram, let attempt, let bytes):
            sendDatagram(bytes, on: id, to: datagram)
            watch(attempt, datagram, id)
        case .sendToBackend(let target, let attempt, let bytes):
            lane(to: target).send(bytes, attempt: attempt)
        case .sendOnFlow(let id, let datagram, let attempt, let bytes):
            send(bytes, on: id, datagram: datagram, attempt: attempt)
        case .resolve(let id, let name):
            resolve(name) { [self] outcome in
                core.resolved(id, outcome, now: agenda.now)
                runActions()
            }
        case .handOver, .limitIdle: break
        case .closeFlow(let id): streams[id]?.close()
        case .event(let event):
            if case .limit(.retryBudget) = event { overBudgetAt = agenda.now }
            hear(event)
        }
    }

    private func send(_ bytes: ByteBuffer, on id: FlowID, datagram: DatagramAddress?, attempt: AttemptID?) {
        let isSent: Bool
        if let stream = streams[id], stream.phase == .ready {
            stream.enqueue(bytes)
            isSent = true
        } else {
            isSent = sendDatagram(bytes, on: id, to: datagram)
        }
        guard let attempt else { return }
        if isSent {
            core.attemptSent(attempt, on: id, now: agenda.now)
        } else {
            core.attemptFailed(attempt, .flowGone, now: agenda.now)
        }
    }

    /// A refusal that comes within the time is that of the response; after it, the response was sent.
    private func watch(_ attempt: AttemptID, _ datagram: DatagramAddress, _ id: FlowID) {
        agenda.after(.milliseconds(50)) { [self] in
            if network.sockets[datagram] == nil { core.attemptFailed(attempt, .refused, now: agenda.now) }
            runActions()
        }
        agenda.after(.seconds(2)) { [self] in
            core.attemptSent(attempt, on: id, now: agenda.now)
            runActions()
        }
    }

    // MARK: Datagrams

    @discardableResult
    private func sendDatagram(_ bytes: ByteBuffer, on id: FlowID, to remote: DatagramAddress?) -> Bool {
        if let socket = backendSockets.first(where: { $0.value.id == id }) {
            network.send(bytes, from: Listeners.innerAddress, to: socket.key)
            return true
        }
        guard let listener = Listeners.datagramListener(id) else { return false }
        guard let remote else { return true }
        network.send(bytes, from: DatagramAddress(address: listener.address, port: listener.port), to: remote)
        return true
    }

    /// The flow of the socket to a backend, opened when it is first asked for.
    func datagramFlow(to target: BackendTarget) -> FlowContext {
        let address = DatagramAddress(address: target.endpoint.address, port: target.endpoint.port)
        if let flow = backendSockets[address] { return flow }
        let flow = backendContext(target)
        backendSockets[address] = flow
        return flow
    }

    func send(_ bytes: ByteBuffer, to target: BackendTarget) {
        let address = DatagramAddress(address: target.endpoint.address, port: target.endpoint.port)
        network.send(bytes, from: Listeners.innerAddress, to: address)
    }

    private func receivedDatagram(_ bytes: ByteBuffer, from source: DatagramAddress, on listener: ListenerIdentity) {
        guard !MessageParser.isKeepAlive(bytes) else { return }
        let own = listener.role == .inner ? backendSockets[source] : nil
        let flow = own ?? clientContext(listener, Listeners.flow(of: listener), source)
        switch MessageParser.parse(bytes, framing: .datagram, limits: MessageLimits()) {
        case .message(let message): received(message, on: flow)
        case .malformed(let malformed):
            core.receiveMalformed(malformed, on: flow, now: agenda.now)
            runActions()
        }
    }

    private func refused(_ target: DatagramAddress) {
        guard let flow = backendSockets[target] else { return }
        core.flowClosed(flow.id, now: agenda.now)
        runActions()
    }

    // MARK: Flows

    private func listen() {
        for listener in Listeners.all {
            let endpoint = Endpoint(transport: listener.transport, address: listener.address, port: listener.port)
            if listener.transport == .udp {
                let address = DatagramAddress(address: listener.address, port: listener.port)
                network.sockets[address] = { [unowned self] in receivedDatagram($0, from: $1, on: listener) }
            } else {
                network.listeners[endpoint] = { [unowned self] in accept($0, from: $1, on: listener) }
            }
        }
        network.refused = { [unowned self] in refused($0) }
    }

    private func accept(_ end: StreamEnd, from source: DatagramAddress, on listener: ListenerIdentity) {
        let context = clientContext(listener, makeFlowID(), source)
        let stream = EdgeStream(self, context)
        streams[context.id] = stream
        stream.open(end)
    }

    func makeFlowID() -> FlowID {
        serial += 1
        return FlowID(worker: 1, serial: serial)
    }

    func backendContext(_ target: BackendTarget) -> FlowContext {
        FlowContext(
            id: makeFlowID(),
            side: .backend(target),
            listener: core.facingListener(target),
            transport: target.endpoint.transport,
            remoteAddress: target.endpoint.address,
            remotePort: target.endpoint.port,
            remoteText: ByteBuffer(string: target.endpoint.address.description),
            token: ByteBuffer()
        )
    }

    private func clientContext(_ listener: ListenerIdentity, _ id: FlowID, _ remote: DatagramAddress) -> FlowContext {
        let token = FlowToken(
            flow: id,
            transport: listener.transport,
            listener: listener.id,
            address: remote.address,
            port: remote.port
        )
        return FlowContext(
            id: id,
            side: .client,
            listener: listener.id,
            transport: listener.transport,
            remoteAddress: remote.address,
            remotePort: remote.port,
            remoteText: ByteBuffer(string: remote.address.description),
            token: token.sealed(by: snapshot.tokens)
        )
    }

    func forget() {
        resolve = { _, done in done(.failed) }
        hear = { _ in }
        streams = [:]
        lanes = [:]
    }
}

extension ProxySnapshot {
    func isUsable(_ target: BackendTarget) -> Bool {
        guard let pool = target.pool, Int(pool.index) < pools.count else { return false }
        let view = pools[Int(pool.index)]
        return view.index(of: target.endpoint).map { view.backends[$0].isUsable } ?? false
    }
}
