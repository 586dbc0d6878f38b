// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import SIPMessage
import TestSupport
import Testing

extension SystemTests {
    @Suite("Balancing over SRV records that nsd serves")
    struct BalancingTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("400 OPTIONS follow weights 60:20; a stopped server, then a stopped priority, fails none; they come back")
        func failover() async throws {
            let backends = try await Caller.backends(3)
            let servers = zip([(10, 60), (10, 20), (20, 0)], backends).map { ($0.0, $0.1, $1.port) }
            let zone = NameServer.zone("pool.example.test", naptr: "SIP+D2T", srv: "_sip._tcp", servers)
            let nsd = try await NameServer(["pool.example.test": zone], in: directory)
            var edge = try EdgeText(target: "sip:pool.example.test", nameServer: nsd.port)
            edge.pool = ["health: { probe: options, interval: 300ms, timeout: 300ms, fall: 2, rise: 3 }"]
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(3)
            let load = OptionsLoad(edge: edge, domain: "pool.example.test")

            let split = try await load.send(400)
            let bounds = DemoBounds.counts(of: 0.75, draws: 400, deviations: DemoBounds.oneInAThousand)
            #expect(split.failures == [])
            #expect(bounds.contains(split.servers["b1"] ?? 0), "\(split.servers)")
            #expect((split.servers["b1"] ?? 0) + (split.servers["b2"] ?? 0) == 400)

            await backends[0].stop()
            #expect(try await load.send(100) == .init(servers: ["b2": 100]))
            await backends[1].stop()
            #expect(try await load.send(100) == .init(servers: ["b3": 100]))

            let probesBefore = try await backends[0].answering().requests[.options] ?? 0
            try await backends[0].start()
            let first = "127.0.0.1:\(backends[0].port)"
            let pool = try await brana.wait(for: "b1 up") { pool in
                pool.backends.contains { $0.id.hasSuffix(first) && $0.health == "up" }
            }
            #expect(pool.backends.first { $0.id.hasSuffix(first) }?.expectedShare == 1)
            // Nothing but probes reaches it before, and `rise` wants three.
            let probes = try await (backends[0].answering().requests[.options] ?? 0) - probesBefore
            #expect(probes >= 3)
            // The workers adopt what the status says a moment later.
            let isBack = try await Waiting.until(within: .seconds(3)) { try await load.send(4).servers == ["b1": 4] }
            #expect(isBack)
            #expect(try await load.send(100) == .init(servers: ["b1": 100]))
            try await backends[1].start()
            try await brana.waitUntilUp(3)
            let again = try await load.send(100)
            #expect(again.failures == [] && (again.servers["b2"] ?? 0) > 0 && again.servers["b3"] == nil)

            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
            await nsd.stop()
        }

        @Test("A changed zone takes effect within its TTL plus one second, and a dead name server costs no call")
        func live() async throws {
            let backends = try await Caller.backends(2)
            let both = backends.map { (priority: 10, weight: 10, port: $0.port) }
            let origin = "pool.example.test"
            func zone(_ count: Int, _ serial: Int) -> String {
                NameServer.zone(
                    origin,
                    naptr: "SIP+D2T",
                    srv: "_sip._tcp",
                    Array(both.prefix(count)),
                    ttl: 1,
                    serial: serial
                )
            }
            let nsd = try await NameServer([origin: zone(1, 1)], in: directory)
            let edge = try EdgeText(target: "sip:\(origin)", nameServer: nsd.port)
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let load = OptionsLoad(edge: edge, domain: origin)
            #expect(try await load.send(20) == .init(servers: ["b1": 20]))

            try nsd.change(origin, to: zone(2, 2))
            let changed = ContinuousClock.now
            try await brana.wait(within: .seconds(4), for: "second backend up") { pool in
                pool.backends.count == 2 && pool.backends.allSatisfy { $0.health == "up" }
            }
            // nsd needs a moment of its own to read the file.
            #expect(ContinuousClock.now - changed < .seconds(3))
            // It starts slowly, with a tenth of its weight at first.
            #expect(try await load.send(200).servers["b2"] != nil)

            await nsd.stop()
            try await brana.wait(for: "stale state") { $0.isStale }
            let stale = try await load.send(40)
            #expect(stale.failures == [] && stale.servers.count == 2)
            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
        }

