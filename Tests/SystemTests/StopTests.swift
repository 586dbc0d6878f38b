// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport
import Testing

extension SystemTests {
    @Suite("An edge that is told to stop")
    struct StopTests {
        @Test("OVL-36: SIGTERM while calls ring and run: both end well, nobody new gets in, and the status is 0")
        func calls() async throws {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let backend = try await DemoBackend.start(
                name: "b1",
                address: "127.0.0.1",
                port: try FreePort.next(),
                ringing: .seconds(1),
                on: loop
            )
            let edge = try edge(backend.port)
            let brana = try await Brana.run(edge.text, in: try TemporaryDirectory())
            try await brana.waitUntilUp(1)
            let running = try await HeldCall.begin(edge, domain: "edge.example.test")
            async let second = HeldCall.begin(edge, domain: "edge.example.test")
            let rings = try await Waiting.until(within: .seconds(5)) {
                try await backend.answering().requests[.invite] == 2
            }
            #expect(rings)

            brana.process.signal(SIGTERM)
            try await brana.process.log.wait(for: "notice brana: draining")
            let isClosed = await Waiting.until(within: .seconds(2)) { await !isOpen(edge.port) }
            #expect(isClosed)
            #expect(brana.process.isRunning)
            let ringing = try await second
            #expect(await ringing.end() == 200)
            #expect(await running.end() == 200)
            let answering = try await backend.answering()
            #expect(answering.requests[.bye] == 2 && answering.callCount == 0 && answering.strays == 0)

            let result = try await brana.process.finish(within: .seconds(10))
            #expect(result.status == 0, "\(result.output.suffix(1500))")
            #expect(result.output.contains("notice brana: stopped\n"))
            await backend.stop()
        }

        @Test("OVL-36: after an answered call SIGTERM takes a moment, not drain_timeout")
        func answered() async throws {
            let (backend, edge) = try await scene(ringing: .zero)
            let brana = try await Brana.run(edge.text, in: try TemporaryDirectory())
            try await brana.waitUntilUp(1)
            let call = try await HeldCall.begin(edge, domain: "edge.example.test")
            #expect(await call.end() == 200)
            let began = ContinuousClock.now
            brana.process.signal(SIGTERM)
            let result = try await brana.process.finish(within: .seconds(25))
            #expect(ContinuousClock.now - began < .seconds(20))
            #expect(result.status == 0, "\(result.output.suffix(1500))")
            #expect(result.output.contains("notice brana: stopped\n"))
            await backend.stop()
        }

        @Test("OVL-36: a second SIGTERM ends at once, and the log tells what was cut")
        func again() async throws {
            let (backend, edge) = try await scene(ringing: .seconds(60))
            let brana = try await Brana.run(edge.text, in: try TemporaryDirectory())
            try await brana.waitUntilUp(1)
            async let call = try? HeldCall.begin(edge, domain: "edge.example.test")
            let rings = try await Waiting.until(within: .seconds(5)) {
                try await backend.answering().requests[.invite] == 1
            }
            #expect(rings)
            brana.process.signal(SIGTERM)
            try await brana.process.log.wait(for: "a second SIGTERM ends at once")
            brana.process.signal(SIGTERM)
            let result = try await brana.process.finish(within: .seconds(10))
            #expect(result.status == 0, "\(result.output.suffix(1500))")
            #expect(result.output.contains("told to end again"))
            #expect(result.output.contains("notice brana: stopped with 1 transaction unanswered\n"))
            _ = await call
            await backend.stop()
        }

        /// A backend whose calls ring for some time, and an edge before it that drains for 30 s.
        private func scene(ringing: TimeAmount) async throws -> (DemoBackend, EdgeText) {
            let backend = try await DemoBackend.start(
                name: "b1",
                address: "127.0.0.1",
                port: try FreePort.next(),
                ringing: ringing,
                on: MultiThreadedEventLoopGroup.singleton.next()
            )
            return (backend, try edge(backend.port, drainTimeout: "30s"))
        }

        private func edge(_ backend: Int, drainTimeout: String = "5s") throws -> EdgeText {
            var edge = try EdgeText(target: "127.0.0.1:\(backend);transport=tcp")
            edge.edge = "name: edge.example.test, workers: 1, drain_timeout: \(drainTimeout)"
            return edge
        }

        private func isOpen(_ port: Int) async -> Bool {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            guard let channel = try? await bootstrap.connect(host: "127.0.0.1", port: port).get() else { return false }
            try? await channel.close()
            return true
        }
    }
}
