// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// A user agent: what clients and backends have in common.
class Agent {
    static let t1 = TimeAmount.milliseconds(500)
    static let t2 = TimeAmount.seconds(4)

    unowned let world: World
    /// `c3` or `b1`; every branch, tag and Call-ID of an agent begins with it.
    let name: String
    var exchanges: [String: Exchange] = [:]
    var services: [String: Service] = [:]
    var dialogs: [String: Dialog] = [:]
    /// Branches of requests that were no client's.
    private var nonsense: Set<String> = []
    private var serial = 0

    init(_ world: World, name: String) {
        self.world = world
        self.name = name
    }

    var agenda: Agenda { world.agenda }
    var dice: Dice { world.dice }
    var now: NIODeadline { world.agenda.now }

    func fresh(_ kind: String = "") -> String {
        serial += 1
        return "\(name)-\(kind)\(serial)"
    }

    func isOwn(_ text: String) -> Bool { text.hasPrefix("\(name)-") }

    /// What stands in Contact towards the edge.
    func contact(isSecure: Bool, on line: Line) -> String { "" }
    /// Whether what comes is not looked at.
    var isDeaf: Bool { false }
    /// A new request outside any dialog.
    func serve(_ service: Service) {}
    /// A request in a dialog, which is answered with 200.
    func noteInDialog(_ dialog: Dialog, _ service: Service) {}
    /// A 2xx of this agent to an initial INVITE begins a dialog.
    func began(_ dialog: Dialog) {}
    /// Where a response leaves when the way that its request came is gone.
    func otherWay(_ service: Service, _ bytes: ByteBuffer) {}
    /// The backend and the client of a dialog with this agent.
    func sides(of callID: String, remoteTag: String) -> (backend: Int, client: Int) { (-1, -1) }

    // MARK: Receiving

    func receive(_ bytes: ByteBuffer, on line: Line) {
        guard !isDeaf else { return world.trace("\(name) hears nothing") }
        let framing: MessageParser.Framing = line.transport.isReliable ? .stream : .datagram
        guard case .message(let message) = MessageParser.parse(bytes, framing: framing, limits: .none) else {
            return world.fail("\(name) was sent what is no message: \(String(buffer: bytes))")
        }
        world.note(message, at: self)
        if message.isRequest { receiveRequest(message, on: line) } else { receiveResponse(message, on: line) }
    }

    private func receiveRequest(_ request: SIPMessage, on line: Line) {
        let branch = request.topmostVia.branch.map(request.bytes.text) ?? ""
        let method = request.methodText
        guard !Vandal.sent(request) else { return refuse(request, branch, on: line) }
        guard method != "ACK" else { return receiveACK(request, branch) }
        guard method != "CANCEL" else { return receiveCANCEL(request, branch, on: line) }
        let key = "\(branch) \(method)"
        if let service = services[key] {
            service.line = line
            if let last = service.last { send(last, service) }
            return
        }
        let callID = request.bytes.text(request.callID)
        let toTag = request.to.tag.map(request.bytes.text)
        world.ledger.check(request: request, at: self)
        let service = Service(request, callID: callID, tag: toTag ?? fresh("t"), on: line, at: now)
        services[key] = service
        // Timer C may end it, and a stalled connection bring the ACK late.
        agenda.after(.seconds(300)) { self.services[key] = nil }
        guard let toTag else { return serve(service) }
        guard isOwn(toTag) else {
            return world.fail("\(method) of dialog \(toTag) reached \(name): \(String(buffer: request.bytes))")
        }
        let fromTag = request.from.tag.map(request.bytes.text) ?? ""
        guard let dialog = dialogs["\(callID) \(toTag) \(fromTag)"] else { return reply(service, 481) }
        if method == "BYE" {
            dialog.isOver = true
            dialogs[dialog.key] = nil
            world.calls.over.insert(callID)
        }
        noteInDialog(dialog, service)
        agenda.after(dice.time(0, 0.1)) { self.reply(service, 200) }
    }

    /// Answers somebody else's nonsense, and thinks no more of it.
    private func refuse(_ request: SIPMessage, _ branch: String, on line: Line) {
        nonsense.insert(branch)
        guard request.methodText != "ACK" else { return }
        reply(Service(request, callID: "nonsense", tag: fresh("n"), on: line, at: now, isNonsense: true), 404)
    }

    private func receiveACK(_ ack: SIPMessage, _ branch: String) {
        let tag = ack.to.tag.map(ack.bytes.text) ?? ""
        // The edge acknowledges for whoever sent nonsense.
        guard !nonsense.contains(branch) else { return }
        guard isOwn(tag) else { return world.fail("an ACK of \(tag) reached \(name): \(String(buffer: ack.bytes))") }
        if let service = services["\(branch) INVITE"], service.status >= 300 {
            service.isAcked = true
            return
        }
        // So is one whose INVITE was here before a crash.
        guard world.calls.seen[branch] != name else { return }
        // An ACK for a 2xx is a request of its own, which names its INVITE by dialog and number.
        world.ledger.check(request: ack, at: self)
        let callID = ack.bytes.text(ack.callID)
        for service in services.values where service.callID == callID && service.tag == tag {
            if service.request.cSeq.number == ack.cSeq.number, service.request.methodText == "INVITE" {
                service.isAcked = true
            }
        }
    }

    private func receiveCANCEL(_ cancel: SIPMessage, _ branch: String, on line: Line) {
        world.count.cancelsReceived += 1
        guard let service = services["\(branch) INVITE"] else {
            // What it was for may be forgotten, but it must have been here.
            guard world.calls.seen[branch] == name else {
                return world.fail("\(name) was sent a CANCEL for what it never saw: \(String(buffer: cancel.bytes))")
            }
            return
        }
        let answer = Service(cancel, callID: service.callID, tag: service.tag, on: line, at: now)
        reply(answer, 200)
        guard service.status < 200 else { return }
        service.isCancelled = true
        reply(service, 487)
    }