        @Test("A record that leaves the zone: its backend gets nothing new, and the BYE of its running call reaches it")
        func drain() async throws {
            let backends = try await Caller.backends(2)
            let origin = "pool.example.test"
            func zone(_ backend: DemoBackend, _ serial: Int) -> String {
                let servers = [(priority: 10, weight: 10, port: backend.port)]
                return NameServer.zone(origin, naptr: "SIP+D2T", srv: "_sip._tcp", servers, ttl: 1, serial: serial)
            }
            let nsd = try await NameServer([origin: zone(backends[0], 1)], in: directory)
            let edge = try EdgeText(target: "sip:\(origin)", nameServer: nsd.port)
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let call = try await HeldCall.begin(edge, domain: origin)
            #expect(call.server == "b1")

            try nsd.change(origin, to: zone(backends[1], 2))
            let ports = backends.map { ":\($0.port)" }
            try await brana.wait(for: "b1 draining and b2 up") { pool in
                pool.backends.contains { $0.id.hasSuffix(ports[0]) && $0.health == "draining" && $0.expectedShare == 0 }
                    && pool.backends.contains { $0.id.hasSuffix(ports[1]) && $0.health == "up" }
            }
            let load = OptionsLoad(edge: edge, domain: origin)
            let isMoved = try await Waiting.until(within: .seconds(3)) { try await load.send(4).servers == ["b2": 4] }
            #expect(isMoved)
            #expect(try await load.send(40) == .init(servers: ["b2": 40]))
            #expect(await call.end() == 200)
            let first = try await backends[0].answering()
            #expect(first.requests[.bye] == 1 && first.callCount == 0 && first.strays == 0)
            #expect(try await backends[1].answering().requests[.bye] == nil)
            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
            await nsd.stop()
        }

        @Test(
            "A server that refuses with 503, or takes requests and says nothing, fails no request and no call",
            arguments: [DemoAnswering.Behaviour.refuse(status: 503), .hang]
        )
        func trouble(behaviour: DemoAnswering.Behaviour) async throws {
            let backends = try await Caller.backends(2)
            let servers = zip([10, 20], backends).map { (priority: $0, weight: 10, port: $1.port) }
            let origin = "pool.example.test"
            let zone = NameServer.zone(origin, naptr: "SIP+D2T", srv: "_sip._tcp", servers)
            let nsd = try await NameServer([origin: zone], in: directory)
            var edge = try EdgeText(target: "sip:\(origin)", nameServer: nsd.port)
            // Without probes only the requests themselves can find out.
            edge.pool = ["health: { probe: none }", "first_response_timeout: { invite: 300ms, other: 300ms }"]
            let brana = try await Brana.run(edge.text, in: directory)
            let load = OptionsLoad(edge: edge, domain: origin)
            #expect(try await load.send(4) == .init(servers: ["b1": 4]))
            let caller = try Caller.make(edge, domain: origin)
            #expect(await caller.call(2, perSecond: 20).servers == ["b1": 2])
            let before = try await backends[0].answering().requests

            try await backends[0].behave(behaviour)
            async let calls = caller.call(10, perSecond: 20)
            #expect(try await load.send(20) == .init(servers: ["b2": 20]))
            let tally = await calls
            #expect(tally.failures == [:] && tally.servers == ["b2": 10])
            #expect(await caller.reconnects() == 0)
            let after = try await backends[0].answering().requests
            // The first of them were tried there.
            #expect(after[.invite] ?? 0 > before[.invite] ?? 0 || after[.options] ?? 0 > before[.options] ?? 0)
            await caller.close()
            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
            await nsd.stop()
        }
    }
}
