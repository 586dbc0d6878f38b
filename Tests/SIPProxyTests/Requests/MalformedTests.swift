// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

@Suite("Messages that cannot be taken")
struct MalformedTests {
    private let bench = Bench(1)

    /// An OPTIONS whose From has another name, so that it has none.
    private static let broken = breaking(Wire.request("OPTIONS"))

    private static func breaking(_ text: String) -> String {
        text.components("From").joined(separator: "Fro m")
    }

    private func datagrams(port: UInt16 = 40_000) -> FlowContext {
        bench.client("U", Side.publicUDP, port: port)
    }

    @Test("MSG-56: the answer repeats every Via in order, From, Call-ID and CSeq, and To with a tag; nothing else")
    func fields() {
        let extra = ["Via: SIP/2.0/UDP b;branch=z9hG4bKb", "Record-Route: <sip:x;lr>", "Contact: <sip:a@b>"]
        let text = Wire.request("OPTIONS", extra: extra, body: "abc").components("CSeq: 1").joined(separator: "CSeq: x")
        for flow in [bench.client(), datagrams()] {
            _ = bench.take()
            bench.receive(text, on: flow)
            let answer = bench.sent[0].wire
            #expect(answer.startLine == "SIP/2.0 400 Bad CSeq Number" && bench.sent.count == 1)
            #expect(answer.values("Via").count == 2 && answer.value("Via")?.contains("192.168.1.20:49152") == true)
            #expect(answer.values("Via").last == "SIP/2.0/UDP b;branch=z9hG4bKb")
            #expect(answer.value("From") == "<sip:alice@example.com>;tag=a" && answer.value("Call-ID") == "call-1")
            #expect(answer.value("CSeq") == "x OPTIONS" && answer.toTag?.count == 16)
            #expect(answer.value("Content-Length") == "0" && answer.body.isEmpty && answer.lines.count == 8)
        }
    }

    @Test(
        "MSG-56, MSG-28: a To that cannot be read is repeated as it came, with a tag unless it seems to have one",
        arguments: [
            ("\"Mr J <sip:bob@example.com>", true), ("Bell, A <sip:bob@example.com>", true), ("", true),
            ("\"Mr J <sip:bob@example.com>;TAG=7", false),
        ]
    )
    func unreadableTo(to: String, isTagged: Bool) throws {
        let text = Wire.request("OPTIONS").components("<sip:bob@example.com>").joined(separator: to)
        for flow in [bench.client(), datagrams()] {
            _ = bench.take()
            bench.receive(text, on: flow)
            let value = try #require(bench.sent[0].wire.value("To"))
            #expect(bench.sent.statuses == [400] && value.hasPrefix(to))
            #expect(value.dropFirst(to.utf8.count).hasPrefix(";tag=") == isTagged, "\(value)")
        }
    }

    @Test(
        "MSG-51, MSG-T33: a branch that is the bare cookie makes no transaction: 400 without state, and nothing goes on"
    )
    func bareCookie() {
        for flow in [bench.client(), datagrams()] {
            for method in ["INVITE", "OPTIONS", "CANCEL", "ACK"] {
                for _ in 0..<2 { bench.receive(Wire.request(method, branch: "z9hG4bK"), on: flow) }
                #expect(bench.take().statuses == (method == "ACK" ? [] : [400, 400]), "\(method)")
            }
        }
        #expect(bench.core.transactionCount == 0 && bench.core.clientTransactionCount == 0)
        #expect(bench.core.indexedKeys == 0 && bench.core.transactionHolders == 0 && bench.isQuiet)
    }

    @Test("RFC 3261 section 8.2.7: every copy of one request gets one and the same answer, another one another tag")
    func copies() {
        let client = bench.client()
        bench.receive(Self.broken, on: client)
        bench.receive(Self.broken, on: client)
        bench.receive(Self.breaking(Wire.request("OPTIONS", branch: "z9hG4bKa2")), on: client)
        let tags = bench.sent.map(\.wire.toTag)
        #expect(tags.count == 3 && tags[0] == tags[1] && tags[1] != tags[2])
    }

    @Test(
        "TRN-16, V-VIA-01 to V-VIA-11: a broken datagram with a Via is answered where that Via says",
        arguments: ViaTests.datagrams
    )
    func addressed(sample: ViaTests.Case) {
        let flow = bench.client("U", Side.publicUDP, address: sample.source.0, port: sample.source.1)
        bench.receive(Self.breaking(Wire.request("OPTIONS", via: "UDP \(sample.via)", branch: "")), on: flow)
        #expect(bench.sent.map(\.to) == [sample.answer] && bench.sent.statuses == [400])
        #expect(bench.sent[0].flow == flow.id && bench.sent[0].wire.values("Via") == ["SIP/2.0/UDP \(sample.stamped)"])
    }

    @Test(
        "TRN-16: no datagram without a usable Via is answered, nor is any ACK or response",
        arguments: [
            Wire.request("OPTIONS").components("Via:").joined(separator: "Vi: "),
            Wire.request("OPTIONS", via: "UDP 192.0.2.1:0"), Wire.request("OPTIONS", via: "UDP [fe80::1%25eth0]"),
            Wire.request("OPTIONS").components("\r\n").joined(separator: "\n"),
            breaking(Wire.request("ACK")),
            Wire.request("OPTIONS").components("CSeq: 1 OPTIONS").joined(separator: "CSeq: 1 ACK"),
            breaking(Wire(Wire.request("OPTIONS")).answer(200)),
            "\r\n\r\n", "\0\0\0\0", "GET / HTTP/1.1\r\n\r\n",
        ]
    )
    func unanswered(text: String) {
        bench.receive(text, on: datagrams())
        #expect(bench.sent.isEmpty && bench.drops == [.malformed])
    }

    @Test("TRN-16: a thousand random datagrams get no byte")
    func noise() {
        var generator = SeededGenerator(seed: 16)
        let flow = datagrams()
        for _ in 0..<1000 {
            let count = Int.random(in: 5...1400, using: &generator)
            bench.receive(
                ByteBuffer(bytes: (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }),
                on: flow
            )
        }
        #expect(bench.sent.isEmpty && bench.drops.count == 1000)
    }

    @Test("A broken response under a Via of ours is no request of somebody, whatever its start line says")
    func ownVia() {
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK2"), on: bench.client())
        let answer = bench.sent.to("B1")[0].wire.answer(200).components("SIP/2.0 200").joined(separator: "SAP/2.0 200")
        _ = bench.take()
        bench.receive(answer, on: bench.backendFlow(.backend(1)))
        bench.receive(answer, on: datagrams())
        #expect(bench.sent.isEmpty && bench.drops == [.malformed, .malformed])
    }

    @Test(
        "OVL-23: no broken datagram is answered with more than three times its bytes, and one that would be with none"
    )
    func amplification() {
        let flow = datagrams()
        let small = "X\r\nVia: SIP/2.0/UDP a;rport\r\n\r\n"
        bench.receive(small, on: flow)
        #expect(bench.sent.isEmpty && bench.drops == [.amplification])
        // The same over a connection, whose source is verified.
        bench.receive(small, on: bench.client())
        #expect(bench.sent.answers == [400])
        for padding in 0..<120 {
            _ = bench.take()
            let text = "X\r\nVia: SIP/2.0/UDP a;rport\r\nX: \(String(repeating: "x", count: padding))\r\n\r\n"
            bench.receive(text, on: flow)
            #expect(bench.sent.allSatisfy { $0.bytes.readableBytes <= 3 * text.utf8.count }, "\(padding)")
        }
        #expect(bench.sent.answers == [400])
    }
}
