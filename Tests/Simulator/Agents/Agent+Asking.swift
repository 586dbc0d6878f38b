// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// The client side of transactions (RFC 3261 section 17.1).
extension Agent {
    @discardableResult
    func ask(
        _ draft: Draft,
        _ purpose: Exchange.Purpose,
        on line: Line,
        _ ended: @escaping (Exchange, SIPMessage?) -> Void
    ) -> Exchange {
        var draft = draft
        draft.branch = "z9hG4bK\(fresh("r"))"
        let bytes = draft.written(on: line, dice)
        let exchange = Exchange(draft, bytes, purpose, on: line, at: now, ended)
        begin(exchange)
        return exchange
    }

    private func begin(_ exchange: Exchange) {
        exchanges[exchange.key] = exchange
        world.count.requests += 1
        world.ledger.note(request: exchange.bytes, branch: exchange.draft.branch, method: exchange.draft.method)
        world.vandal.saw(exchange.bytes)
        send(exchange)
        if exchange.line.transport == .udp { repeatLater(exchange) }
        agenda.after(Self.t1 * 64) { self.timeOut(exchange) }
        if exchange.isInvite { agenda.after(.seconds(300)) { self.giveUp(exchange) } }
    }

    private func send(_ exchange: Exchange) {
        world.trace("\(name) asks \(exchange.draft.method) \(exchange.draft.callID) \(exchange.draft.branch)")
        exchange.line.send(exchange.bytes)
    }

    private func repeatLater(_ exchange: Exchange) {
        let wait = exchange.interval
        exchange.interval = exchange.isInvite ? wait * 2 : min(wait * 2, Self.t2)
        agenda.after(wait) { [self] in
            guard !exchange.isDone, !exchange.hasAnswer, now - exchange.startedAt < Self.t1 * 64 else { return }
            guard !exchange.isInvite || !exchange.isProceeding else { return }
            send(exchange)
            repeatLater(exchange)
        }
    }

    /// Timer B or F.
    private func timeOut(_ exchange: Exchange) {
        guard !exchange.isDone, !exchange.hasAnswer, !(exchange.isInvite && exchange.isProceeding) else { return }
        end(exchange, nil)
    }

    /// An INVITE that rings must have come to an end by timer C.
    private func giveUp(_ exchange: Exchange) {
        guard !exchange.isDone, !exchange.hasAnswer else { return }
        if !exchange.isInterrupted, !world.calls.disturbed.contains(exchange.draft.callID),
            world.oracle.isUndisturbed(self, since: exchange.startedAt)
        {
            world.fail("no final for \(exchange.draft.callID) of \(name) after 300 seconds")
        }
        end(exchange, nil)
    }

    private func end(_ exchange: Exchange, _ response: SIPMessage?) {
        guard !exchange.isDone else { return }
        exchange.isDone = true
        world.ended(exchange, response, at: self)
        exchange.ended(exchange, response)
        agenda.after(.seconds(200)) { self.exchanges[exchange.key] = nil }
    }

    /// The agent is gone: nobody waits any more.
    func abandonAll() {
        for exchange in exchanges.values where !exchange.isDone {
            exchange.isInterrupted = true
            exchange.isDone = true
            world.calls.noteLost(exchange.draft.callID)
            world.count.abandoned += 1
        }
        for dialog in dialogs.values { world.calls.over.insert(dialog.callID) }
        dialogs = [:]
    }

    /// The agent has come back over another line, and asks again what is unanswered.
    func resume(on line: Line) {
        for exchange in exchanges.values.sorted(by: { $0.draft.branch < $1.draft.branch })
        where !exchange.isDone && !exchange.hasAnswer {
            exchange.isInterrupted = true
            exchange.line = line
            if line.transport.isReliable { send(exchange) }
        }
    }

    // MARK: Responses

    func receiveResponse(_ response: SIPMessage, on line: Line) {
        let branch = response.topmostVia.branch.map(response.bytes.text) ?? ""
        let callID = response.bytes.text(response.callID)
        guard branch.hasPrefix("z9hG4bK\(name)-"), response.viaCount == 1 else {
            return world.fail("\(name) was sent another's response: \(String(buffer: response.bytes))")
        }
        guard let exchange = exchanges["\(branch) \(response.methodText)"] else { return }
        guard exchange.draft.callID == callID, exchange.draft.number == Int(response.cSeq.number) else {
            return world.fail("\(name) was sent a response to \(callID) for \(exchange.draft.callID)")
        }
        world.ledger.check(response: response, at: self)
        switch response.status {
        case 100..<200: provisional(response, exchange)
        case 200..<300 where exchange.isInvite: success(response, exchange)
        default: final(response, exchange)
        }
    }

