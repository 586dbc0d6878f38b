// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import Testing

@testable import EdgeControl

@Suite("A demonstration backend answers like a SIP server")
struct DemoAnsweringTests {
    private var answering = DemoAnswering(name: "alpha", contact: "sip:alpha@127.0.0.1:5060")

    @Test("A call rings, is taken with Record-Route copied and a Contact, and ends (RFC 3261 13.3.1, 12.1.1)")
    mutating func call() throws {
        let invite = try request("INVITE", extra: "Record-Route: <sip:edge.example.test;lr>\r\n")
        let actions = answering.receive(invite, from: nil)
        let key = DemoTransactionKey(invite)
        #expect(try statuses(actions) == [180])
        #expect(actions.last == .ring(key))
        let taken = answering.pickUp(key)
        let ok = try parse(#require(taken))
        #expect(ok.status == 200)
        #expect(
            try #require(ok.routeValues(.recordRoute)).map { ok.bytes.text($0.range) } == ["<sip:edge.example.test;lr>"]
        )
        #expect(ok.bytes.text(try #require(ok.firstContact).uri) == "sip:alpha@127.0.0.1:5060")
        #expect(ok.body.count == ok.number(.contentLength).map(Int.init))
        #expect(answering.callCount == 1)
        let reply1 = try receive("BYE")
        #expect(reply1 == [200])
        #expect(answering.callCount == 0)
        #expect(answering.strays == 0)
        #expect(answering.requests == [.invite: 1, .bye: 1])
    }

    @Test("CANCEL of a ringing call gets 200 and the call 487; afterwards 481 (RFC 3261 9.2)")
    mutating func cancel() throws {
        _ = answering.receive(try request("INVITE"), from: nil)
        let reply2 = try receive("CANCEL")
        #expect(reply2 == [200, 487])
        let reply3 = try receive("CANCEL")
        #expect(reply3 == [481])
        let late = answering.pickUp(DemoTransactionKey(try request("CANCEL")))
        #expect(late == nil)
    }

    @Test("A repeated INVITE gets the same To tag (RFC 3261 17.2.1 is the transaction's, not ours)")
    mutating func repeated() throws {
        let invite = try request("INVITE")
        _ = answering.receive(invite, from: nil)
        let taken = answering.pickUp(DemoTransactionKey(invite))
        let first = try parse(#require(taken))
        guard case .send(let bytes)? = answering.receive(invite, from: nil).first else { throw NotAMessage(text: "") }
        #expect(try parse(bytes).bytes == first.bytes)
    }

    @Test("A BYE of an unknown call is answered and counted as stray")
    mutating func stray() throws {
        let reply4 = try receive("BYE")
        #expect(reply4 == [200])
        #expect(answering.strays == 1)
    }

    @Test("REGISTER keeps Contact and Path and shows both; expires=0 removes (RFC 3261 10.3, RFC 3327 5.3)")
    mutating func register() throws {
        let path = "Path: <sip:token@edge.example.test;lr>\r\n"
        let bind = try request("REGISTER", extra: path + "Contact: <sip:a@192.0.2.7>\r\nExpires: 90\r\n")
        guard case .send(let bytes)? = answering.receive(bind, from: nil).first else { throw NotAMessage(text: "") }
        let ok = try parse(bytes)
        #expect(ok.status == 200)
        #expect(ok.first(.path).map { ok.bytes.text($0.value) } == "<sip:token@edge.example.test;lr>")
        let user = "sip:service@voice.example.test"
        let kept = DemoRegistrar.Binding(
            contact: "sip:a@192.0.2.7",
            path: ["<sip:token@edge.example.test;lr>"],
            expires: 90
        )
        #expect(answering.registrar.bindings[user] == [kept])
        let unbind = try request("REGISTER", extra: "Contact: <sip:a@192.0.2.7>;expires=0\r\n")
        _ = answering.receive(unbind, from: nil)
        #expect(answering.registrar.bindings[user] == nil)
    }

    @Test("SUBSCRIBE gets 200 and at once a NOTIFY along its Record-Route (RFC 6665 4.2.1), an unknown event 489")
    mutating func subscribe() throws {
        let extra = "Contact: <sip:a@192.0.2.9:5060>\r\nRecord-Route: <sip:t@edge.example.test;lr>\r\n"
        let request = try request("SUBSCRIBE", extra: extra + "Event: presence;id=7\r\nExpires: 4000\r\n")
        let actions = answering.receive(request, from: nil)
        let messages = try actions.map { action in
            guard case .send(let bytes) = action else { throw NotAMessage(text: "\(action)") }
            return try parse(bytes)
        }
        try #require(messages.count == 2)
        let (ok, notify) = (messages[0], messages[1])
        #expect(ok.status == 200 && ok.number(.expires) == 600)
        #expect(notify.method == .notify && notify.cSeq.number == 1)
        #expect(notify.requestURI.map { notify.bytes.text($0.range) } == "sip:a@192.0.2.9:5060")
        let routes = try #require(notify.routeValues(.route)).map { notify.bytes.text($0.range) }
        #expect(routes == ["<sip:t@edge.example.test;lr>"])
        #expect(try notify.bytes.text(#require(notify.from.tag)) == ok.bytes.text(#require(ok.to.tag)))
        #expect(try notify.bytes.text(#require(notify.to.tag)) == "a")
        #expect(DemoNotification.value("event", in: notify) == "presence;id=7")
        #expect(DemoNotification.value("subscription-state", in: notify) == "active;expires=600")

        let end = try self.request("SUBSCRIBE", extra: extra + "Event: dialog\r\nExpires: 0\r\n")
        guard case .send(let last)? = answering.receive(end, from: nil).last else { throw NotAMessage(text: "") }
        #expect(DemoNotification.value("subscription-state", in: try parse(last)) == "terminated;reason=timeout")
        let unknown = try self.request("SUBSCRIBE", extra: extra + "Event: weather\r\n")
        guard case .send(let bytes)? = answering.receive(unknown, from: nil).first else { throw NotAMessage(text: "") }
        let refusal = try parse(bytes)
        #expect(refusal.status == 489 && DemoNotification.value("allow-events", in: refusal) != nil)
        let nameless = try receive("SUBSCRIBE")
        #expect(nameless == [489])
    }

    @Test("A backend that hangs counts and says nothing; one that refuses says so")
    mutating func behaviours() throws {
        answering.behaviour = .hang
        let reply5 = try receive("OPTIONS")
        #expect(reply5.isEmpty)
        answering.behaviour = .refuse(status: 503)
        let reply6 = try receive("OPTIONS")
        #expect(reply6 == [503])
        let reply7 = try receive("ACK")
        #expect(reply7.isEmpty)
        #expect(answering.total == 3)
    }

    private func request(_ method: String, extra: String = "") throws -> SIPMessage {
        try parse(
            ByteBuffer(
                string: """
                    \(method) sip:service@voice.example.test SIP/2.0\r
                    Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKone\r
                    From: <sip:demo1@voice.example.test>;tag=a\r
                    To: <sip:service@voice.example.test>\r
                    Call-ID: one@voice.example.test\r
                    CSeq: 1 \(method)\r
                    \(extra)Content-Length: 0\r
                    \r

                    """
            )
        )
    }

    /// The statuses with which a request is answered.
    private mutating func receive(_ method: String) throws -> [UInt16] {
        try statuses(answering.receive(request(method), from: nil))
    }

    private func statuses(_ actions: [DemoAnswering.Action]) throws -> [UInt16] {
        try actions.compactMap { action in
            guard case .send(let bytes) = action else { return nil }
            return try parse(bytes).status
        }
    }
}
