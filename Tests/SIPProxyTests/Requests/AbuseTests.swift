// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import TestSupport
internal import Testing

@Suite("Abuse")
struct AbuseTests {
    @Test("OVL-40: two edges whose pools lead to each other end it with 482 in the second pass")
    func loopOverTwoEdges() throws {
        func edge(_ key: UInt32) -> Bench {
            var settings = ProxySettings()
            settings.loopKey = key
            return Bench(1, settings: settings)
        }
        let (first, second) = (edge(0x1111), edge(0x2222))
        first.receive(Wire.request("INVITE"), on: first.client())
        let toSecond = first.client("E2", Side.innerTCP, address: "192.0.2.1")
        let toFirst = second.client("E1", Side.innerTCP, address: "192.0.2.9")
        var passes = 0
        while let request = first.take().to("B1").first, passes < 10 {
            passes += 1
            second.receive(request.bytes, on: toFirst)
            guard let back = second.take().to("B1").first else { break }
            first.receive(back.bytes, on: toSecond)
            let answers = first.sent.to("E2").answers
            if passes == 1 { #expect(answers == [482]) }
        }
        #expect(passes == 1)
    }

    @Test("OVL-41: our inner address is told outside in Record-Route alone, where the dialog needs it")
    func topology() {
        /// The names of the fields of a message that hold it.
        func telling(_ wire: Wire) -> Set<String> {
            Set(wire.text.components("\r\n").filter { $0.contains("10.0.0.5") }.map { String($0.prefix { $0 != ":" }) })
        }
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(Wire.request("INVITE"), on: client)
        let inward = bench.sent.to("B1")[0]
        #expect(telling(inward.wire) == ["Via", "Record-Route"])
        let routes = inward.wire.values("Record-Route").map { "Record-Route: \($0)" }
        bench.answer(200, to: inward, extra: routes)
        bench.receive(Wire.request("INVITE", branch: "z9hG4bK2", maxForwards: 0), on: client)
        bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK3", maxForwards: 0), on: client)
        bench.receive(Wire.request("REGISTER", "sip:example.com", branch: "z9hG4bK4"), on: client)
        let register = bench.sent.to("B1").methods("REGISTER")[0]
        #expect(telling(register.wire) == ["Via", "Path"])
        bench.answer(200, to: register)
        #expect(bench.sent.to("C").count == 5)
        for answer in bench.sent.to("C") { #expect(telling(answer.wire).isSubset(of: ["Record-Route"])) }
        // A call to the client.
        let token = String(buffer: client.token)
        let route = "Route: <sip:\(token)@10.0.0.5;transport=tcp;lr>"
        bench.receive(Wire.request("INVITE", via: "TCP 192.0.2.1", extra: [route]), on: bench.backendFlow(.backend(1)))
        let outward = bench.sent.to("C").methods("INVITE")
        #expect(outward.count == 1 && telling(outward[0].wire) == ["Record-Route"])
    }

    @Test(
        "OVL-44: what is forwarded of messages that readers frame in two ways is one message to two of them",
        arguments: [
            ["Content-Length: 5", "Content-Length: 0"], ["Content-Length: 0", "Content-Length: 0"],
            ["l: 5", "Content-Length: 5"],
            ["Content-Length: 5, 0"], ["Content-Length: +5"], ["Content-Length: -1"], ["Content-Length: 0x5"],
            ["Content-Length: 05"], ["Content-Length :5"], ["Content-Length:\r\n 5"], ["Content-Length: 5\r"],
            ["X: a\nContent-Length: 0", "Content-Length: 5"], ["X: a\rContent-Length: 0", "Content-Length: 5"],
            ["Content-Length: 4294967301"], ["Content-Length: 99999999999999999999"], ["Content-Length: 5 0"],
            ["Transfer-Encoding: chunked", "Content-Length: 5"], ["Content-Length:"],
            ["X: \u{0}", "Content-Length: 5"],
        ]
    )
    func smuggling(lines: [String]) {
        let head = Wire.request("MESSAGE").components("Content-Length").first ?? ""
        let text = head + lines.joined(separator: "\r\n") + "\r\n\r\nINVIT"
        for listener in [Side.publicTLS, Side.publicUDP] {
            let bench = Bench(1)
            let flow = bench.client("C", listener)
            if listener == Side.publicTLS {
                _ = bench.receiveStream(ByteBuffer(string: text), on: flow)
            } else {
                bench.receive(ByteBuffer(string: text), on: flow)
            }
            let sent = bench.sent.to("B1")
            #expect(sent.count <= 1)
            for message in sent {
                // One reader is the tests' own, the other ours.
                let rows = Rows(message.bytes)
                #expect(rows.all("content-length").count == 1 && rows.number("content-length") == rows.body.count)
                var framer = StreamFramer(limits: MessageLimits())
                framer.append(message.bytes)
                guard case .message(let framed) = framer.next() else {
                    Issue.record("no frame in \(message.wire.text)")
                    continue
                }
                #expect(framed == message.bytes && !framer.isInsideMessage)
            }
        }
    }
}
