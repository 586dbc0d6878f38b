// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Responses whose connection is gone (RFC 3261 section 18.2.2, RFC 3263 section 5)")
struct ReturnTests {
    private let bench = Bench(1)

    /// An INVITE whose connection closes while its backend works on it.
    private func orphan(_ via: String, on listener: ListenerID = Side.peerTLS) -> Sent {
        let flow = bench.client("P", listener, address: "203.0.113.7", port: 51111)
        bench.receive(Wire.request("INVITE", via: via), on: flow)
        bench.disconnect(flow)
        let invite = bench.sent.to("B1")[0]
        _ = bench.take()
        return invite
    }

    /// Answers it with 200, and tells where that went.
    private func ways(_ via: String, on listener: ListenerID = Side.peerTLS) -> [String] {
        bench.answer(200, to: orphan(via, on: listener))
        return bench.sent.filter { $0.status == 200 }.map(\.to)
    }

    @Test("TRN-26, V-VIA-08: the address that the request came from, with the port of sent-by, over TLS")
    func received() {
        bench.behaviour[.written("tls:203.0.113.7:5071")] = .holds
        #expect(ways("TLS p.example.org:5071") == ["tls:203.0.113.7:5071"])
        #expect(bench.questions.isEmpty)
        #expect(bench.sent[0].wire.values("Via").count == 1)
        // The certificate must prove sent-by.
        bench.fail(bench.sent[0], .tls)
        #expect(bench.questions.map(\.name.domain) == ["p.example.org"])
    }

    @Test(
        "TRN-27, V-VIA-08: then what sent-by leads to: SRV where it has no port, over the transport of the request",
        arguments: [nil, 5071] as [UInt16?]
    )
    func sentBy(port: UInt16?) {
        let first = "tls:203.0.113.7:\(port ?? 5061)"
        let others: [Endpoint] = [.backend(8, .tls), .backend(9, .tls)]
        bench.behaviour = [.written(first): .fails(.refused), others[0]: .fails(.refused)]
        let ways = ways("TLS p.example.org\(port.map { ":\($0)" } ?? "")")
        #expect(ways == [first])
        let name = NextHopName(host: "p.example.org", port: port, transport: .tls, isSecure: false)
        #expect(bench.questions.map(\.name) == [name])
        bench.resolve(bench.questions[0].id, .servers(others))
        #expect(bench.sent.filter { $0.status == 200 }.map(\.to) == [first, "B8", "B9"])
        #expect(bench.drops.isEmpty)
    }

    @Test("TRN-27: sent-by may be an address, which is tried after that of the source, and nobody is asked")
    func literal() {
        bench.behaviour[.written("tls:203.0.113.7:5071")] = .fails(.refused)
        #expect(ways("TLS 203.0.113.9:5071") == ["tls:203.0.113.7:5071", "tls:203.0.113.9:5071"])
    }

    @Test(
        "V-VIA-09, TRN-26: a client on an access listener gets no connection",
        arguments: [Side.publicTLS, Side.publicTCP]
    )
    func access(listener: ListenerID) {
        #expect(ways("\(listener == Side.publicTLS ? "TLS" : "TCP") p.example.org:49152", on: listener) == ["?"])
        #expect(bench.questions.isEmpty)
    }

    @Test("TRN-34: a response that finds nobody is dropped, counted, and disturbs nothing", arguments: [true, false])
    func nobody(isNamed: Bool) {
        bench.behaviour[.written("tls:203.0.113.7:5071")] = .fails(.refused)
        bench.behaviour[.backend(8, .tls)] = .fails(.connectTimeout)
        bench.zone["p.example.org"] = [.backend(8, .tls)]
        let ways = ways(isNamed ? "TLS p.example.org:5071" : "TLS 127.0.0.1:5071")
        #expect(ways == (isNamed ? ["tls:203.0.113.7:5071", "B8"] : ["tls:203.0.113.7:5071"]))
        #expect(bench.drops == [.deadFlow] && bench.finished == ["200"])
        #expect(bench.sent.methods("CANCEL").isEmpty)
        bench.wait(40)
        #expect(bench.isQuiet)
    }

    @Test("LOC-72: a name in a Via leads no response to loopback")
    func loopback() {
        bench.behaviour[.written("tls:203.0.113.7:5071")] = .fails(.refused)
        bench.zone["p.example.org"] = [.written("tls:127.0.0.1:5071")]
        #expect(ways("TLS p.example.org:5071") == ["tls:203.0.113.7:5071"] && bench.drops == [.deadFlow])
    }

    @Test("LOC-72: nor does an address in a Via lead one to loopback or to a listener of ours")
    func literalInside() {
        bench.behaviour[.written("tls:203.0.113.7:5081")] = .fails(.refused)
        #expect(ways("TLS 198.51.100.10:5081") == ["tls:203.0.113.7:5081"] && bench.drops == [.deadFlow])
    }

    // MARK: By datagram

