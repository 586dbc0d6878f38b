// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// A SIP server behind the edge, which may behave badly.
final class Backend: Agent {
    enum Mode: Equatable {
        case healthy
        /// It accepts connections and says nothing.
        case hangs
        /// It refuses connections, and has lost all it knew.
        case down
        /// Its host does not answer at all.
        case dark
        /// It answers after so many seconds.
        case slow(Double)
        /// It answers 503, with that Retry-After.
        case busy(Int?)
    }

    struct Registration {
        let client: Int
        let contact: String
        let paths: [String]
        /// Since when the client had the line that it registered by.
        let lineSince: NIODeadline
    }

    let index: Int
    let transport: SIPTransport
    /// One, or two of one SRV target.
    let endpoints: [Endpoint]
    private(set) var mode = Mode.healthy
    /// When something last went wrong with it or its connections.
    private(set) var troubledAt = Agenda.beginning - .hours(1)
    private var lossAt = Agenda.beginning - .hours(1)
    /// Whether its Contact names its host and not its address.
    private let isNamed: Bool
    private let alsoTakesTCP: Bool
    private var lines: [StreamLine] = []
    private var ownLine: Line?
    private var registrations: [Registration] = []

    init(_ world: World, _ index: Int) {
        let dice = world.dice
        self.index = index
        let transport: SIPTransport = world.settings.hasSecure && index == 0 ? .tls : dice.pick(.udp, .tcp, .tcp, .tls)
        self.transport = transport
        let count = transport == .udp || dice.chance(70) ? 1 : 2
        endpoints = (0..<count).map {
            Endpoint(transport: transport, address: Addresses.backend(index, $0), port: transport.defaultPort)
        }
        isNamed = dice.chance(30)
        alsoTakesTCP = dice.chance(50)
        super.init(world, name: "b\(index)")
        listen()
    }

    /// The backend that a tag or branch is of.
    static func index(of tag: String) -> Int? {
        guard tag.hasPrefix("b") else { return nil }
        return Int(tag.dropFirst().prefix { $0.isNumber })
    }

    var host: String { "b\(index).example.net" }

    /// Whether nothing has been wrong with it since then.
    func isHealthy(since time: NIODeadline) -> Bool { mode == .healthy && troubledAt < time }

    override var isDeaf: Bool { mode == .hangs || mode == .down || mode == .dark }

    override func contact(isSecure: Bool, on line: Line) -> String {
        let place = isNamed ? host : endpoints[0].address.hostText
        let named = transport == .udp ? dice.pick("", ";transport=udp") : ";transport=\(transport.name)"
        let parameter = isSecure ? "" : named
        return "\(isSecure ? "sips" : "sip"):b\(index)@\(place):\(transport.defaultPort)\(parameter)"
    }

    override func sides(of callID: String, remoteTag: String) -> (backend: Int, client: Int) {
        let text = remoteTag.hasPrefix("c") ? remoteTag : callID
        return (index, Int(text.dropFirst().prefix { $0.isNumber }) ?? -1)
    }

    // MARK: Trouble

    func become(_ mode: Mode) {
        guard mode != self.mode else { return }
        world.trace("\(name) becomes \(mode)")
        self.mode = mode
        troubledAt = now
        for endpoint in allEndpoints { world.network.silent.remove(endpoint) }
        switch mode {
        case .down:
            crash()
            unlisten()
        case .dark:
            for endpoint in allEndpoints { world.network.silent.insert(endpoint) }
        case .healthy, .hangs, .slow, .busy: listen()
        }
    }

    /// Its connections break.
    func resetConnections() {
        troubledAt = now
        world.trace("connections of \(name) are reset")
        for line in lines { line.reset() }
        ownLine?.reset()
    }

    func stall(until time: NIODeadline) {
        troubledAt = time
        for line in lines { line.stall(until: time) }
        for lane in world.edge.inOrder where endpoints.contains(lane.target.endpoint) {
            for stream in lane.streams { stream.stall(until: time) }
        }
    }

    /// A datagram to or from it was lost.
    func noteLoss() { lossAt = now }

