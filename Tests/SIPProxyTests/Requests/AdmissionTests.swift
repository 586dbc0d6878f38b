// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("What is turned away")
struct AdmissionTests {
    private func invite(_ number: Int, extra: [String] = []) -> String {
        Wire.request("INVITE", via: "UDP 203.0.113.7", branch: "z9hG4bK\(number)", callID: "\(number)", extra: extra)
    }

    /// A bench whose route rules refuse every INVITE.
    private func refusing() -> Bench {
        let rules = [
            RouteRule(methods: ["INVITE"], action: .reject(status: 403, reason: "Forbidden")),
            RouteRule(action: .pool(PoolID(index: 0))),
        ]
        return Bench(.sample([.sample(1)], routes: rules))
    }

    @Test("OVL-03: under overload 503 has no Retry-After; while draining it has one, spread from 5 to 60 s")
    func retryAfter() {
        let bench = Bench(1)
        let client = bench.client()
        bench.core.shedding = Shedding(share: Shedding.whole, isSilent: false)
        bench.receive(invite(0), on: client)
        #expect(bench.sent.map(\.status) == [503] && bench.sent[0].wire.value("Retry-After") == nil)
        #expect(bench.limits == [.overload])
        bench.core.shedding = .none
        bench.core.quiesce(now: bench.now)
        _ = bench.take()
        for number in 1...200 { bench.receive(invite(number), on: client) }
        let times = bench.sent.compactMap { $0.wire.value("Retry-After").flatMap { Int($0) } }
        #expect(times.count == 200 && times.allSatisfy { (5...60).contains($0) } && Set(times).count > 30)
    }

    @Test("OVL-04: beyond the second threshold a datagram is dropped; on a connection the answer still goes")
    func silent() {
        let bench = Bench(1)
        bench.core.shedding = Shedding(share: Shedding.whole, isSilent: true)
        bench.receive(invite(1), on: bench.client("U", Side.publicUDP))
        #expect(bench.sent.isEmpty && bench.drops == [.overLimit])
        bench.receive(invite(2), on: bench.client())
        #expect(bench.sent.answers == [503])
        bench.core.shedding = .none
        bench.receive(invite(3), on: bench.client("U", Side.publicUDP))
        #expect(bench.sent.requests == ["INVITE B1"])
    }

    @Test("OVL-05: a refusal leaves once and without state; its ACK is known by the tag and goes no further")
    func refusedOnce() throws {
        let bench = refusing()
        let client = bench.client("U", Side.publicUDP)
        bench.receive(invite(1), on: client)
        bench.wait(40)
        #expect(bench.sent.map(\.status) == [403] && bench.isQuiet)
        #expect(bench.finished == ["403 local"])
        // A copy of the request is answered alike.
        bench.receive(invite(1), on: client)
        let tags = bench.sent.map(\.wire.toTag)
        let tag = try #require(tags[0])
        #expect(tags == [tag, tag])
        _ = bench.take()
        let ack = Wire.request("ACK", via: "UDP 203.0.113.7", branch: "z9hG4bK1", callID: "1", toTag: tag)
        bench.receive(ack, on: client)
        #expect(bench.sent.isEmpty && bench.drops == [.absorbedAck])
        // An ACK with another tag is none of ours.
        bench.receive(ack.components(tag).joined(separator: "0123456789abcdef"), on: client)
        #expect(bench.sent.requests == ["ACK B1"])
    }

    @Test("OVL-05: after a 100, and towards our own servers, the final is repeated as ever")
    func refusedWithState() {
        let bench = Bench(1, settings: .trusting)
        let client = bench.client("U", Side.publicUDP)
        bench.behaviour[.backend(1)] = .fails(.refused)
        bench.receive(invite(1), on: client)
        bench.wait(1)
        #expect(bench.sent.answers.count > 2 && bench.sent.answers.first == 100)
        let inner = refusing()
        inner.receive(invite(1), on: inner.client("I", Side.innerUDP))
        inner.wait(1)
        #expect(inner.sent.to("203.0.113.7:5060").answers == [403, 403])
    }

    @Test("OVL-20: with five times as many INVITEs as there is room for, every BYE finds room")
    func reserved() {
        var settings = ProxySettings()
        settings.transactions = 100
        let bench = Bench(1, settings: settings)
        let client = bench.client()
        var byes = 0
        for number in 0..<500 {
            bench.receive(invite(number), on: client)
            guard number % 50 == 49 else { continue }
            byes += 1
            bench.receive(Wire.request("BYE", branch: "z9hG4bKb\(number)", toTag: "b"), on: client)
        }
        // The first BYE takes one of the places that INVITEs may have.
        #expect(bench.sent.to("B1").methods("INVITE").count == 79)
        #expect(bench.sent.to("B1").methods("BYE").count == byes && byes == 10)
        #expect(bench.sent.answers.count { $0 == 503 } == 421)
    }

