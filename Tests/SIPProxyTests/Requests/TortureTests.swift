// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

/// Each torture message through the whole core (MSG-T01 to MSG-T49, MSG-S01 to MSG-S12); the verdict is the first that
/// its class names.
@Suite("Torture messages of RFC 4475 and RFC 5118 through the proxy core")
struct TortureTests {
    private let bench = Bench(1)

    init() {
        bench.zone["services.example.com"] = [.backend(1)]
    }

    @Test(
        "A message of each class is forwarded, answered or dropped as its row says, as a datagram",
        arguments: Vectors.all
    )
    func datagram(_ vector: Vectors.Vector) {
        let flow = bench.client("U", Torture.hasRoute(vector) ? Side.innerUDP : Side.publicUDP, port: 5060)
        bench.receive(vector.bytes, on: flow)
        #expect(verdict() == Torture.expected(vector, on: "UDP"))
        check(vector)
    }

    @Test(
        "A message of each class is forwarded, answered or dropped as its row says, on a stream",
        arguments: Vectors.all
    )
    func stream(_ vector: Vectors.Vector) {
        let flow = bench.client("C", Torture.hasRoute(vector) ? Side.innerTLS : Side.publicTLS)
        let isWaiting = bench.receiveStream(vector.bytes, on: flow)
        let expected = Torture.expected(vector, on: "STREAM")
        #expect(verdict(isWaiting: isWaiting && bench.sent.isEmpty && expected == .waits) == expected)
        check(vector)
    }

    @Test("MSG-T12, MSG-T13, MSG-T43: responses that belong to a request pass with their bytes, or not at all")
    func responses() throws {
        for (name, expected) in [("unreason", 1), ("noreason", 0), ("bcast", 0)] {
            let vector = Rows(try Vectors.named(name).bytes)
            let client = bench.client()
            func value(_ field: String) -> String { vector.all(field).first?.value ?? "" }
            let kept = ["From", "To", "Call-ID", "CSeq"].map { "\($0): \(value($0.lowercased()))" }
            let request = ["INVITE sip:user@example.edu SIP/2.0", "Via: SIP/2.0/TLS c.example;branch=z9hG4bK\(name)"]
            bench.receive((request + kept + ["Content-Length: 0", "", ""]).joined(separator: "\r\n"), on: client)
            let sent = try #require(bench.take().to("B1").last)
            let own = sent.wire.values("Via").map { "Via: \($0)" }
            // Its own topmost Via stands for ours; a Via below it stays.
            let below = vector.all("via").dropFirst().map(\.row)
            let vias = below.isEmpty ? own : [own[0]] + below
            let head = [vector.startLine] + vias + vector.others(than: ["via"]) + ["", ""]
            let bytes = head.joined(separator: "\r\n").unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
            bench.receive(ByteBuffer(bytes: bytes + vector.body), on: bench.backendFlow(.backend(1)))
            let relayed = bench.take().to("C").map { Rows($0.bytes) }
            #expect(relayed.count == expected, "\(name)")
            for answer in relayed {
                #expect(answer.startLine == vector.startLine && answer.body == vector.body)
                #expect(answer.others(than: ["via"]) == vector.others(than: ["via"]))
            }
        }
        #expect(bench.drops == [.unsendable])
    }

    @Test(
        "MSG-T08: what lies behind a datagram's Content-Length is not forwarded; on a stream it is a request of its own"
    )
    func twoRequests() throws {
        let vector = try Vectors.named("dblreq")
        bench.receive(vector.bytes, on: bench.client("U", Side.publicUDP, port: 5060))
        #expect(bench.sent.requests == ["REGISTER B1"] && Rows(bench.take()[0].bytes).body.isEmpty)
        _ = bench.receiveStream(vector.bytes, on: bench.client())
        #expect(bench.sent.requests == ["REGISTER B1", "INVITE B1"])
    }

    @Test("MSG-T38: 420 names the tags of Proxy-Require and not those of Require")
    func unsupported() throws {
        bench.receive(try Vectors.named("bext01").bytes, on: bench.client())
        let tags = "noProxiesSupportThis, norDoAnyProxiesSupportThis"
        #expect(bench.sent.map { $0.wire.values("Unsupported") } == [[tags]])
    }

    // MARK: Verdicts

    private func verdict(isWaiting: Bool = false) -> Torture.Verdict? {
        if isWaiting { return .waits }
        let finals = bench.sent.answers.filter { $0 >= 200 }
        let count = bench.sent.filter { $0.status == 0 }.count
        if finals.isEmpty { return count == 0 ? .dropped : .forwarded(count) }
        return finals.count == 1 && count == 0 ? .answered(finals[0]) : nil
    }

    /// What was forwarded equals what was received but for a proxy's edits (MSG-53, MSG-55, PRX-28).
    private func check(_ vector: Vectors.Vector) {
        guard let sent = bench.sent.first(where: { $0.status == 0 }) else { return }
        #expect(Torture.differences(from: vector.bytes, in: sent.bytes) == [])
    }
}