    /// What is, or a short while ago was, wrong with it.
    var trouble: String? {
        if mode != .healthy { return String("\(mode)".prefix { $0 != "(" }) }
        if now - troubledAt < .seconds(10) { return "broken connections or just back" }
        return now - lossAt < .seconds(10) ? "loss" : nil
    }

    private func crash() {
        for exchange in exchanges.values { exchange.isDone = true }
        for dialog in dialogs.values {
            dialog.isOver = true
            world.calls.over.insert(dialog.callID)
        }
        exchanges = [:]
        services = [:]
        dialogs = [:]
        registrations = []
        for line in lines { line.reset() }
        lines = []
        ownLine?.close()
        ownLine = nil
    }

    // MARK: Lines

    private var allEndpoints: [Endpoint] {
        let moved = endpoints.map { Endpoint(transport: .tcp, address: $0.address, port: $0.port) }
        return endpoints + (transport == .udp ? moved : [])
    }

    private func listen() {
        for endpoint in endpoints {
            let place = DatagramAddress(address: endpoint.address, port: endpoint.port)
            if transport == .udp {
                if world.network.sockets[place] == nil { openDatagram(place) }
                guard alsoTakesTCP else { continue }
            }
            let accepted = Endpoint(
                transport: transport == .udp ? .tcp : transport,
                address: endpoint.address,
                port: endpoint.port
            )
            world.network.listeners[accepted] = { [unowned self] end, _ in
                let line = StreamLine(end, accepted.transport, sentBy: "")
                lines.removeAll { !$0.isOpen }
                lines.append(line)
                wire(line)
            }
        }
    }

    private func wire(_ line: Line) {
        line.receive = { [unowned self] in receive($0, on: $1) }
        (line as? StreamLine)?.broken = { [unowned self] in world.fail("\(name) was sent what is no SIP: \($0)") }
    }

    private func openDatagram(_ place: DatagramAddress) {
        let sentBy = "\(place.address.hostText):\(place.port)"
        let line = DatagramLine(world.network, from: place, to: Listeners.innerAddress, sentBy: sentBy)
        wire(line)
        ownLine = line
    }

    private func unlisten() {
        for endpoint in allEndpoints {
            world.network.listeners[endpoint] = nil
            world.network.sockets[DatagramAddress(address: endpoint.address, port: endpoint.port)] = nil
        }
    }

    /// A line of its own to the edge, for requests of its own and for responses whose connection is gone.
    private func withOwnLine(_ body: @escaping (Line) -> Void) {
        if let ownLine, ownLine.isOpen { return body(ownLine) }
        let source = DatagramAddress(address: endpoints[0].address, port: UInt16(dice.number(32768...60999)))
        let sentBy = "\(endpoints[0].address.hostText):\(endpoints[0].port)"
        world.network.connect(from: source, to: Listeners.endpoint(.inner, transport)) { [self] end in
            guard let end, !isDeaf else { return }
            let line = StreamLine(end, transport, sentBy: sentBy)
            wire(line)
            ownLine = line
            body(line)
        }
    }

    override func otherWay(_ service: Service, _ bytes: ByteBuffer) {
        // A socket that was opened anew after a crash is the same to everybody else.
        world.count.returns += 1
        withOwnLine { line in line.send(bytes) }
    }

    // MARK: Serving

    override func receive(_ bytes: ByteBuffer, on line: Line) {
        // Responses stay in their order.
        let isResponse = bytes.getString(at: bytes.readerIndex, length: 4) == "SIP/"
        if case .slow(let seconds) = mode, !isResponse, dice.chance(80) {
            agenda.after(dice.time(seconds / 2, seconds)) { self.takeLate(bytes, line) }
        } else {
            super.receive(bytes, on: line)
        }
    }

    private func takeLate(_ bytes: ByteBuffer, _ line: Line) { super.receive(bytes, on: line) }

    override func isServing(_ service: Service) -> Bool {
        let branch = service.request.topmostVia.branch.map(service.request.bytes.text) ?? ""
        return services["\(branch) \(service.request.methodText)"] === service
    }

