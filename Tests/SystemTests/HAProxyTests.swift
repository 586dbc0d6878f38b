// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("HAProxy in front and behind")
    struct HAProxyTests {
        @Test("TRN-64 to TRN-70: HAProxy says whose connection each is, and is told the same", arguments: ["v1", "v2"])
        func chain(version: String) async throws {
            let directory = try TemporaryDirectory()
            let backends = try await Caller.backends(1)
            var edge = try EdgeText(target: "")
            let haproxy = try await HAProxy(edge: edge.port, backend: backends[0].port, in: directory)
            edge.target = "\"sip:127.0.0.1:\(haproxy.back);transport=tcp\""
            edge.fronts = "{ from: [\(HAProxy.address)], versions: [\(version)] }"
            edge.pool.append("send_proxy_protocol: true")
            edge.rest = "logging: { level: info, request_line: \"asked by {source}\" }"
            let brana = try await Brana.run(edge.text, in: directory)
            // Probes come through it too.
            try await brana.waitUntilUp(1)

            if version == "v2" { try await haproxy.log.wait(for: "Server front2/edge is UP") }

            var through = edge
            through.port = try #require(haproxy.front[version])
            let fronted = try await OptionsLoad(edge: through, domain: "voice.example.test").send(20)
            #expect(fronted == .init(servers: ["b1": 20]))
            let plain = try await OptionsLoad(edge: edge, domain: "voice.example.test").send(4)
            #expect(plain == .init(servers: ["b1": 4]))
            try await brana.process.log.wait(for: "asked by 127.0.0.1:", times: 24)
            #expect(!brana.process.log.text.contains("asked by \(HAProxy.address)"))

            // The other version is not accepted, so nobody gets through by it.
            var other = edge
            other.port = try #require(haproxy.unchecked[version == "v1" ? "v2" : "v1"])
            await #expect(throws: (any Error).self) {
                let outcome = try await OptionsLoad(edge: other, domain: "voice.example.test").send(1, connections: 1)
                if outcome.servers.isEmpty { throw TestSupportError("\(outcome)") }
            }
            try await brana.process.log.wait(for: "no PROXY protocol header")
            #expect(brana.process.log.text.contains("peer=\(HAProxy.address):"))
            #expect(await brana.stop() == 0)
            await haproxy.stop()
            for backend in backends { await backend.stop() }
        }
    }
}