    private func provisional(_ response: SIPMessage, _ exchange: Exchange) {
        guard !exchange.hasAnswer else {
            // A datagram may be overtaken.
            guard exchange.line.transport.isReliable, !exchange.isInterrupted else { return }
            return world.fail("\(response.status) after a final: \(exchange.draft.callID) of \(name)")
        }
        exchange.isProceeding = true
        if response.status > 100 { exchange.isRinging = true }
    }

    private func final(_ response: SIPMessage, _ exchange: Exchange) {
        if let final = exchange.final {
            if final != response.bytes, !exchange.isInterrupted {
                world.fail("two finals at \(name): \(String(buffer: final))\n\(String(buffer: response.bytes))")
            }
            if exchange.isInvite, let ack = exchange.acks[""] { exchange.line.send(ack) }
            return
        }
        if !exchange.successes.isEmpty, !exchange.isInterrupted {
            world.fail("\(response.status) after a 200: \(exchange.draft.callID) of \(name)")
        }
        exchange.final = response.bytes
        if exchange.isInvite { acknowledge(response, exchange) }
        end(exchange, response)
    }

    /// The ACK of a final other than 2xx is part of the transaction.
    private func acknowledge(_ response: SIPMessage, _ exchange: Exchange) {
        var draft = exchange.draft
        draft.method = "ACK"
        draft.extra = []
        draft.body = ""
        draft.contact = nil
        draft.toTag = response.to.tag.map(response.bytes.text)
        let ack = draft.written(on: exchange.line, dice)
        exchange.acks[""] = ack
        exchange.line.send(ack)
    }

    private func success(_ response: SIPMessage, _ exchange: Exchange) {
        let tag = response.to.tag.map(response.bytes.text) ?? ""
        if let ack = exchange.acks[tag] { return exchange.line.send(ack) }
        let isFirst = !exchange.hasAnswer
        exchange.successes.append(tag)
        guard let dialog = dialog(of: exchange, response, tag) else { return }
        exchange.acks[tag] = acknowledge(dialog, exchange)
        if isFirst {
            end(exchange, response)
        } else {
            // Another branch of a call that was answered, or given up: it is ended at once.
            world.count.forks += 1
            hangUp(dialog, on: exchange.line)
        }
    }

    private func dialog(of exchange: Exchange, _ response: SIPMessage, _ tag: String) -> Dialog? {
        if case .inDialog(let dialog) = exchange.purpose { return dialog }
        let draft = exchange.draft
        let sides = sides(of: draft.callID, remoteTag: tag)
        let dialog = Dialog(
            callID: draft.callID,
            localTag: draft.fromTag,
            remoteTag: tag,
            local: draft.from,
            remote: draft.to,
            target: response.contactURI,
            routes: response.recordRoutes.reversed(),
            startedAt: exchange.startedAt,
            backend: sides.backend,
            client: sides.client,
            number: draft.number
        )
        dialogs[dialog.key] = dialog
        return dialog
    }

    private func acknowledge(_ dialog: Dialog, _ exchange: Exchange) -> ByteBuffer {
        var draft = Draft(
            method: "ACK",
            uri: dialog.target,
            routes: dialog.routes,
            from: dialog.local,
            fromTag: dialog.localTag,
            to: dialog.remote,
            toTag: dialog.remoteTag,
            callID: dialog.callID,
            number: exchange.draft.number
        )
        draft.branch = "z9hG4bK\(fresh("a"))"
        let bytes = draft.written(on: exchange.line, dice)
        world.ledger.note(request: bytes, branch: draft.branch, method: "ACK")
        world.vandal.saw(bytes)
        world.trace("\(name) acknowledges \(dialog.callID)")
        exchange.line.send(bytes)
        return bytes
    }

    /// Calls an INVITE off, once it has shown a provisional.
    func cancel(_ exchange: Exchange) {
        guard exchange.isProceeding, !exchange.isDone, !exchange.isCancelled else { return }
        exchange.isCancelled = true
        world.count.cancels += 1
        var draft = exchange.draft
        draft.method = "CANCEL"
        draft.extra = []
        draft.body = ""
        draft.contact = nil
        let bytes = draft.written(on: exchange.line, dice)
        let cancel = Exchange(draft, bytes, .cancel, on: exchange.line, at: now) { _, _ in }
        begin(cancel)
    }
}
