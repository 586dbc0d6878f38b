// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Random traffic through a core: valid, damaged, repeated and out of order, over several flows, with random timing and
/// outcomes.
///
/// What comes next is drawn from `Choices`: numbers of a seed, or the input of a fuzzer.
struct Walk<Choices: RandomNumberGenerator> {
    /// A request that a client sent.
    private struct Made {
        let text: String
        let flow: Int
        let key: String
    }

    let bench: Bench
    private let algorithm: SelectionAlgorithm
    private(set) var ledger = AnswerLedger()
    /// Whether the ledger knows every request: none was damaged and still read as one, perhaps as another one.
    private(set) var isExact = true
    var choices: Choices
    private var clients: [FlowContext] = []
    private var made: [Made] = []
    private var requests: [Sent] = []
    private var tokens: [String] = []
    private var serial = 0

    private static var listeners: [ListenerID] {
        [Side.publicTLS, Side.publicTCP, Side.publicUDP, Side.publicUDP, Side.innerTCP]
    }
    private static var endpoints: [Endpoint] { [.backend(1, .tcp), .backend(2, .udp), .backend(3, .tls)] }

    init(seed: UInt64, choices: Choices) {
        self.choices = choices
        algorithm = SelectionAlgorithm.allCases[Int(seed % 3)]
        bench = Bench(Self.snapshot(Self.endpoints, algorithm), seed: seed)
        bench.zone["known.example.net"] = [.backend(2, .udp), .backend(1, .tcp)]
        clients = Self.listeners.indices.map { Self.connect(bench, $0) }
        tokens = clients.map { String(buffer: $0.token) }
    }

    private static func snapshot(_ endpoints: [Endpoint], _ algorithm: SelectionAlgorithm) -> ProxySnapshot {
        let id = PoolID(index: 0)
        let backends = endpoints.map { endpoint in
            BackendView(id: BackendID(pool: id, endpoint: endpoint), name: "\(endpoint)", priority: 1, weight: 1)
        }
        var policy = ForwardingPolicy()
        policy.retryCodes = [500, 401, 407]
        let settings = PoolSettings(name: "p", algorithm: algorithm)
        return .sample([PoolView(id: id, settings: settings, backends: backends)], policy: policy)
    }

