// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Via, received, rport and where responses go")
struct ViaTests {
    struct Case: Sendable {
        let id: String
        let via: String
        let source: (String, UInt16)
        /// The Via at the backend, without its branch.
        let stamped: String
        let answer: String

        init(_ id: String, _ via: String, _ source: (String, UInt16), _ stamped: String, _ answer: String) {
            self.id = id
            self.via = via
            self.source = source
            self.stamped = stamped
            self.answer = answer
        }
    }

    static let datagrams: [Case] = [
        Case(
            "V-VIA-01",
            "pc.example.org:5070;branch=z9hG4bK1",
            ("203.0.113.7", 40000),
            "pc.example.org:5070;branch=z9hG4bK1;received=203.0.113.7",
            "203.0.113.7:5070"
        ),
        Case(
            "V-VIA-02",
            "10.0.0.9:5060;rport;branch=z9hG4bK1",
            ("203.0.113.7", 9988),
            "10.0.0.9:5060;rport=9988;branch=z9hG4bK1;received=203.0.113.7",
            "203.0.113.7:9988"
        ),
        Case(
            "V-VIA-03",
            "203.0.113.7:5062;branch=z9hG4bK1",
            ("203.0.113.7", 5062),
            "203.0.113.7:5062;branch=z9hG4bK1",
            "203.0.113.7:5062"
        ),
        Case(
            "V-VIA-04",
            "203.0.113.7;branch=z9hG4bK1",
            ("203.0.113.7", 33333),
            "203.0.113.7;branch=z9hG4bK1",
            "203.0.113.7:5060"
        ),
        Case(
            "V-VIA-05",
            "203.0.113.7;rport;branch=z9hG4bK1",
            ("203.0.113.7", 5060),
            "203.0.113.7;rport=5060;branch=z9hG4bK1;received=203.0.113.7",
            "203.0.113.7:5060"
        ),
        Case(
            "V-VIA-06",
            "10.0.0.9;received=198.51.100.66;rport=53;branch=z9hG4bK1",
            ("203.0.113.7", 40000),
            "10.0.0.9;received=203.0.113.7;rport=40000;branch=z9hG4bK1",
            "203.0.113.7:40000"
        ),
        Case(
            "V-VIA-11",
            "[2001:db8::9]:5060;rport;branch=z9hG4bK1",
            ("2001:db8::7", 6000),
            "[2001:db8::9]:5060;rport=6000;branch=z9hG4bK1;received=2001:db8::7",
            "[2001:db8::7]:6000"
        ),
    ]

    @Test("V-VIA-01 to V-VIA-06, V-VIA-11, TRN-17, TRN-18, TRN-19, TRN-20, TRN-29: datagrams", arguments: datagrams)
    func datagram(sample: Case) {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP, address: sample.source.0, port: sample.source.1)
        bench.receive(Wire.request("OPTIONS", via: "UDP \(sample.via)", branch: ""), on: flow)
        let vias = bench.sent.to("B1")[0].wire.values("Via")
        #expect(vias.count == 2 && vias[1] == "SIP/2.0/UDP \(sample.stamped)")
        bench.answer(200, to: bench.sent.to("B1")[0])
        let answer = bench.sent.last
        #expect(answer?.to == sample.answer && answer?.flow == flow.id)
        // Ours is gone, and what we added stays (PRX-51, PRX-61).
        #expect(answer?.wire.values("Via") == ["SIP/2.0/UDP \(sample.stamped)"])
    }

    @Test("V-VIA-01 to V-VIA-06, V-VIA-11, OVL-38: the edge's own answers go there too", arguments: datagrams)
    func ownAnswer(sample: Case) {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP, address: sample.source.0, port: sample.source.1)
        bench.receive(Wire.request("INVITE", via: "UDP \(sample.via)", branch: "", maxForwards: 0), on: flow)
        #expect(bench.sent.map(\.to) == [sample.answer] && bench.sent.statuses == [483])
        #expect(bench.sent[0].wire.values("Via") == ["SIP/2.0/UDP \(sample.stamped)"])
    }

    @Test("V-VIA-07: on a stream the answer goes back over the connection")
    func stream() {
        let bench = Bench(1)
        let flow = bench.client("C", Side.publicTCP, port: 51111)
        bench.receive(Wire.request("OPTIONS", via: "TCP 10.0.0.9:5060;rport"), on: flow)
        let stamped = "SIP/2.0/TCP 10.0.0.9:5060;rport=51111;branch=z9hG4bKa1;received=203.0.113.7"
        #expect(bench.sent[0].wire.values("Via").last == stamped)
        bench.answer(200, to: bench.sent[0])
        #expect(bench.sent.last?.to == "C" && bench.sent.last?.flow == flow.id)
    }

    @Test("V-VIA-13: a mapped address on a dual-stack listener is the IPv4 address that it stands for")
    func mapped() {
        let bench = Bench(1)
        let flow = bench.client("U", Side.publicUDP, address: "::ffff:203.0.113.7", port: 5060)
        bench.receive(Wire.request("OPTIONS", via: "UDP 203.0.113.7:5060"), on: flow)
        #expect(bench.sent[0].wire.values("Via").last == "SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bKa1")
    }

    @Test("PRX-41: the branch has the cookie and is another one in every attempt and every request")
    func branches() {
        let bench = Bench(3)
        let client = bench.client()
        for last in 1...3 as ClosedRange<UInt32> { bench.behaviour[.backend(last)] = .fails(.refused) }
        for number in 0..<100 {
            bench.receive(Wire.request("OPTIONS", branch: "z9hG4bK\(number)"), on: client)
            bench.wait(1.1)
        }
        let branches = bench.sent.filter { $0.status == 0 }.map(\.wire.branch)
        #expect(branches.count > 100 && Set(branches).count == branches.count)
        #expect(branches.allSatisfy { $0.hasPrefix("z9hG4bK") })
    }
}
