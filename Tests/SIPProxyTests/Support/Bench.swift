// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// A proxy core in virtual time: it takes messages as text, and keeps what leaves.
final class Bench {
    /// What becomes of an attempt at a backend.
    enum Behaviour {
        /// The attempt is written to a flow at once.
        case takes
        /// It fails at once.
        case fails(AttemptFailure)
        /// Nothing is reported.
        case holds
    }

    static let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    let core: ProxyCore
    /// When it began.
    private let beginning: NIODeadline
    private(set) var now: NIODeadline
    /// Everything that left.
    private(set) var sent: [Sent] = []
    private(set) var events: [ProxyEvent] = []
    /// Names asked for that no answer was given for.
    private(set) var questions: [(id: ResolutionID, name: NextHopName)] = []
    private(set) var handedOver: [WorkerIndex] = []
    /// For how long flows were promised to be kept without a sign of life.
    private(set) var idleLimits: [FlowID: TimeAmount] = [:]
    var behaviour: [Endpoint: Behaviour] = [:]
    /// What names resolve to; a name that is not here is kept in `questions`.
    var zone: [String: [Endpoint]] = [:]
    private var flows: [FlowID: (name: String, context: FlowContext)] = [:]
    private var backendFlows: [BackendTarget: FlowContext] = [:]
    private var serial: UInt64 = 0x018F_0000_0000
    private var scan: Scan

    init(
        _ snapshot: ProxySnapshot,
        seed: UInt64 = 1,
        worker: WorkerIndex = 1,
        beginning: NIODeadline = Bench.beginning
    ) {
        self.beginning = beginning
        now = beginning
        scan = Scan(snapshot)
        core = ProxyCore(worker: worker, snapshot: snapshot, seed: seed, now: beginning)
    }

    /// A bench with one pool of `count` backends.
    convenience init(
        _ count: UInt32 = 1,
        _ transport: SIPTransport = .tcp,
        policy: ForwardingPolicy = ForwardingPolicy(),
        settings: ProxySettings = ProxySettings()
    ) {
        self.init(.sample([.sample(count, transport)], policy: policy, settings: settings))
    }

    var elapsed: Int { Int((now - beginning).nanoseconds / 1_000_000) }

    // MARK: Flows

    /// A client's flow, from 203.0.113.7 unless said otherwise.
    func client(
        _ name: String = "C",
        _ listener: ListenerID = Side.publicTLS,
        address: String = "203.0.113.7",
        port: UInt16 = 51000
    ) -> FlowContext {
        let identity = Side.all[Int(listener.index)]
        // All datagrams of a listener come on one flow.
        serial += 1
        let number = identity.transport == .udp ? UInt64(listener.index) : serial
        let id = FlowID(worker: 1, serial: number)
        let remote = IPAddress(parsing: address) ?? .v4(0)
        let token = FlowToken(
            flow: id,
            transport: identity.transport,
            listener: listener,
            address: remote,
            port: port
        )
        let context = FlowContext(
            id: id,
            side: .client,
            listener: listener,
            transport: identity.transport,
            remoteAddress: remote,
            remotePort: port,
            remoteText: ByteBuffer(string: remote.description),
            token: token.sealed(by: .sample)
        )
        flows[id] = (name, context)
        return context
    }

    /// The flow to a backend, made when it is first asked for.
    func backendFlow(_ endpoint: Endpoint, pool: PoolID? = PoolID(index: 0)) -> FlowContext {
        let target = BackendTarget(endpoint: endpoint, pool: pool)
        if let flow = backendFlows[target] { return flow }
        serial += 1
        let context = FlowContext(
            id: FlowID(worker: 1, serial: serial),
            side: .backend(target),
            listener: core.facingListener(target),
            transport: endpoint.transport,
            remoteAddress: endpoint.address,
            remotePort: endpoint.port,
            remoteText: ByteBuffer(string: endpoint.address.description),
            token: ByteBuffer()
        )
        backendFlows[target] = context
        flows[context.id] = (Self.name(endpoint), context)
        return context
    }

    static func name(_ endpoint: Endpoint) -> String {
        if case .v4(let number) = endpoint.address, number >> 8 == 0xC0_0002 { return "B\(number & 0xFF)" }
        return endpoint.description
    }

    func forget(_ flow: FlowID) { flows[flow] = nil }

    func context(of flow: FlowID) -> FlowContext? { flows[flow]?.context }

    // MARK: Events

    /// Feeds one message.
    func receive(_ text: String, on flow: FlowContext, admission: Admission = .admitted) {
        receive(ByteBuffer(string: text), on: flow, admission: admission)
    }

    /// Feeds the bytes of one message, and tells whether they were one.
    @discardableResult
    func receive(_ bytes: ByteBuffer, on flow: FlowContext, admission: Admission = .admitted) -> Bool {
        defer { carryOut() }
        scan.noteReceived(bytes)
        let framing: MessageParser.Framing = flow.transport.isReliable ? .stream : .datagram
        switch MessageParser.parse(bytes, framing: framing, limits: MessageLimits()) {
        case .message(let message):
            scan.noteReceived(message)
            core.receive(message, on: flow, admission: admission, now: now)
            return true
        case .malformed(let message):
            core.receiveMalformed(message, on: flow, now: now)
            return false
        }
    }

