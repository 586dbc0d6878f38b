// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    @Suite("Backends that are killed and come back under load")
    struct KilledBackendTests {
        private static let domain = "voice.example.test"

        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("LOC-46, LOC-50: under 200 calls a second no new call fails, whichever server is killed or comes back")
        func killed() async throws {
            let ports = try (0..<3).map { _ in try FreePort.next() }
            let records = ports.map { (priority: 10, weight: 10, port: $0) }
            let zone = NameServer.zone(Self.domain, naptr: "SIP+D2T", srv: "_sip._tcp", records)
            let nameServer = try await NameServer([Self.domain: zone], in: directory)
            var servers = try ports.map { try server($0, 0) }
            var edge = try EdgeText(target: "sip:\(Self.domain)", nameServer: nameServer.port)
            edge.rest =
                "logging: { level: info, request_line: \"{method} {status} {attempts} {backend} ms={duration_ms}\" }"
            let inner = try FreePort.next()
            edge.listeners = ["{ name: inner, address: \"127.0.0.1:\(inner)\", transport: tcp, role: inner }"]
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(3)

            // Longer than any try may take, so that a call that fails has been failed by somebody.
            let caller = try Caller.make(edge, domain: Self.domain) { $0.deadline = .seconds(35) }
            let ended = Flag()
            let load = Task { await caller.call(perSecond: 200) { ended.isSet } }
            for (round, place) in [0, 1, 0, 2].enumerated() {
                try await Task.sleep(for: .seconds(1))
                await servers[place].kill()
                // Long enough for its connections to be refused, its probes to fail and calls to go round it.
                try await Task.sleep(for: .seconds(1.5))
                servers[place] = try server(ports[place], round + 1)
                try await brana.waitUntilUp(3)
            }
            try await Task.sleep(for: .seconds(1))
            ended.set()
            let tally = await load.value
            await caller.close()

            // A call that stood or rang on a killed server is lost with it: RFC 3261 has no other server for its BYE (section
            // 12.2), and what has rung is sent nowhere else (TXN-12).
            let lost = tally.failures.filter { $0.key.hasPrefix("BYE") || $0.key == "INVITE: 500 Backend Lost" }
            let lostCount = lost.values.reduce(0, +)
            print("four kills under 200 calls a second:", tally.calls, "calls,", lostCount, "lost with their server")
            let slow = brana.process.log.text.split(separator: "\n").filter { line in
                line.contains("INVITE ") && (line.split(separator: "ms=").last.flatMap { Int($0) } ?? 0) > 2000
            }
            #expect(tally.failures.filter { lost[$0.key] == nil } == [:], "\(slow.joined(separator: "\n"))")
            #expect(tally.calls > 1500 && lostCount <= 4 * 20, "\(tally)")
            let pool = try #require(try await brana.status().pools.first)
            #expect(pool.backends.allSatisfy { $0.requests > 100 })
            #expect(await brana.stop() == 0)
            for server in servers { await server.kill() }
            await nameServer.stop()
        }

        private func server(_ port: Int, _ life: Int) throws -> SippServer {
            try SippServer("k\(port)-\(life)", port: port, transport: "t1", in: directory)
        }
    }
}
