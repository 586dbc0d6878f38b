// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import Testing

@testable import EdgeControl

@Suite("The demonstration's caller writes the requests of a dialog")
struct DemoDialogTests {
    private let party = DemoDialog.Party(
        user: "demo1",
        domain: "voice.example.test",
        callee: "service",
        transport: .tls,
        address: "127.0.0.1",
        port: 40_000
    )

    @Test("The first Record-Route of a 2xx is the last Route: the route set is reversed (RFC 3261 12.1.2)")
    func routeSet() throws {
        var dialog = DemoDialog(party: party, serial: "x1")
        let ok = try answer(
            to: dialog.invite(branch: "b1"),
            extra: "Record-Route: <sip:far.example.test;lr>\r\nRecord-Route: <sip:near.example.test;lr>\r\n"
        )
        let makesDialog = dialog.established(by: ok)
        #expect(makesDialog)
        let bytes = dialog.bye(branch: "b2")
        let bye = try parse(bytes)
        #expect(bye.bytes.text(try #require(bye.requestURI).range) == "sip:backend@192.0.2.1:5060")
        let routes = try #require(bye.routeValues(.route)).map { bye.bytes.text($0.range) }
        #expect(routes == ["<sip:near.example.test;lr>", "<sip:far.example.test;lr>"])
        #expect(bye.cSeq.number == 2)
        #expect(bye.bytes.text(try #require(bye.to.tag)) == "remote")
    }

    @Test("A strict router in front goes into the Request-URI, the target behind all routes (RFC 3261 12.2.1.1)")
    func strictRoute() throws {
        var dialog = DemoDialog(party: party, serial: "x2")
        let ok = try answer(
            to: dialog.invite(branch: "b1"),
            extra: "Record-Route: <sip:far.example.test;lr>, <sip:strict.example.test>\r\n"
        )
        let makesDialog = dialog.established(by: ok)
        #expect(makesDialog)
        let ack = try parse(dialog.ack(branch: "b2"))
        #expect(ack.bytes.text(try #require(ack.requestURI).range) == "sip:strict.example.test")
        let routes = try #require(ack.routeValues(.route)).map { ack.bytes.text($0.range) }
        #expect(routes == ["<sip:far.example.test;lr>", "<sip:backend@192.0.2.1:5060>"])
    }

    @Test("A 200 without a To tag makes no dialog (RFC 3261 12.1.2)")
    func noTag() throws {
        var dialog = DemoDialog(party: party, serial: "x3")
        let invite = try parse(dialog.invite(branch: "b1"))
        let bytes = ResponseWriter.response(to: invite, status: 200, reason: "OK", tag: nil, source: nil)
        let makesDialog = dialog.established(by: try parse(bytes))
        #expect(!makesDialog)
    }

    @Test("Every request parses and names its user, branch and sequence", arguments: ["REGISTER", "INVITE", "ACK"])
    func wellFormed(method: String) throws {
        let dialog = DemoDialog(party: party, serial: "x4")
        let bytes =
            switch method {
            case "REGISTER": dialog.register(branch: "b1", expires: 60)
            case "INVITE": dialog.invite(branch: "b1")
            default: dialog.ack(branch: "b1")
            }
        let request = try parse(bytes)
        #expect(request.bytes.text(request.cSeq.methodText) == method)
        #expect(request.bytes.text(try #require(request.topmostVia.branch)) == "z9hG4bKb1")
        #expect(request.topmostVia.returnPort == .requested)
    }

    private func answer(to invite: ByteBuffer, extra: String) throws -> SIPMessage {
        let lines = "\(extra)Contact: <sip:backend@192.0.2.1:5060>\r\n"
        let request = try parse(invite)
        let text = ResponseWriter.response(to: request, status: 200, reason: "OK", tag: nil, source: nil) {
            $0.writeString(lines)
        }
        let to = "To: <sip:service@voice.example.test>"
        let tagged = String(buffer: text).split(separator: to).joined(separator: to + ";tag=remote")
        return try parse(ByteBuffer(string: tagged))
    }
}

/// The message in `bytes`.
func parse(_ bytes: ByteBuffer) throws -> SIPMessage {
    guard case .message(let message) = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits()) else {
        throw NotAMessage(text: String(buffer: bytes))
    }
    return message
}

/// What could not be parsed.
struct NotAMessage: Error {
    let text: String
}