    override func serve(_ service: Service) {
        let branch = service.request.topmostVia.branch.map(service.request.bytes.text) ?? ""
        if service.request.methodText == "INVITE" {
            world.calls.seen[branch] = name
            agenda.after(.seconds(600)) { self.world.calls.seen[branch] = nil }
        }
        if case .busy(let seconds) = mode {
            return reply(service, 503, extra: seconds.map { ["Retry-After: \($0)"] } ?? [])
        }
        switch service.request.methodText {
        case "INVITE": ring(service)
        case "REGISTER": register(service)
        default: agenda.after(dice.time(0, 0.2)) { [self] in if isServing(service) { reply(service, 200) } }
        }
    }

    private func ring(_ service: Service) {
        let saysTrying = dice.chance(60)
        let rings = dice.chance(70)
        if saysTrying { reply(service, 100) }
        if rings {
            later(service, dice.time(0.01, 0.4)) { [self] in
                reply(service, dice.pick(180, 180, 183))
                finish(service, after: dice.chance(3) ? .seconds(400) : dice.wait(mean: 6))
            }
        } else {
            finish(service, after: dice.time(0, saysTrying ? 10 : 0.3))
        }
    }

    private func finish(_ service: Service, after time: TimeAmount) {
        later(service, time) { [self] in
            let others = [486, 486, 404, 480, 603, 302]
            reply(service, dice.chance(80) ? 200 : dice.pick(others) ?? 486)
        }
    }

    private func later(_ service: Service, _ time: TimeAmount, _ body: @escaping () -> Void) {
        agenda.after(time) { [self] in if isServing(service), service.status < 200 { body() } }
    }

    private func register(_ service: Service) {
        let request = service.request
        let client = request.text(ofField: "x-client").flatMap { Int($0) } ?? -1
        let paths = (request.routeValues(.path) ?? []).map { request.bytes.text($0.range) }
        let lineSince = request.text(ofField: "x-line").flatMap { UInt64($0) } ?? 0
        let entry = Registration(
            client: client,
            contact: request.contactURI,
            paths: paths,
            lineSince: .uptimeNanoseconds(lineSince)
        )
        registrations.removeAll { $0.client == client }
        registrations.append(entry)
        let lines = request.headers.filter { $0.name == .path }.map { field in
            var line = request.bytes.text(field.line)
            line.removeLast()
            return line
        }
        agenda.after(dice.time(0, 0.1)) { self.reply(service, 200, extra: lines) }
    }

    override func began(_ dialog: Dialog) {
        if dice.chance(15) {
            agenda.after(dice.time(2, 15)) { [self] in inDialog(dialog) { self.reinvite(dialog, on: $0) } }
        }
        if dice.chance(25) {
            agenda.after(dice.time(1, 25)) { [self] in inDialog(dialog) { self.hangUp(dialog, on: $0) } }
        }
    }

    private func inDialog(_ dialog: Dialog, _ body: @escaping (Line) -> Void) {
        guard !isDeaf, dialogs[dialog.key] === dialog else { return }
        withOwnLine(body)
    }

    // MARK: Calling

    /// Calls a client that has registered here.
    func callSomebody() {
        guard mode == .healthy, let entry = dice.pick(registrations), entry.client >= 0, !entry.paths.isEmpty else {
            return
        }
        let tag = fresh("f")
        let callID = "\(fresh("call"))-c\(entry.client)"
        world.count.callsToClients += 1
        withOwnLine { [self] line in
            let draft = Draft(
                method: "INVITE",
                uri: entry.contact,
                routes: entry.paths,
                from: "<sip:b\(index)@example.com>",
                fromTag: tag,
                to: "<sip:u\(entry.client)@example.com>",
                callID: callID,
                number: 1,
                contact: "<\(contact(isSecure: false, on: line))>"
            )
            ask(draft, .toClient(entry.client, lineSince: entry.lineSince), on: line) { [self] exchange, response in
                guard let response, response.status < 300, let to = exchange.successes.first else { return }
                agenda.after(dice.time(1, 20)) { [self] in
                    guard let dialog = dialogs["\(callID) \(tag) \(to)"] else { return }
                    inDialog(dialog) { self.hangUp(dialog, on: $0) }
                }
            }
        }
    }

    override func forget() {
        super.forget()
        for line in lines { line.forget() }
        ownLine?.forget()
        lines = []
        ownLine = nil
    }
}
