// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Testing

@Suite("Targets with several addresses")
struct AddressTests {
    /// A pool of a target with the addresses B1 to B3, of which B3 is not usable, and another target, B9.
    private func bench(_ transport: SIPTransport) -> Bench {
        let id = PoolID(index: 0)
        let backends = [1, 2, 3, 9].map { (last: UInt32) in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last, transport)),
                name: last < 9 ? "a.example" : "b.example",
                priority: last < 9 ? 1 : 2,
                weight: 1,
                addressOrder: last == 1 ? 0 : 1,
                state: last == 3 ? .down : .up,
                isUsable: last != 3
            )
        }
        return Bench(.sample([PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)]))
    }

    private func others(_ bench: Bench) -> [String] {
        guard let attempt = bench.sent.last?.attempt else { return [] }
        return bench.core.otherAddresses(of: attempt, now: bench.now).map { Bench.name($0.endpoint) }
    }

    @Test("LOC-42: a dual-stack UDP target gets its request at one address, and no other is offered")
    func datagrams() {
        let bench = bench(.udp)
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        #expect(others(bench).isEmpty)
        bench.wait(3.9)
        #expect(Set(bench.sent.to("B1").map(\.wire.text)).count == 1)
        #expect(bench.sent.requests.allSatisfy { $0 == "OPTIONS B1" })
    }

    @Test("LOC-43: the other usable addresses of a stream target are offered, not those of another target")
    func streams() {
        let bench = bench(.tcp)
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        #expect(others(bench) == ["B2"])
    }

    @Test("LOC-43: an attempt that moves belongs to the other address: answers, statistics and what was tried")
    func moved() {
        let bench = bench(.tcp)
        for last in [1, 9] as [UInt32] { bench.behaviour[.backend(last)] = .holds }
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        guard let attempt = bench.sent[0].attempt else { return }
        let target = BackendTarget(endpoint: .backend(2), pool: PoolID(index: 0))
        bench.core.attemptMoved(attempt, to: target, now: bench.now)
        let flow = bench.backendFlow(.backend(2))
        bench.core.attemptSent(attempt, on: flow.id, now: bench.now)
        #expect(others(bench).isEmpty)
        bench.wait(1.5)
        bench.close(flow)
        // Neither address of the target is tried again.
        #expect(bench.attempts == ["B2 closed"] && bench.sent.requests == ["OPTIONS B1", "OPTIONS B9"])
    }

    @Test("TRN-50: the last server that a request may try is known as such")
    func lastResort() throws {
        func isLast(_ bench: Bench) throws -> Bool {
            bench.core.isLastResort(try #require(bench.sent.last?.attempt), now: bench.now)
        }
        let bench = bench(.tcp)
        for last in [1, 2, 9] as [UInt32] { bench.behaviour[.backend(last)] = .holds }
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        for name in ["B1", "B2"] {
            #expect(bench.sent.last?.to == name)
            #expect(try !isLast(bench))
            bench.core.attemptFailed(try #require(bench.sent.last?.attempt), .refused, now: bench.now)
            bench.wait(0.01)
        }
        // The fourth is down.
        #expect(bench.sent.last?.to == "B9")
        #expect(try isLast(bench))
        bench.core.attemptFailed(try #require(bench.sent.last?.attempt), .refused, now: bench.now)
        #expect(try !isLast(bench), "it has ended")
    }

    @Test("TRN-50, LOC-54: where no server is usable all may be tried, and the last one is the last resort")
    func lastResortInPanic() throws {
        let id = PoolID(index: 0)
        let backends = (1...3).map { (last: UInt32) in
            BackendView(
                id: BackendID(pool: id, endpoint: .backend(last)),
                name: "b\(last).example",
                priority: UInt16(last),
                state: .down,
                isUsable: false
            )
        }
        let bench = Bench(.sample([PoolView(id: id, settings: PoolSettings(name: "p"), backends: backends)]))
        for last in 1...3 as ClosedRange<UInt32> { bench.behaviour[.backend(last)] = .holds }
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        for place in 0...1 {
            #expect(!bench.core.isLastResort(try #require(bench.sent.last?.attempt), now: bench.now))
            bench.fail(bench.sent[place], .refused)
        }
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B2", "OPTIONS B3"])
        #expect(bench.core.isLastResort(try #require(bench.sent.last?.attempt), now: bench.now))
    }

    @Test("LOC-43: an attempt moves nowhere twice, but goes on; nothing is held against its own address")
    func outrun() throws {
        let bench = bench(.tcp)
        for last in [1, 9] as [UInt32] { bench.behaviour[.backend(last)] = .holds }
        let client = bench.client()
        // B2 is tried first, for B1 was held, and sends it on to B1, which has come back.
        bench.core.connectionFailed(to: target(1), .refused, now: bench.now)
        bench.receive(Wire.request("OPTIONS"), on: client)
        let first = try #require(bench.sent.to("B2").first)
        let own = Wire.request("OPTIONS", branch: "z9hG4bKown", maxForwards: 0)
        bench.receive(own, on: bench.backendFlow(.backend(1)))
        _ = bench.take()
        bench.answer(503, to: first)
        let second = try #require(bench.sent.last?.attempt)
        #expect(bench.sent.last?.to == "B1")
        #expect(!bench.core.attemptMoved(second, to: target(2), now: bench.now))
        #expect(bench.core.attemptOutrun(second, now: bench.now) && !bench.core.awaits(second))
        bench.wait(0.01)
        #expect(bench.sent.requests == ["OPTIONS B1", "OPTIONS B9"])
        // B1 has only been slow.
        #expect(bench.attempts == ["B1 refused", "B2 status"])
        bench.answer(200, to: bench.sent[1])
        #expect(bench.sent.answers == [200] && bench.core.transactionCount == 0)
    }

    @Test("PRX-54, LOC-43: after a 6xx one that was outrun goes nowhere else")
    func outrunAfterDecline() throws {
        let bench = Bench(.sample([.sample(3)]))
        bench.behaviour[.backend(2)] = .holds
        bench.receive(Wire.request("INVITE"), on: bench.client())
        bench.wait(until: 4.1)
        let second = try #require(bench.sent.to("B2").first?.attempt)
        bench.answer(603, to: bench.sent.to("B1")[0])
        #expect(!bench.core.attemptOutrun(second, now: bench.now) && bench.core.awaits(second))
        bench.wait(0.01)
        #expect(bench.sent.to("B3").isEmpty)
    }

    @Test("TXN-31, LOC-43: nor does one whose client is about to give up")
    func outrunTooLate() throws {
        let bench = Bench(.sample([.sample(3, firstResponse: FirstResponseLimits(nonInvite: .seconds(30)))]))
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        bench.wait(until: 28.1)
        let first = try #require(bench.sent.to("B1").first?.attempt)
        #expect(!bench.core.attemptOutrun(first, now: bench.now) && bench.core.awaits(first))
        bench.wait(0.01)
        #expect(bench.sent.to("B2").isEmpty)
    }

    @Test("LOC-43: one that has nowhere else to go waits on, as does one for an address that its URI names")
    func staysOutrun() throws {
        let bench = Bench(.sample([.sample(1)]))
        let client = bench.client()
        bench.behaviour[.backend(1)] = .holds
        bench.receive(Wire.request("OPTIONS"), on: client)
        let only = try #require(bench.sent.last?.attempt)
        #expect(!bench.core.attemptMoved(only, to: target(2), now: bench.now))
        #expect(!bench.core.attemptOutrun(only, now: bench.now) && bench.core.awaits(only))
        let peer = bench.client("P", Side.peerTLS)
        let route = "Route: <sip:192.0.2.1;transport=tcp;lr>"
        bench.receive(Wire.request("BYE", branch: "z9hG4bKb", toTag: "b", extra: [route]), on: peer)
        let literal = try #require(bench.sent.last?.attempt)
        #expect(bench.sent.last?.to == "B1")
        #expect(!bench.core.attemptMoved(literal, to: target(2), now: bench.now))
        #expect(!bench.core.attemptOutrun(literal, now: bench.now) && bench.core.awaits(literal))
    }

    private func target(_ last: UInt32) -> BackendTarget {
        BackendTarget(endpoint: .backend(last), pool: PoolID(index: 0))
    }

    @Test("LOC-43, LOC-41: the same for a named next hop, inside one target")
    func named() {
        let bench = bench(.tcp)
        let peer = bench.client("P", Side.peerTLS)
        for last in [11, 13] as [UInt32] { bench.behaviour[.backend(last)] = .holds }
        bench.receive(Wire.request("OPTIONS", extra: ["Route: <sip:core.example.net;lr>"]), on: peer)
        let servers = [(11, "a"), (12, "a"), (13, "b")].map { (last: UInt32, name: String) in
            let isFirst = name == "a"
            return Published(
                priority: isFirst ? 1 : 2,
                name: name,
                endpoint: .backend(last),
                addressOrder: last == 12 ? 1 : 0
            )
        }
        bench.resolve(bench.questions[0].id, .resolved(NextHops(servers)))
        #expect(bench.sent.requests == ["OPTIONS B11"] && others(bench) == ["B12"])
        guard let attempt = bench.sent[0].attempt else { return }
        bench.core.attemptMoved(attempt, to: BackendTarget(endpoint: .backend(12), pool: nil), now: bench.now)
        bench.fail(bench.sent[0], .closed)
        #expect(bench.attempts == [] && bench.sent.requests == ["OPTIONS B11", "OPTIONS B12"])
        bench.fail(bench.sent[1], .refused)
        #expect(bench.attempts == ["B12 refused"] && bench.sent.requests.last == "OPTIONS B13")
    }

    @Test("A connection that failed for all that waited for it is counted once, and its backend passed by")
    func failedOnce() {
        let bench = bench(.tcp)
        bench.core.connectionFailed(
            to: BackendTarget(endpoint: .backend(1), pool: PoolID(index: 0)),
            .refused,
            now: bench.now
        )
        bench.receive(Wire.request("OPTIONS"), on: bench.client())
        #expect(bench.sent.requests == ["OPTIONS B2"] && bench.attempts == ["B1 refused"])
    }
}