    /// Feeds the bytes of a connection, message by message, and tells whether more of one is awaited; a broken frame is
    /// refused as the driver does.
    func receiveStream(_ bytes: ByteBuffer, on flow: FlowContext) -> Bool {
        var framer = StreamFramer(limits: MessageLimits())
        framer.append(bytes)
        while true {
            switch framer.next() {
            case .message(let message): receive(message, on: flow)
            case .keepAlive: continue
            case .needMore: return framer.isInsideMessage
            case .failed(let error, let head):
                if let refusal = head.flatMap({ MessageParser.reject($0, for: error, limits: MessageLimits()) }) {
                    core.receiveMalformed(refusal, on: flow, now: now)
                    carryOut()
                }
                return false
            }
        }
    }

    /// The flow that answers to a request come on.
    func flow(of request: Sent) -> FlowContext? {
        if let flow = request.flow, let known = flows[flow] { return known.context }
        return request.endpoint.flatMap { endpoint in
            backendFlows.first { $0.key.endpoint == endpoint }?.value ?? backendFlow(endpoint)
        }
    }

    /// Reports an attempt that was held.
    func report(_ request: Sent) {
        guard let attempt = request.attempt, let endpoint = request.endpoint else { return }
        core.attemptSent(attempt, on: backendFlow(endpoint).id, now: now)
    }

    func fail(_ request: Sent, _ failure: AttemptFailure) {
        guard let attempt = request.attempt else { return }
        core.attemptFailed(attempt, failure, now: now)
        carryOut()
    }

    func close(_ flow: FlowContext) {
        for (target, known) in backendFlows where known.id == flow.id { backendFlows[target] = nil }
        core.flowClosed(flow.id, now: now)
        carryOut()
    }

    func resolve(_ id: ResolutionID, _ outcome: ResolutionOutcome) {
        questions.removeAll { $0.id == id }
        core.resolved(id, outcome, now: now)
        carryOut()
    }

    /// Lets time pass, in steps of the timer wheel's slots unless said otherwise.
    func wait(_ seconds: Double, step: TimeAmount = .milliseconds(10)) {
        let end = now + .nanoseconds(Int64(seconds * 1e9))
        while now < end {
            now = min(end, now + step)
            core.advance(to: now)
            carryOut()
        }
    }

    /// Lets time pass until so many seconds after the beginning.
    func wait(until seconds: Double) { wait(seconds - Double(elapsed) / 1000) }

    /// What has left since the last call.
    func take() -> [Sent] {
        defer { sent = [] }
        return sent
    }

    /// What has happened since the last call.
    func takeEvents() -> [ProxyEvent] {
        defer { events = [] }
        return events
    }

    // MARK: Actions

    private func carryOut() {
        var actions = core.takeActions()
        while !actions.isEmpty {
            for action in actions { perform(action) }
            core.recycle(&actions)
            actions = core.takeActions()
        }
    }

    private func perform(_ action: ProxyAction) {
        switch action {
        case .respond(let flow, let datagram, let bytes):
            record(flows[flow]?.name ?? "?", datagram, nil, flow, nil, bytes)
        case .respondWatched(let flow, let datagram, let attempt, let bytes):
            record(flows[flow]?.name ?? "?", datagram, nil, flow, attempt, bytes)
            let endpoint = Endpoint(transport: .udp, address: datagram.address, port: datagram.port)
            report(attempt, behaviour[endpoint] ?? .takes, on: flow)
        case .sendToBackend(let target, let attempt, let bytes):
            record(Self.name(target.endpoint), nil, target.endpoint, nil, attempt, bytes)
            if let attempt {
                let flow = backendFlow(target.endpoint, pool: target.pool).id
                report(attempt, behaviour[target.endpoint] ?? .takes, on: flow)
            }
        case .sendOnFlow(let flow, let datagram, let attempt, let bytes):
            var endpoint: Endpoint?
            if case .backend(let target)? = flows[flow]?.context.side { endpoint = target.endpoint }
            record(flows[flow]?.name ?? "gone", datagram, endpoint, flow, attempt, bytes)
            guard let attempt else { return }
            if flows[flow] != nil {
                core.attemptSent(attempt, on: flow, now: now)
            } else {
                core.attemptFailed(attempt, .flowGone, now: now)
            }
        case .resolve(let id, let name):
            if let found = zone[name.host] {
                core.resolved(id, .servers(found), now: now)
            } else {
                questions.append((id, name))
            }
        case .handOver(let worker, _, _): handedOver.append(worker)
        case .limitIdle(let flow, let time): idleLimits[flow] = time
        case .closeFlow: break
        case .event(let event): events.append(event)
        }
    }

    private func report(_ attempt: AttemptID, _ behaviour: Behaviour, on flow: FlowID) {
        switch behaviour {
        case .takes: core.attemptSent(attempt, on: flow, now: now)
        case .fails(let failure): core.attemptFailed(attempt, failure, now: now)
        case .holds: return
        }
    }

    private func record(
        _ name: String,
        _ datagram: DatagramAddress?,
        _ endpoint: Endpoint?,
        _ flow: FlowID?,
        _ attempt: AttemptID?,
        _ bytes: ByteBuffer
    ) {
        let place = datagram.map { "\($0.address.hostText):\($0.port)" } ?? name
        let transport = endpoint?.transport ?? flow.flatMap { flows[$0]?.context.transport }
        if let problem = scan.problem(bytes, isDatagram: transport == .udp) { BenchProblem.report(problem) }
        sent.append(
            Sent(
                at: elapsed,
                to: place,
                endpoint: endpoint,
                flow: flow,
                attempt: attempt,
                isDatagram: transport == .udp,
                bytes: bytes,
                wire: Wire(String(buffer: bytes))
            )
        )
    }
}
