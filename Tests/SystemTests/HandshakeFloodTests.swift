// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("Clients that begin TLS handshakes and go no further")
    struct HandshakeFloodTests {
        /// As many as the issue of denial of service is measured with; fewer where the system allows fewer descriptors.
        private static let wanted = 10_000

        @Test(
            "TLS-31, OVL-22: 10,000 half-open handshakes do not disturb calls, nor others' handshakes, and cost little"
        )
        func halfOpen() async throws {
            let count = min(Self.wanted, DescriptorLimit.raise() * 9 / 10 - 1000)
            try #require(count > 1000, "ulimit -Hn is too low for this test")
            let directory = try TemporaryDirectory()
            let backends = try await Caller.backends(1)
            var edge = try EdgeText(target: "\"sip:127.0.0.1:\(backends[0].port);transport=tcp\"")
            edge.rest = "limits: { handshakes: 20000, handshakes_per_worker: 20000, handshake_timeout: 60s }"
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let load = OptionsLoad(edge: edge, domain: "voice.example.test")
            let established = try await load.connect()

            let before = await load.times(300, on: established)
            let memory = try brana.process.residentBytes()
            let flood = HalfOpenFlood(port: edge.port)
            async let opening: Void = flood.open(count)
            let during = await load.times(1500, on: established)
            try await opening
            let held = await load.times(300, on: established)
            let each = (try brana.process.residentBytes() - memory) / count
            #expect(try await load.send(1, connections: 1) == .init(servers: ["b1": 1]), "a new client comes in")
            #expect(await flood.openCount == count, "none was let go of before its time")
            await flood.close()

            print(
                "half-open handshakes:",
                count,
                "each",
                each,
                "B; p99 before",
                before,
                "opening",
                during,
                "held",
                held
            )
            #expect(before.failures == 0 && during.failures == 0 && held.failures == 0)
            #expect(during.p99 < .milliseconds(500) && held.p99 < .milliseconds(100))
            #expect(each < 64 * 1024)
            await established.close()
            #expect(await brana.stop() == 0)
            for backend in backends { await backend.stop() }
        }
    }
}
