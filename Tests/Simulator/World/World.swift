// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// One edge with its clients, backends, network and names, in virtual time; everything in it follows from the seed.
final class World {
    let agenda = Agenda()
    let dice: Dice
    let settings: Settings
    let network: Network
    let isTraced: Bool
    private(set) var backends: [Backend] = []
    private(set) var clients: [Client] = []
    private(set) var isActive = true
    /// Seconds for which there is traffic and trouble.
    private var active = 0.0
    private(set) var failures: [String] = []
    private(set) var log: [String] = []
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    var count = Count()

    private(set) lazy var ledger = Ledger(self)
    private(set) lazy var vandal = Vandal(self)
    private(set) lazy var calls = CallBook(self)
    private(set) lazy var oracle = Oracle(self)
    private(set) lazy var dns = NameService(self)
    private(set) lazy var plane = Plane(self)
    private(set) lazy var edge = Edge(
        network,
        plane.snapshot(),
        connections: settings.connections,
        queue: settings.queue,
        seed: dice.generator.next()
    )

    init(seed: UInt64, isTraced: Bool) {
        dice = Dice(seed: seed)
        settings = Settings(dice)
        network = Network(agenda, dice, watermark: settings.watermark)
        self.isTraced = isTraced
        backends = (0..<settings.backends).map { Backend(self, $0) }
        clients = (0..<settings.clients).map { Client(self, $0) }
        edge.tick = settings.tick
        edge.resolve = { [unowned self] in dns.resolve($0, $1) }
        network.lost = { [unowned self] backend, bytes in
            noteLost(bytes)
            self.backends.first { $0.endpoints.contains { $0.address == backend?.address } }?.noteLoss()
        }
        plane.start()
    }

    var agents: [Agent] { clients + backends }

    func client(_ index: Int) -> Client? { clients.indices.contains(index) ? clients[index] : nil }

    func backend(_ index: Int) -> Backend? { backends.indices.contains(index) ? backends[index] : nil }

    // MARK: Running

    /// Lives for so long, then lets everything come to its end.
    func run(for time: TimeAmount) {
        for client in clients {
            client.connect()
            client.live()
        }
        if settings.hasVandal { vandal.live() }
        bringTrouble()
        callClients()
        let end = agenda.now + time
        active = Double(time.nanoseconds) / 1e9
        agenda.run(until: end) { self.failures.isEmpty }
        guard failures.isEmpty else { return tidy() }
        isActive = false
        plane.isActive = false
        for client in clients { client.isActive = false }
        heal()
        trace("all is quiet from now on")
        edge.tick = .milliseconds(200)
        agenda.run(until: end + .seconds(700)) { self.failures.isEmpty }
        if failures.isEmpty { checkQuiescence() }
        tidy()
    }

    private func tidy() {
        // The quiet at the end is not counted.
        count.seconds = min(agenda.elapsed, active)
        count.compared = ledger.compared
        count.lost = network.lossCount
        count.duplicated = network.duplicateCount
        // Circles of references would keep every world.
        agenda.clear()
        network.forget()
        edge.forget()
        for agent in agents { agent.forget() }
        vandal.forget()
    }

    private func callClients() {
        agenda.after(dice.wait(mean: settings.pause * 4)) { [self] in
            guard isActive else { return }
            dice.pick(backends)?.callSomebody()
            callClients()
        }
    }

    // MARK: Noting

    func fail(_ text: String) {
        trace("FAILED: \(text)")
        failures.append("after \(agenda.elapsed) s: \(text)")
    }

    func trace(_ text: @autoclosure () -> String) {
        guard isTraced else { return }
        log.append("\(agenda.elapsed) \(text())")
    }

    /// A message arrived at an agent.
    func note(_ message: SIPMessage, at agent: Agent) {
        count.messages += 1
        mix(UInt64(bitPattern: (agenda.now - Agenda.beginning).nanoseconds))
        mix(UInt64(message.bytes.readableBytes) << 16 | UInt64(message.status))
        if isTraced { trace("\(agent.name) hears\n\(String(buffer: message.bytes))") }
    }

    private func mix(_ value: UInt64) { digest = (digest ^ value) &* 0x0000_0100_0000_01B3 }

    private func noteLost(_ bytes: ByteBuffer) {
        guard case .message(let message) = MessageParser.parse(bytes, framing: .datagram, limits: .none) else { return }
        calls.noteLost(message.bytes.text(message.callID))
        trace("lost: \(message.methodText) \(message.status) \(message.bytes.text(message.callID))")
    }

    func ended(_ exchange: Exchange, _ response: SIPMessage?, at agent: Agent) {
        oracle.ended(exchange, response, at: agent)
    }

    /// What was wrong with the backends of a pool when a request to it failed.
    func blame(_ pool: Int, isSecure: Bool) {
        let standing = backends.filter { backend in
            plane.standing(backend, in: pool).last.since != nil && (!isSecure || backend.transport == .tls)
        }
        var words = Set(standing.compactMap(\.trouble))
        if standing.isEmpty { words = ["no backend in the pool"] }
        if words.isEmpty {
            words = ["nothing now"]
            trace("nothing is wrong with \(standing.map(\.name)) now")
        }
        for word in words { count.blamed[word, default: 0] += 1 }
    }

    /// Whether what became of it reached its client: lost datagrams excuse that it heard nothing.
    func isWithinReach(_ exchange: Exchange) -> Bool {
        exchange.line.transport.isReliable || exchange.hasAnswer || !calls.disturbed.contains(exchange.draft.callID)
    }
}