    private static func connect(_ bench: Bench, _ place: Int) -> FlowContext {
        let isInner = listeners[place] == Side.innerTCP
        return bench.client(
            "C\(place)",
            listeners[place],
            address: isInner ? "192.0.2.1" : "203.0.113.7",
            port: UInt16(50000 + place)
        )
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &choices) < percent }

    private mutating func pick<Element>(_ some: [Element], or fallback: Element) -> Element {
        some.randomElement(using: &choices) ?? fallback
    }

    // MARK: Steps

    mutating func step() {
        switch Int.random(in: 0..<100, using: &choices) {
        case 0..<22: send(fresh())
        case 22..<27: damaged(fresh())
        case 27..<37: again()
        case 37..<45: follow(pick(["ACK", "CANCEL"], or: "ACK"))
        case 45..<70: answer()
        case 70..<85:
            bench.wait(
                pick([0.01, 0.1, 0.5, 1, 4, 12], or: 1),
                step: pick([.milliseconds(100), .seconds(1)], or: .seconds(1))
            )
        case 85..<90: changeBehaviour()
        case 90..<93: settleHeld()
        case 93..<96: close()
        case 96..<98: resolve()
        default:
            let endpoints = Array(Self.endpoints.prefix(pick([1, 2, 3, 3], or: 3)))
            bench.core.adopt(Self.snapshot(endpoints, algorithm), now: bench.now)
        }
        settle()
    }

    private mutating func settle() {
        for sent in bench.take() {
            ledger.note(sent)
            if sent.status == 0 { requests.append(sent) }
        }
        if requests.count > 40 { requests.removeFirst(requests.count - 40) }
        if made.count > 40 { made.removeFirst(made.count - 40) }
    }

    private mutating func send(_ request: Made) {
        made.append(request)
        bench.receive(request.text, on: clients[request.flow])
    }

    private mutating func fresh() -> Made {
        serial += 1
        let flow = Int.random(in: 0..<clients.count, using: &choices)
        let client = clients[flow]
        let via =
            switch client.transport {
            case .udp: "UDP 203.0.113.7:\(client.remotePort)\(chance(50) ? ";rport" : "")"
            case .tcp: "TCP 10.0.0.9:5060"
            case .tls: "TLS x.invalid;rport"
            }
        let names = ["INVITE", "INVITE", "INVITE", "OPTIONS", "REGISTER", "BYE", "MESSAGE", "SUBSCRIBE", "FOO"]
        let text = Wire.request(
            pick(names, or: "INVITE"),
            pick(
                [
                    "sip:bob@example.com", "sip:bob@example.com", "sips:bob@example.com", "tel:+1", "http://x",
                    "sip:bob@192.0.2.2:5060", "sip:bob@unknown.example.net", "sip:bob@known.example.net",
                    "sip:edge1.example.com;lr",
                ],
                or: "tel:+1"
            ),
            via: via,
            branch: chance(4) ? "" : "z9hG4bK\(serial)",
            callID: "call-\(serial)",
            number: serial,
            toTag: chance(30) ? "b" : nil,
            maxForwards: chance(3) ? 0 : 70,
            extra: extra(),
            body: chance(5) ? String(repeating: "x", count: 1200) : ""
        )
        return Made(text: text, flow: flow, key: AnswerLedger.key(Wire(text)))
    }

    private mutating func extra() -> [String] {
        let token = pick(tokens, or: "")
        let routes = [
            "<sip:\(token)@edge1.example.com;lr>", "<sip:\(token)@10.0.0.5;lr;ep=1>,<sip:10.0.0.5;lr;ep=1>",
            "<sip:edge1.example.com;lr>, <sip:known.example.net>", "<sip:unknown.example.net;lr>", "<<<",
            "<sip:\(token)@edge1.example.com;lr>\r\nRoute: <sip:192.0.2.1;transport=tcp>",
        ]
        return (chance(35) ? ["Route: \(pick(routes, or: ""))"] : [])
            + (chance(3) ? ["Proxy-Require: x"] : []) + (chance(10) ? ["Supported: path"] : [])
    }

    /// A copy of an earlier request; only while the edge must still know it, for later it is a new one.
    private mutating func again() {
        guard let request = made.randomElement(using: &choices) else { return }
        if let final = ledger.finalAt(request.key) {
            guard clients[request.flow].transport == .udp, bench.elapsed < final + 4000 else { return }
        }
        // Without a branch any field may make it another request.
        if chance(15), !Wire(request.text).branch.isEmpty {
            damaged(request)
        } else {
            bench.receive(request.text, on: clients[request.flow])
        }
    }

    private mutating func follow(_ method: String) {
        guard let request = made.randomElement(using: &choices) else { return }
        let text = request.text.components("INVITE").joined(separator: method)
        guard text != request.text else { return }
        let flow = chance(90) ? request.flow : Int.random(in: 0..<clients.count, using: &choices)
        bench.receive(text, on: clients[flow])
    }

    private mutating func damaged(_ request: Made) {
        receiveDamaged(damage(request.text), on: clients[request.flow])
    }

    private mutating func receiveDamaged(_ bytes: ByteBuffer, on flow: FlowContext) {
        settle()
        if bench.receive(bytes, on: flow) {
            isExact = false
        } else {
            ledger.noteRefusal(bench.take(), of: bytes, from: flow)
        }
    }

    /// Takes bytes that somebody else made as a message on one of the clients' flows.
    mutating func receive(_ bytes: ByteBuffer, place: Int) {
        receiveDamaged(bytes, on: clients[place % clients.count])
        settle()
    }

    private mutating func damage(_ text: String) -> ByteBuffer {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &choices) where bytes.count > 8 {
            let place = Int.random(in: 0..<bytes.count, using: &choices)
            let end = min(bytes.count, place + Int.random(in: 1...20, using: &choices))
            switch Int.random(in: 0..<4, using: &choices) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &choices)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
            default: bytes[place] ^= 0x20
            }
        }
        return ByteBuffer(bytes: bytes)
    }

    private mutating func answer() {
        guard let request = requests.randomElement(using: &choices), request.method != "ACK",
            let flow = bench.flow(of: request)
        else { return }
        let statuses = [100, 180, 183, 200, 200, 200, 202, 302, 401, 404, 407, 486, 487, 500, 503, 503, 603]
        let status = pick(statuses, or: 200)
        let extra = chance(30) ? ["Retry-After: 3", "Proxy-Authenticate: Digest realm=\"x\""] : []
        let text = request.wire.answer(status, tag: "t\(Int.random(in: 0..<3, using: &choices))", extra: extra)
        let place = chance(95) ? flow : pick(clients, or: flow)
        if chance(8) {
            receiveDamaged(damage(text), on: place)
        } else {
            bench.receive(text, on: place)
        }
    }

    private mutating func changeBehaviour() {
        let failure = pick(AttemptFailure.allCases, or: .refused)
        let behaviour = pick([Bench.Behaviour.takes, .takes, .holds, .fails(failure)], or: .takes)
        bench.behaviour[pick(Self.endpoints, or: .backend(1))] = behaviour
    }

    /// Reports something of an attempt, often one that has long ended.
    private mutating func settleHeld() {
        guard let request = requests.randomElement(using: &choices) else { return }
        if chance(50) { bench.report(request) } else { bench.fail(request, pick(AttemptFailure.allCases, or: .tls)) }
    }

    private mutating func close() {
        if chance(50) { return bench.close(bench.backendFlow(pick(Self.endpoints, or: .backend(1)))) }
        let place = Int.random(in: 0..<clients.count, using: &choices)
        guard clients[place].transport.isReliable else { return }
        bench.disconnect(clients[place])
        clients[place] = Self.connect(bench, place)
        tokens.append(String(buffer: clients[place].token))
    }

    private mutating func resolve() {
        guard let question = bench.questions.randomElement(using: &choices) else { return }
        bench.resolve(question.id, chance(50) ? .failed : .servers([pick(Self.endpoints, or: .backend(1))]))
    }

    // MARK: The end

    /// Feeds nothing more, answers what was asked, and lets all timers run out.
    mutating func finish() {
        while let question = bench.questions.first {
            bench.resolve(question.id, .failed)
            settle()
        }
        // Timer C, the wait for the CANCEL's effect, timer H, and every try before them.
        for _ in 0..<70 where !bench.isQuiet { bench.wait(10, step: .seconds(10)) }
        settle()
    }
}
