// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import SIPMessage
import TestSupport
import Testing

extension SystemTests {
    @Suite("From a change in DNS to its effect, with calls running")
    struct ReactionTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test(
            "LOC-55, LOC-58, LOC-62: what nsd serves takes effect within its TTL plus one second, and no call is lost",
            arguments: [1, 4]
        )
        func reaction(ttl: Int) async throws {
            let origin = PublishedPool.origin
            let pool = try await PublishedPool(2)
            let (backends, servers) = (pool.backends, pool.servers)
            let nsd = try await NameServer([origin: pool.zone([servers[0]], ttl: ttl)], in: directory)
            var edge = try pool.edge(asking: [nsd.port])
            edge.pool.append("slow_start: 0s")
            let brana = try await pool.run(edge, up: 1, in: directory)
            let caller = try await pool.caller(edge)
            let ended = Flag()
            let load = Task { await caller.call(perSecond: 60) { ended.isSet } }
            let limit = Duration.seconds(ttl + 1)

            try nsd.change(origin, to: pool.zone(servers, ttl: ttl, serial: 2))
            var changed = try await nsd.served(origin, serial: 2)
            try await waitUntil("a call reaches the new server") { try await invites(backends[1]) > 0 }
            report(ttl, "a server that came", .now - changed, limit)

            let heavier = [servers[0], (priority: 10, weight: 990, port: servers[1].port)]
            try nsd.change(origin, to: pool.zone(heavier, ttl: ttl, serial: 3))
            changed = try await nsd.served(origin, serial: 3)
            try await waitUntil("the share follows the weight") { try await share(of: backends[1], in: brana) > 0.98 }
            report(ttl, "another weight", .now - changed, limit)

            let first = heavier[1]
            let alone = pool.zone([first], ttl: ttl, serial: 4).replacing("b1", with: "b2")
            try nsd.change(origin, to: alone)
            changed = try await nsd.served(origin, serial: 4)
            let last = try await lastInvite(to: backends[0], until: changed + limit + .seconds(2))
            report(ttl, "a server that went", last - changed, limit)

            ended.set()
            let tally = await load.value
            #expect(tally.failures == [:])
            #expect(tally.calls > 100)
            #expect(await caller.reconnects() == 0)
            await caller.close()
            #expect(await brana.stop() == 0)
            await pool.stop()
            await nsd.stop()
        }

        private func report(_ ttl: Int, _ what: String, _ time: Duration, _ limit: Duration) {
            print("reaction: TTL \(ttl) s, \(what): \(time)")
            #expect(time <= limit, "\(what) took effect after \(time)")
        }

        private func waitUntil(_ what: String, _ holds: @Sendable () async throws -> Bool) async throws {
            guard try await Waiting.until(within: .seconds(15), holds) else { throw TestSupportError("never: \(what)") }
        }

        private func invites(_ backend: DemoBackend) async throws -> Int {
            try await backend.answering().requests[.invite] ?? 0
        }

        private func share(of backend: DemoBackend, in brana: Brana) async throws -> Double {
            let pool = try await brana.status().pools.first
            return pool?.backends.first { $0.id.hasSuffix(":\(backend.port)") }?.expectedShare ?? 0
        }

        /// When the number of INVITEs that a server has got grew for the last time, looked at until `end`.
        private func lastInvite(
            to backend: DemoBackend,
            until end: ContinuousClock.Instant
        ) async throws -> ContinuousClock.Instant {
            var (last, count) = (ContinuousClock.now, try await invites(backend))
            while ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
                let now = try await invites(backend)
                if now != count { (last, count) = (.now, now) }
            }
            return last
        }
    }
}
