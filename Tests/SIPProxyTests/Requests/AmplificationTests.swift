// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What a forged source is sent")
struct AmplificationTests {
    private static let phone = "203.0.113.7:51000"
    /// The seconds at which timer G repeats the final of an INVITE, with the final itself.
    private static let repeats = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]

    private static func invite(_ name: String, size: Int = 400) -> String {
        let text = Wire.request("INVITE", via: "UDP 203.0.113.7:51000;rport", branch: "z9hG4bK\(name)", callID: name)
        let padding = "X: \(String(repeating: "x", count: size - text.utf8.count - 5))\r\n"
        return text.replacing("Content-Length: 0", with: padding + "Content-Length: 0")
    }

    private static func ack(_ name: String, tag: String?, route: [String] = []) -> String {
        Wire.request(
            "ACK",
            via: "UDP 203.0.113.7:51000;rport",
            branch: "z9hG4bK\(name)",
            callID: name,
            toTag: tag,
            extra: route
        )
    }

    /// Lets a call fail at its backend, or here, and gives what left for its client.
    private static func fail(_ bench: Bench, _ name: String, on flow: FlowContext, local: Bool = false) -> [Sent] {
        _ = bench.take()
        bench.behaviour[.backend(1)] = local ? .fails(.refused) : .takes
        bench.receive(invite(name), on: flow)
        if let request = bench.sent.to("B1").methods("INVITE").last, !local { bench.answer(486, to: request) }
        bench.wait(60)
        return bench.take().filter { $0.status > 0 }
    }

    @Test(
        "OVL-23: a UDP INVITE of 400 bytes whose ACK never comes brings 1,200 bytes at most",
        arguments: [true, false]
    )
    func bound(local: Bool) {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        #expect(Self.invite("a").utf8.count == 400)
        let sent = Self.fail(bench, "a", on: flow, local: local)
        #expect(sent.answers.first == 100 && sent.answers.count >= 2 && sent.allSatisfy { $0.to == Self.phone })
        #expect(sent.reduce(0) { $0 + $1.bytes.readableBytes } <= 1200)
        #expect(bench.drops == [.amplification] && bench.isQuiet)
    }

    /// What a backend that repeats a response as often as it may makes leave for the client.
    private static func ring(_ bench: Bench, _ name: String, _ status: Int, on flow: FlowContext) -> [Sent] {
        _ = bench.take()
        bench.receive(invite(name), on: flow)
        guard let request = bench.sent.to("B1").methods("INVITE").last else { return [] }
        for _ in 0..<11 {
            bench.answer(status, to: request, tag: "secret", extra: ["X: \(String(repeating: "x", count: 200))"])
            bench.wait(2)
        }
        return bench.take().filter { $0.status > 0 }
    }

    @Test(
        "OVL-23: what a backend repeats for a UDP INVITE of 400 bytes that nobody acknowledges brings 1,200 bytes at most",
        arguments: [200, 183]
    )
    func relayed(status: Int) {
        let bench = Bench(1)
        let sent = Self.ring(bench, "a", status, on: bench.client("U", Side.publicUDP))
        #expect(sent.answers.contains(status) && sent.allSatisfy { $0.to == Self.phone })
        #expect(sent.reduce(0) { $0 + $1.bytes.readableBytes } <= 1200)
        #expect(bench.drops.contains(.amplification) && bench.drops.allSatisfy { $0 == .amplification })
    }

    @Test("OVL-23, TXN-09: where the client has acknowledged a 2xx, or is known, every repeat passes")
    func relayedToKnown() {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        #expect(Self.ring(bench, "a", 200, on: flow).count { $0.status == 200 } < 4)
        bench.receive(Self.ack("a", tag: "guess").replacing("z9hG4bKa", with: "z9hG4bKx"), on: flow)
        #expect(Self.ring(bench, "b", 200, on: flow).count { $0.status == 200 } < 4)
        bench.receive(Self.ack("b", tag: "secret").replacing("z9hG4bKb", with: "z9hG4bKy"), on: flow)
        #expect(Self.ring(bench, "c", 200, on: flow).count { $0.status == 200 } == 11)
        #expect(Self.ring(bench, "d", 183, on: flow).count { $0.status == 183 } == 11)
        let inner = Bench(1)
        #expect(Self.ring(inner, "a", 200, on: inner.client("I", Side.innerUDP)).count { $0.status == 200 } == 11)
    }

    @Test("OVL-23: provisionals that differ are no repeats")
    func provisionals() {
        let bench = Bench(1)
        bench.receive(Self.invite("a"), on: bench.client("U", Side.publicUDP))
        let request = bench.sent.to("B1")[0]
        for status in [180, 183, 181, 180, 199] {
            bench.answer(status, to: request, extra: ["X: \(String(repeating: "x", count: 300))"])
        }
        #expect(bench.sent.to(Self.phone).answers == [100, 180, 183, 181, 180, 199])
    }

    @Test("OVL-23: a client that repeats its INVITE has sent more, and may be sent more")
    func repeated() {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        bench.receive(Self.invite("a"), on: flow)
        bench.answer(486, to: bench.sent.to("B1")[0])
        var received = 400
        for _ in 0..<5 {
            bench.wait(5)
            bench.receive(Self.invite("a"), on: flow)
            received += 400
            #expect(bench.sent.to(Self.phone).reduce(0) { $0 + $1.bytes.readableBytes } <= 3 * received)
        }
        #expect(bench.sent.to(Self.phone).answers.count { $0 == 486 } >= 6)
    }

    @Test("OVL-23, TXN-19: to an address that has acknowledged a final the next ones are repeated as RFC 3261 asks")
    func acknowledged() {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        bench.receive(Self.invite("a"), on: flow)
        bench.answer(486, to: bench.sent.to("B1")[0], tag: "secret")
        bench.receive(Self.ack("a", tag: "secret"), on: flow)
        bench.wait(40)
        let sent = Self.fail(bench, "b", on: flow).filter { $0.status == 486 }
        #expect(sent.left(at: Self.repeats.map { $0 + 40 }))
        // The same for what is made here, at any port of that address.
        let moved = bench.client("V", Side.publicUDP, port: 52000)
        #expect(Self.fail(bench, "c", on: moved, local: true).count { $0.status >= 500 } == Self.repeats.count)
        // Nobody is known for ever.
        bench.wait(3600)
        #expect(Self.fail(bench, "d", on: flow).count { $0.status == 486 } < 6)
    }

    @Test("OVL-23: an ACK without the final's tag, or another address, shows nothing", arguments: [nil, "a", "guess"])
    func forged(tag: String?) {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        bench.receive(Self.invite("a"), on: flow)
        bench.answer(486, to: bench.sent.to("B1")[0], tag: "secret")
        bench.receive(Self.ack("a", tag: tag), on: flow)
        bench.wait(40)
        #expect(Self.fail(bench, "b", on: flow).count { $0.status == 486 } < 6)
    }

    @Test("OVL-23: a flow token, which the other side of a call has too, shows nothing")
    func token() {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        let route = "Route: <sip:\(String(buffer: flow.token))@198.51.100.10;lr>"
        bench.receive(Self.ack("z", tag: "b", route: [route]), on: flow)
        #expect(Self.fail(bench, "b", on: flow).count { $0.status == 486 } < 6)
    }

    @Test("OVL-23: an ACK with a tag that its INVITE had already shows nothing", arguments: [481, 200])
    func ownTag(status: Int) {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP)
        let invite = Self.invite("a").replacing("To: <sip:bob@example.com>", with: "To: <sip:bob@example.com>;tag=mine")
        bench.receive(invite, on: flow)
        let request = bench.sent.to("B1")[0]
        #expect(request.wire.toTag == "mine")
        bench.answer(status, to: request, tag: "mine")
        let ack = Self.ack("a", tag: "mine")
        bench.receive(status == 200 ? ack.replacing("z9hG4bKa", with: "z9hG4bKy") : ack, on: flow)
        bench.wait(40)
        #expect(Self.fail(bench, "b", on: flow).count { $0.status == 486 } < 6)
    }

    @Test("OVL-23: trusted sources, partners and own servers get all repeats")
    func verified() {
        let trusting = Bench(1, settings: .trusting)
        #expect(
            Self.fail(trusting, "a", on: trusting.client("U", Side.publicUDP)).count { $0.status == 486 }
                == Self.repeats.count
        )
        let bench = Bench(1)
        #expect(
            Self.fail(bench, "b", on: bench.client("I", Side.innerUDP)).count { $0.status == 486 } == Self.repeats.count
        )
    }
}