    /// Answers an INVITE that came by datagram, and tells where the 200 went.
    private func datagrams(_ via: String, on listener: ListenerID = Side.innerUDP) -> [Sent] {
        let flow = bench.client("P", listener, address: "203.0.113.7", port: 5062)
        bench.receive(Wire.request("INVITE", via: via), on: flow)
        bench.answer(200, to: bench.sent.to("B1")[0])
        return bench.sent.filter { $0.status == 200 }
    }

    @Test("TRN-31, LOC-73: a response whose datagram a host refuses goes where the Via leads, by UDP alone")
    func refusedDatagram() {
        for refusing in ["udp:203.0.113.7:5062", "udp:192.0.2.8:5060"] {
            bench.behaviour[.written(refusing)] = .fails(.refused)
        }
        bench.zone["p.example.org"] = [.backend(8, .udp), .backend(9, .udp)]
        let sent = datagrams("UDP p.example.org;rport")
        #expect(sent.map(\.to) == ["203.0.113.7:5062", "192.0.2.8:5060", "192.0.2.9:5060"])
        #expect(sent.allSatisfy { $0.isDatagram && $0.bytes == sent[0].bytes })
        #expect(bench.drops.isEmpty)
    }

    @Test("TRN-31: the refusal may come later, and concerns every response that was sent")
    func lateRefusal() {
        bench.behaviour[.written("udp:203.0.113.7:5062")] = .holds
        let sent = datagrams("UDP 203.0.113.9:5062")
        bench.fail(sent[0], .refused)
        #expect(bench.sent.filter { $0.status == 200 }.map(\.to) == ["203.0.113.7:5062", "203.0.113.9:5062"])
        bench.fail(sent[0], .refused)
        #expect(bench.sent.filter { $0.status == 200 }.count == 2)
    }

    @Test("TRN-31: a response to another port than that of the request has no socket of its own, and is not watched")
    func otherPort() {
        bench.zone["p.example.org"] = [.backend(9, .udp)]
        let sent = datagrams("UDP p.example.org:5071")
        #expect(sent.map(\.to) == ["203.0.113.7:5071"] && sent[0].attempt == nil)
    }

    @Test("TRN-31: a final that is asked for again walks too, and so does the answer to a CANCEL")
    func askedAgain() {
        bench.behaviour[.written("udp:203.0.113.7:5062")] = .fails(.refused)
        bench.zone["p.example.org"] = [.written("udp:192.0.2.9:5060")]
        let flow = bench.client("P", Side.innerUDP, address: "203.0.113.7", port: 5062)
        let request = Wire.request("OPTIONS", via: "UDP p.example.org;rport")
        bench.receive(request, on: flow)
        bench.answer(200, to: bench.sent.to("B1")[0])
        bench.receive(request, on: flow)
        let walk = ["203.0.113.7:5062", "192.0.2.9:5060"]
        #expect(bench.take().filter { $0.status == 200 }.map(\.to) == walk + walk)
        for method in ["INVITE", "CANCEL"] {
            bench.receive(Wire.request(method, via: "UDP p.example.org;rport", branch: "z9hG4bKc"), on: flow)
        }
        #expect(bench.sent.filter { $0.status == 200 }.map(\.to) == walk)
    }

    @Test("TRN-31: a final that is repeated for want of an ACK walks too")
    func repeated() {
        let flow = bench.client("P", Side.innerUDP, address: "203.0.113.7", port: 5062)
        bench.receive(Wire.request("INVITE", via: "UDP p.example.org:5071;rport"), on: flow)
        bench.answer(486, to: bench.sent.to("B1")[0])
        bench.behaviour[.written("udp:203.0.113.7:5062")] = .fails(.refused)
        bench.zone["p.example.org"] = [.written("udp:192.0.2.9:5071")]
        bench.wait(0.6)
        let finals = bench.sent.filter { $0.status == 486 }.map(\.to)
        #expect(finals == ["203.0.113.7:5062", "203.0.113.7:5062", "192.0.2.9:5071"])
    }

    @Test("TRN-31, TRN-26: a client of an access listener gets its response where it asked from, or not at all")
    func accessDatagram() {
        bench.zone["p.example.org"] = [.backend(9, .udp)]
        let sent = datagrams("UDP p.example.org;rport", on: Side.publicUDP)
        #expect(sent.map(\.to) == ["203.0.113.7:5062"] && sent[0].attempt == nil)
    }

    @Test("TXN-25: a client that comes back over another connection gets its responses there")
    func comesBack() {
        let invite = orphan("TLS p.example.org:5071")
        let flow = bench.client("Q", Side.peerTLS, address: "203.0.113.7", port: 51112)
        bench.receive(Wire.request("INVITE", via: "TLS p.example.org:5071"), on: flow)
        bench.answer(200, to: invite)
        #expect(bench.sent.filter { $0.status == 200 }.map(\.to) == ["Q"])
    }
}