    @Test("OVL-20: under overload what belongs to dialogs passes, and CANCEL and ACK of what was taken")
    func protected() {
        let bench = Bench(1)
        let client = bench.client()
        bench.receive(invite(1), on: client)
        bench.answer(180, to: bench.sent.to("B1")[0])
        bench.core.shedding = Shedding(share: Shedding.whole, isSilent: true)
        _ = bench.take()
        bench.receive(Wire.request("BYE", branch: "z9hG4bKb", toTag: "b"), on: client)
        bench.receive(Wire.request("ACK", branch: "z9hG4bKa", toTag: "b"), on: client)
        bench.receive(
            Wire.request("CANCEL", via: "UDP 203.0.113.7", branch: "z9hG4bK1", callID: "1"),
            on: client
        )
        #expect(bench.sent.to("B1").map(\.method) == ["BYE", "ACK", "CANCEL"])
        #expect(bench.limits.isEmpty)
    }

    @Test("OVL-20: part of what is new is turned away, every copy of one request alike")
    func part() {
        let bench = Bench(1)
        let client = bench.client("U", Side.publicUDP)
        bench.core.shedding = Shedding(share: Shedding.whole / 2, isSilent: false)
        for number in 0..<400 { bench.receive(invite(number), on: client) }
        let refused = bench.sent.filter { $0.status == 503 }.compactMap { $0.wire.value("Call-ID") }
        #expect((150...250).contains(refused.count))
        for number in 0..<400 { bench.receive(invite(number), on: client) }
        #expect(Set(bench.sent.filter { $0.status == 503 }.compactMap { $0.wire.value("Call-ID") }) == Set(refused))
    }

    @Test("OVL-51: a request that calls itself important is turned away like any other")
    func resourcePriority() {
        let bench = Bench(1)
        bench.core.shedding = Shedding(share: Shedding.whole, isSilent: false)
        bench.receive(invite(1, extra: ["Resource-Priority: esnet.0", "Priority: emergency"]), on: bench.client())
        #expect(bench.sent.answers == [503] && bench.sent.requests.isEmpty)
    }

    @Test("OVL-21: above a limit what is new is refused or dropped, and what was taken goes on")
    func admission() {
        let bench = Bench(1)
        let client = bench.client("U", Side.publicUDP)
        bench.receive(invite(1), on: client)
        _ = bench.take()
        bench.receive(invite(1), on: client, admission: .refused)
        bench.receive(invite(1), on: client, admission: .dropped)
        #expect(bench.sent.answers == [100, 100])
        _ = bench.take()
        bench.receive(invite(2), on: client, admission: .refused)
        bench.receive(invite(3), on: client, admission: .dropped)
        #expect(bench.sent.answers == [503] && bench.sent[0].wire.value("Retry-After") == nil)
        _ = bench.take()
        for method in ["ACK", "CANCEL"] {
            bench.receive(Wire.request(method, branch: "z9hG4bKx", toTag: "b"), on: client, admission: .refused)
        }
        bench.receive(
            Wire.request("CANCEL", via: "UDP 203.0.113.7", branch: "z9hG4bK1", callID: "1"),
            on: client,
            admission: .dropped
        )
        #expect(bench.sent.answers == [200] && bench.sent.requests.isEmpty)
        #expect(bench.drops == [.overLimit, .overLimit, .overLimit])
    }

    @Test(
        "FLW-40: a REGISTER above the rate of its source is 503 with a Retry-After from 5 to 60 s, over any transport"
    )
    func registerAboveRate() {
        let bench = Bench(1)
        let clients = [bench.client(), bench.client("U", Side.publicUDP)]
        for number in 0..<200 {
            let text = Wire.request("REGISTER", "sip:example.com", branch: "z9hG4bK\(number)", callID: "\(number)")
            bench.receive(text, on: clients[number % 2], admission: .refused)
        }
        let times = bench.sent.compactMap { $0.wire.value("Retry-After").flatMap { Int($0) } }
        #expect(bench.sent.answers == Array(repeating: 503, count: 200) && bench.core.transactionCount == 0)
        #expect(times.count == 200 && times.allSatisfy { (5...60).contains($0) } && Set(times).count > 30)
        _ = bench.take()
        bench.receive(invite(1), on: clients[0], admission: .refused)
        bench.receive(Wire.request("MESSAGE", branch: "z9hG4bKm"), on: clients[0], admission: .refused)
        #expect(bench.sent.answers == [503, 503] && bench.sent.allSatisfy { $0.wire.value("Retry-After") == nil })
    }

    @Test("TLS-23: who may ask nothing is answered 403 whatever it sends, even of a transaction that is another's")
    func forbidden() {
        let bench = Bench(1)
        bench.receive(invite(1), on: bench.client("U", Side.publicTLS))
        _ = bench.take()
        let stranger = bench.client("S", Side.publicTLS)
        bench.receive(invite(1), on: stranger, admission: .forbidden)
        let cancel = Wire.request("CANCEL", via: "TLS 203.0.113.7", branch: "z9hG4bK1", callID: "1")
        bench.receive(cancel, on: stranger, admission: .forbidden)
        bench.receive(Wire.request("BYE", branch: "z9hG4bKx", toTag: "b"), on: stranger, admission: .forbidden)
        #expect(bench.sent.answers == [403, 403, 403] && bench.sent.requests.isEmpty)
        bench.receive(Wire.request("ACK", branch: "z9hG4bKx", toTag: "b"), on: stranger, admission: .forbidden)
        #expect(bench.drops == [.strayAck] && bench.core.transactionCount == 1)
    }
}