    // MARK: Answering

    /// Answers a request; a final to INVITE is repeated until its ACK comes.
    func reply(_ service: Service, _ status: Int, extra: [String] = []) {
        guard service.status < 200, !isDeaf else { return }
        let request = service.request
        let isInvite = request.methodText == "INVITE"
        service.status = status
        let id = fresh("x")
        let secure = request.requestURI?.scheme == .sips
        var lines = "SIP/2.0 \(status) \(dice.pick("Because", "OK then", "Příčina"))\r\n"
        for field in request.headers {
            switch field.name {
            case .via, .from, .callID, .cSeq: lines += request.bytes.text(field.line)
            case .recordRoute where status > 100 && status < 300: lines += request.bytes.text(field.line)
            case .to:
                let value = request.bytes.text(field.value)
                let needsTag = status > 100 && request.to.tag == nil
                lines += "To: \(value)\(needsTag ? ";tag=\(service.tag)" : "")\r\n"
            default: continue
            }
        }
        if isInvite, status > 100, status < 300 {
            lines += "Contact: <\(contact(isSecure: secure, on: service.line))>\r\n"
        }
        lines += "X-Answer: \(id)\r\n"
        for line in extra { lines += "\(line)\r\n" }
        let body = isInvite && status == 200 ? "v=0\r\ns=-\r\n" : ""
        lines += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let bytes = ByteBuffer(string: lines)
        world.ledger.note(response: bytes, id: id)
        service.last = bytes
        send(bytes, service)
        if isInvite, status < 200 { world.calls.noteHeard(service.callID) }
        guard status >= 200 else { return }
        service.finalAt = now
        guard isInvite else { return }
        if status < 300, request.to.tag == nil { begin(service) }
        // A 2xx is repeated on every transport, other finals on UDP alone.
        if !service.isNonsense, status < 300 || service.line.transport == .udp { repeatLater(service) }
    }

    func send(_ bytes: ByteBuffer, _ service: Service) {
        world.trace("\(name) answers \(service.status) to \(service.callID) \(service.request.methodText)")
        if service.line.isOpen { service.line.send(bytes) } else { otherWay(service, bytes) }
    }

    private func repeatLater(_ service: Service) {
        let wait = service.interval
        service.interval = min(wait * 2, Self.t2)
        agenda.after(wait) { [self] in
            guard !service.isAcked, let last = service.last, let since = service.finalAt, !isDeaf else { return }
            guard now - since < Self.t1 * 64 else { return world.oracle.missedACK(service, self) }
            guard isServing(service) else { return }
            send(last, service)
            repeatLater(service)
        }
    }

    /// Whether it still knows of the request.
    func isServing(_ service: Service) -> Bool { true }

    private func begin(_ service: Service) {
        let request = service.request
        let remoteTag = request.from.tag.map(request.bytes.text) ?? ""
        let sides = sides(of: service.callID, remoteTag: remoteTag)
        let dialog = Dialog(
            callID: service.callID,
            localTag: service.tag,
            remoteTag: remoteTag,
            local: request.bytes.text(request.to.range),
            remote: "<\(request.bytes.text(request.from.uri))>",
            target: request.contactURI,
            routes: request.recordRoutes,
            startedAt: service.startedAt,
            backend: sides.backend,
            client: sides.client,
            number: 1000
        )
        dialogs[dialog.key] = dialog
        began(dialog)
    }

    // MARK: In dialogs

    /// Sends a request within a dialog.
    @discardableResult
    func ask(
        _ method: String,
        in dialog: Dialog,
        on line: Line,
        _ ended: @escaping (Exchange, SIPMessage?) -> Void
    )
        -> Exchange
    {
        dialog.number += 1
        var draft = Draft(
            method: method,
            uri: dialog.target,
            routes: dialog.routes,
            from: dialog.local,
            fromTag: dialog.localTag,
            to: dialog.remote,
            toTag: dialog.remoteTag,
            callID: dialog.callID,
            number: dialog.number
        )
        let isSecure = dialog.target.hasPrefix("sips:")
        if method == "INVITE" { draft.contact = "<\(contact(isSecure: isSecure, on: line))>" }
        return ask(draft, .inDialog(dialog), on: line, ended)
    }

    func hangUp(_ dialog: Dialog, on line: Line) {
        guard !dialog.isOver else { return }
        dialog.isOver = true
        world.count.byes += 1
        ask("BYE", in: dialog, on: line) { [self] _, _ in dialogs[dialog.key] = nil }
        world.calls.over.insert(dialog.callID)
    }

    func reinvite(_ dialog: Dialog, on line: Line) {
        guard !dialog.isOver else { return }
        world.count.reinvites += 1
        ask("INVITE", in: dialog, on: line) { _, _ in }
    }

    func forget() {
        exchanges = [:]
        services = [:]
        dialogs = [:]
    }
}

extension SIPMessage {
    var methodText: String {
        if case .request(_, let text, _) = startLine { bytes.text(text) } else { bytes.text(cSeq.methodText) }
    }

    var contactURI: String { firstContact.map { bytes.text($0.uri) } ?? "" }

    /// The values of Record-Route, in order.
    var recordRoutes: [String] { (routeValues(.recordRoute) ?? []).map { bytes.text($0.range) } }

    func text(ofField name: String) -> String? {
        for field in headers where bytes.text(field.nameRange).lowercased() == name { return bytes.text(field.value) }
        return nil
    }
}
