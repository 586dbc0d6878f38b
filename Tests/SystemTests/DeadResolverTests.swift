// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import NIOCore
import SIPMessage
import TestSupport
import Testing

extension SystemTests {
    @Suite("An edge whose name servers are gone")
    struct DeadResolverTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test(
            "LOC-61, LOC-62: with every name server mute, or closed, for longer than every TTL, calls and probes go on",
            arguments: [true, false]
        )
        func dead(isMute: Bool) async throws {
            let pool = try await PublishedPool(2)
            let backends = pool.backends
            let places = [try TemporaryDirectory(), try TemporaryDirectory()]
            let first = try await NameServer([PublishedPool.origin: pool.zone()], in: places[0])
            let second = try await NameServer([PublishedPool.origin: pool.zone()], in: places[1])
            let edge = try pool.edge(asking: [first.port, second.port])
            let brana = try await pool.run(edge, up: 2, in: directory)
            let caller = try await pool.caller(edge)

            for server in [first, second] {
                if isMute { server.pause() } else { await server.stop() }
            }
            // A server that is mute is waited for, question by question, before the old answer is used.
            try await brana.wait(within: .seconds(40), for: "stale state") { $0.isStale }
            // Each answer of this zone lives for a second, that of absence for two; all have ended by then.
            try await Task.sleep(for: .seconds(3))
            let status = try await brana.status()
            #expect(status.dns.staleEntries > 0, "\(status.dns)")
            let probesBefore = try await probes(backends)
            let tally = await caller.call(500, perSecond: 100)
            #expect(tally.failures == [:])
            #expect(tally.completed == 500 && tally.servers.count == 2, "\(tally.servers)")
            let slowest = tally.setupTime(quantile: 1) ?? .seconds(10)
            print("dead resolver (\(isMute ? "mute" : "closed")): 500 calls, 0 lost, slowest set up in \(slowest)")
            #expect(slowest < .seconds(1), "no call waits for DNS")
            #expect(try await probes(backends) >= probesBefore + 8, "LOC-61: probes go on")

            if isMute {
                for server in [first, second] { server.resume() }
                try await brana.wait(within: .seconds(45), for: "fresh state") { !$0.isStale }
            }
            await caller.close()
            #expect(await brana.stop() == 0)
            await pool.stop()
            for server in [first, second] { await server.stop() }
        }

        @Test("LOC-57, LOC-61: SERVFAIL keeps the pool as it was; NXDOMAIN empties it, and calls get 503")
        func absence() async throws {
            let pool = try await PublishedPool(1)
            let zone = pool.zone()
            let port = try FreePort.next()
            var server = try await serve(zone, on: port)
            let edge = try pool.edge(asking: [port])
            let brana = try await pool.run(edge, up: 1, in: directory)
            let load = OptionsLoad(edge: edge, domain: PublishedPool.origin)

            await server.stop()
            server = try await serve(zone, on: port, "--servfail", "1")
            try await brana.wait(for: "stale state") { $0.isStale }
            try await Task.sleep(for: .seconds(3))
            #expect(try await load.send(20) == .init(servers: ["b1": 20]))

            await server.stop()
            let records = zone.split(separator: "\n").filter { !$0.contains("SRV") && !$0.contains("NAPTR") }
            server = try await serve(records.joined(separator: "\n") + "\n", on: port)
            try await brana.wait(within: .seconds(45), for: "no backend but one that drains") { pool in
                pool.backends.allSatisfy { $0.health == "draining" }
            }
            let refused = try await Waiting.until(within: .seconds(3)) {
                try await load.send(4).failures == ["503", "503", "503", "503"]
            }
            #expect(refused)
            #expect(await brana.stop() == 0)
            await pool.stop()
            await server.stop()
        }

        /// The project's own zone server, which can rehearse trouble.
        private func serve(_ zone: String, on port: Int, _ trouble: String...) async throws -> ChildProcess {
            let file = try directory.write(zone, to: "served.zone")
            let arguments = ["zone", "serve", file, "--listen", "127.0.0.1:\(port)"] + trouble
            let server = try ChildProcess(Brana.executable, arguments, in: directory)
            try await server.log.wait(for: "answering on")
            return server
        }

        private func probes(_ backends: [DemoBackend]) async throws -> Int {
            var sum = 0
            for backend in backends { sum += try await backend.answering().requests[.options] ?? 0 }
            return sum
        }
    }
}
