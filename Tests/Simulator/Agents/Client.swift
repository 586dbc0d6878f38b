// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// A user's device behind a NAT: it calls, registers, asks, and goes away without a word.
final class Client: Agent {
    let index: Int
    let transport: SIPTransport
    private(set) var line: Line?
    /// Since when its line is the one that it has.
    private(set) var lineSince = Agenda.beginning
    private var port: UInt16 = 20_000
    var isActive = true

    init(_ world: World, _ index: Int) {
        self.index = index
        transport = world.dice.pick(.udp, .udp, .tcp, .tls, .tls)
        super.init(world, name: "c\(index)")
    }

    private var privateHost: String { "10.1.\(index).7:5062" }
    private var address: IPAddress { Addresses.client(index) }
    private var identity: String { "<sip:u\(index)@example.com>" }

    override func contact(isSecure: Bool, on line: Line) -> String {
        let parameter = isSecure || transport == .udp ? "" : ";transport=\(transport == .tls ? "tls" : "tcp")"
        return "\(isSecure ? "sips" : "sip"):u\(index)@\(privateHost)\(parameter)"
    }

    override func sides(of callID: String, remoteTag: String) -> (backend: Int, client: Int) {
        (Backend.index(of: remoteTag) ?? -1, index)
    }

    // MARK: Line

    /// Opens a line, and goes on with what is unanswered.
    func connect() {
        lineSince = agenda.now
        port += 1
        let local = DatagramAddress(address: address, port: port)
        let target = Listeners.endpoint(.access, transport)
        guard transport.isReliable else {
            let remote = DatagramAddress(address: target.address, port: target.port)
            let line = DatagramLine(world.network, from: local, to: remote, sentBy: privateHost)
            return use(line)
        }
        world.network.connect(from: local, to: target) { [self] end in
            guard let end else { return }
            let line = StreamLine(end, transport, sentBy: privateHost)
            line.broken = { [unowned self] in world.fail("\(name) was sent what is no SIP: \($0)") }
            line.closed = { [weak self, weak line] in self?.lost(line) }
            use(line)
        }
    }

    private func use(_ line: Line) {
        self.line?.forget()
        self.line = line
        line.receive = { [unowned self] in receive($0, on: $1) }
        resume(on: line)
    }

    private func lost(_ line: StreamLine?) {
        guard line === self.line else { return }
        world.trace("\(name) lost its connection")
        self.line = nil
        lineSince = agenda.now
        // Some come back and go on, others begin anew.
        if dice.chance(40) { interruptAll() } else { abandonAll() }
        agenda.after(dice.time(0.05, 3)) { self.connect() }
    }

    private func interruptAll() {
        for exchange in exchanges.values where !exchange.isDone {
            exchange.isInterrupted = true
            world.calls.noteLost(exchange.draft.callID)
        }
    }

    /// Its connection goes, by its own will or the network's; a NAT gives a datagram's socket another port.
    func disrupt() {
        guard let line else { return }
        world.count.disconnects += 1
        world.trace("\(name) is cut off")
        if transport == .udp {
            line.close()
            interruptAll()
            return connect()
        }
        // From now on what is sent to it is lost, though it hears of that later.
        lineSince = agenda.now
        if dice.chance(50) { return line.reset() }
        line.close()
        lost(line as? StreamLine)
    }

    func stall(until time: NIODeadline) { (line as? StreamLine)?.stall(until: time) }

    // MARK: Doing

    /// Does something, and later something else.
    func live() {
        agenda.after(dice.wait(mean: world.settings.pause)) { [self] in
            guard isActive else { return }
            if let line, line.isOpen { act(on: line) }
            live()
        }
    }

    private func act(on line: Line) {
        switch dice.number(0...99) {
        case 0..<55: call(on: line)
        case 55..<70: register(on: line)
        case 70..<85: ask("OPTIONS", on: line)
        default: ask("MESSAGE", on: line)
        }
    }

    private func draft(_ method: String, isSecure: Bool) -> Draft {
        let scheme = isSecure ? "sips" : "sip"
        return Draft(
            method: method,
            uri: "\(scheme):service@example.com",
            from: identity,
            fromTag: fresh("f"),
            to: "<\(scheme):service@example.com>",
            callID: fresh("call"),
            number: dice.number(1...9000)
        )
    }

    private var asksSecurely: Bool { transport == .tls && world.settings.hasSecure && dice.chance(15) }

    private func ask(_ method: String, on line: Line) {
        let isSecure = asksSecurely
        var draft = draft(method, isSecure: isSecure)
        if method == "MESSAGE" { draft.body = Draft.body(dice) }
        let pool = method == "MESSAGE" && world.settings.pools > 1 ? 1 : 0
        ask(draft, .initial(pool: pool, isSecure: isSecure), on: line) { _, _ in }
    }

    private func register(on line: Line) {
        var draft = draft("REGISTER", isSecure: false)
        draft.uri = "sip:example.com"
        draft.to = identity
        draft.contact = "<\(contact(isSecure: false, on: line))>;+sip.instance=\"<urn:uuid:\(index)>\";reg-id=1"
        draft.extra = ["Supported: path, outbound", "X-Client: \(index)", "X-Line: \(lineSince.uptimeNanoseconds)"]
        world.count.registers += 1
        ask(draft, .initial(pool: 0, isSecure: false), on: line) { _, _ in }
    }

    private func call(on line: Line) {
        let isSecure = asksSecurely
        var draft = draft("INVITE", isSecure: isSecure)
        draft.contact = "<\(contact(isSecure: isSecure, on: line))>"
        draft.body = Draft.body(dice)
        world.count.calls += 1
        let exchange = ask(draft, .initial(pool: 0, isSecure: isSecure), on: line) { [self] exchange, response in
            if let response, response.status < 300 { talk(exchange) }
        }
        if dice.chance(15) { agenda.after(dice.time(0.01, 6)) { self.cancel(exchange) } }
    }

    /// Talks for a while, and hangs up unless the other side does.
    private func talk(_ exchange: Exchange) {
        world.count.answered += 1
        guard let tag = exchange.successes.first else { return }
        let key = "\(exchange.draft.callID) \(exchange.draft.fromTag) \(tag)"
        let length = dice.wait(mean: 12)
        if dice.chance(25) {
            agenda.after(.nanoseconds(length.nanoseconds / 2)) { [self] in
                if let dialog = dialogs[key], let line, line.isOpen { reinvite(dialog, on: line) }
            }
        }
        agenda.after(length) { [self] in
            if let dialog = dialogs[key], let line, line.isOpen { hangUp(dialog, on: line) }
        }
    }

    // MARK: Answering

    override func serve(_ service: Service) {
        guard service.request.requestURI.map({ service.request.bytes.text($0.user) }) == "u\(index)" else {
            return world.fail("\(name) was sent a request for another: \(String(buffer: service.request.bytes))")
        }
        guard service.request.methodText == "INVITE" else { return reply(service, 200) }
        agenda.after(dice.time(0, 0.2)) { [self] in
            reply(service, 180)
            agenda.after(dice.time(0.1, 4)) { self.reply(service, self.dice.chance(80) ? 200 : 486) }
        }
    }

    override func otherWay(_ service: Service, _ bytes: ByteBuffer) { if let line, line.isOpen { line.send(bytes) } }

    override func began(_ dialog: Dialog) {
        agenda.after(dice.time(1, 30)) { [self] in
            if !dialog.isOver, let line, line.isOpen { hangUp(dialog, on: line) }
        }
    }

    override func forget() {
        super.forget()
        line?.forget()
        line = nil
    }
}
