// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import NIOCore
import NIOPosix
import TestSupport
import Testing

extension SystemTests {
    @Suite("A backend that takes connections and reads nothing")
    struct StuckBackendTests {
        private static let queue = 200
        private static let count = 10_000
        private static let bodySize = 12_000

        @Test(
            "OVL-45: of 10,000 requests a bounded number waits, the others are refused at once, and memory stays flat"
        )
        func flood() async throws {
            let backend = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelOption(.autoRead, value: false)
                .bind(host: "127.0.0.1", port: 0).get()
            let port = try #require(backend.localAddress?.port)
            var edge = try EdgeText(target: "\"sip:127.0.0.1:\(port);transport=tcp\"")
            edge.pool = ["health: { probe: none }", "queue: \(Self.queue)"]
            let brana = try await Brana.run(edge.text, in: try TemporaryDirectory())
            try await brana.wait(for: "a backend") { $0.backends.count == 1 }
            let client = try await RawClient.connect(edge)
            #expect(try await client.ping())
            let before = try brana.process.residentBytes()

            let began = ContinuousClock.now
            for start in stride(from: 1, to: Self.count, by: 100) {
                try await client.send((start..<start + 100).reduce(into: ByteBuffer()) { $0.writeString(message($1)) })
            }
            // What the kernel and two connections' write queues take before nothing moves any more.
            let taken = 4_000
            #expect(
                await Waiting.until(within: .seconds(20)) { client.count(of: "SIP/2.0 503 ") >= Self.count - taken }
            )
            let refused = client.count(of: "SIP/2.0 503 ")
            let growth = try brana.process.residentBytes() - before
            print(
                "stuck backend:",
                refused,
                "of \(Self.count) refused within",
                ContinuousClock.now - began,
                "and \(growth / 1024) KiB more are resident"
            )
            // Less than half of what was sent, which would all be there without a bound.
            #expect(growth < 48 << 20)
            let page = try ExpositionParser(try await AdminClient(socket: brana.socket).get("/metrics").body)
            let hits = ExpositionParser.Series(name: "brana_limit_hits_total", labels: ["limit": "queue"])
            #expect(page.values[hits] ?? 0 >= Double(refused))
            // Others are served meanwhile.
            let other = try await RawClient.connect(edge)
            #expect(try await other.ping())
            await client.close()
            await other.close()
            #expect(await brana.stop() == 0)
            try await backend.close()
        }

        private func message(_ number: Int) -> String {
            let body = String(repeating: "x", count: Self.bodySize)
            return """
                MESSAGE sip:service@voice.example.test SIP/2.0\r
                Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKstuck\(number);rport\r
                Max-Forwards: 70\r
                From: <sip:caller@voice.example.test>;tag=1\r
                To: <sip:service@voice.example.test>\r
                Call-ID: \(number)@stuck.test\r
                CSeq: \(number) MESSAGE\r
                Content-Length: \(body.utf8.count)\r
                \r
                \(body)
                """
        }
    }
}
