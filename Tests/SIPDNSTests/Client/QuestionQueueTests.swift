// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPLocation
import TestSupport
import Testing

@testable import SIPDNS

@Suite("Questions that wait: what pools ask goes before what requests cause")
struct QuestionQueueTests {
    private static func question(_ name: String) -> DNSQuestion { DNSQuestion(DNSName("\(name).z.test"), .a) }

    private static func turn(_ name: String, _ asker: DNSClient.Asker) -> QuestionQueue.Turn {
        let promise = ClientBench.loop.makePromise(of: DNSAnswer.self)
        promise.fail(TestSupportError("nobody waits"))
        return QuestionQueue.Turn(question: question(name), asker: asker, promise: promise)
    }

    /// Takes all that may go, by their names.
    private static func drain(_ queue: inout QuestionQueue, withRequests: Bool = true) -> [String] {
        var names: [String] = []
        while let turn = queue.next(withRequests: withRequests) {
            names.append(String(turn.question.name.text.prefix(2)))
        }
        return names
    }

    @Test("LOC-72: pools first, each kind in its order; a request's question that a pool asks too goes with the pools'")
    func order() {
        var queue = QuestionQueue()
        for name in ["r1", "r2", "r3"] { queue.append(Self.turn(name, .request)) }
        for name in ["p1", "p2"] { queue.append(Self.turn(name, .pool)) }
        #expect(queue.count(of: .request) == 3 && queue.count(of: .pool) == 2)
        queue.promote(Self.question("r2"))
        queue.promote(Self.question("p1"))
        queue.promote(Self.question("absent"))
        #expect(queue.count(of: .request) == 2 && queue.count(of: .pool) == 3)
        #expect(Self.drain(&queue, withRequests: false) == ["p1", "p2", "r2"])
        #expect(Self.drain(&queue) == ["r1", "r3"])
        #expect(queue.count(of: .request) == 0 && queue.count(of: .pool) == 0)
    }

    @Test("What has changed over and waits anew is given out once")
    func again() {
        var queue = QuestionQueue()
        queue.append(Self.turn("r1", .request))
        queue.promote(Self.question("r1"))
        #expect(Self.drain(&queue) == ["r1"])
        queue.append(Self.turn("r1", .request))
        #expect(Self.drain(&queue) == ["r1"])
        #expect(queue.next(withRequests: true) == nil)
    }

    @Test("LOC-72: a flood of names in requests, which nobody answers, holds up no question of a pool")
    func flood() async throws {
        let zone = try ClientBench.zone("flood7 IN A 192.0.2.7\n")
        // Nothing is said to the first questions for these names.
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            query.asked.name.text.hasPrefix("flood") && query.index < 3 ? [] : [.answer(query.reply(zone))]
        }
        let client = try await ClientBench.client([server.port], timeout: .seconds(60)) {
            $0.concurrency = 4
            $0.reserved = 1
            $0.queue = 20
            $0.attempts = 1
        }
        let resolver = TargetResolver(client: client)
        let flood = (0..<40).map { index in
            Task {
                let target = try SIPTarget("sip:flood\(index).z.test:5060;transport=tcp")
                return try await resolver.resolve(target, policy: ResolutionPolicy(), for: .request)
            }
        }
        #expect(
            try await Waiting.until(within: .seconds(30)) {
                // The queue of requests is full.
                try await client.statistics().get().queries["timeout"] ?? 0 > 0
            }
        )
        #expect(await Waiting.until(within: .seconds(30)) { server.queries.count == 3 }, "one place is kept free")
        #expect(try await client.ask(ClientBench.host).get().records.count == 1)
        for index in 0..<30 {
            let answer = try await client.ask(DNSQuestion(DNSName("p\(index).z.test"), .a)).get()
            #expect(answer.outcome == .nameError)
        }
        #expect(server.queries.count { $0.contains("flood") } == 3, "the flood waits on")
        for task in flood { task.cancel() }
        await server.stop()
    }

    @Test("LOC-72: a pool that asks what a request waits for does not wait with it")
    func promotion() async throws {
        let zone = try ClientBench.zone()
        let server = try await FakeDNS.start(on: ClientBench.loop) { query in
            query.index == 0 ? [] : [.answer(query.reply(zone))]
        }
        let client = try await ClientBench.client([server.port], timeout: .seconds(60)) {
            $0.concurrency = 2
            $0.reserved = 1
        }
        let first = client.ask(Self.question("mute"), for: .request)
        let second = client.ask(ClientBench.host, for: .request)
        #expect(try await client.ask(ClientBench.host).get().records.count == 1)
        #expect(try await second.get().records.count == 1)
        #expect(server.queries == ["udp A mute.z.test", "udp A host.z.test"])
        _ = first
        await server.stop()
    }
}
