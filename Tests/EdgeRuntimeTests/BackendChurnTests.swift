// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Connections to one backend that come and go, in virtual time", .timeLimit(.minutes(2)))
struct BackendChurnTests {
    /// A worker's flows to one backend, whose connections come up, fail and die as a seed says.
    private final class Scene {
        static let limit = 3
        let loop = EmbeddedEventLoop()
        let worker: Worker
        let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
        /// Those that are being opened.
        var connecting: [StreamFlow] = []
        var open: [EmbeddedChannel] = []
        var generator: SeededGenerator
        let request = ByteBuffer(string: Wire.options("churn"))
        var sent = 0
        var delivered = 0

        init(seed: UInt64) {
            generator = SeededGenerator(seed: seed)
            worker = EmbeddedWorker(on: loop, connections: Self.limit, queue: 20).worker
            worker.openConnection = { [unowned self] _, flow, _ in connecting.append(flow) }
        }

        var flows: BackendFlows { worker.flows(to: target) }
        var drops: Int { Int(worker.counters.drops[.deadFlow] + worker.counters.drops[.queueFull]) }

        func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &generator) }

        func step() throws {
            switch number(0...11) {
            case 0...4: send()
            case 5, 6: try settle(succeeds: number(0...3) > 0)
            case 7: try pick()?.close().wait()
            case 8: pick().map { turn($0, isWritable: !$0.isWritable) }
            // What is no SIP ends it, too.
            case 9: try pick()?.writeInbound(ByteBuffer(string: "\u{1}\u{2}"))
            default: loop.advanceTime(by: .milliseconds(Int64(number(1...400))))
            }
            try collect()
        }

        func send() {
            sent += 1
            flows.send(request, attempt: nil)
        }

        private func pick() -> EmbeddedChannel? { open.randomElement(using: &generator) }

        func turn(_ channel: EmbeddedChannel, isWritable: Bool) {
            channel.isWritable = isWritable
            channel.pipeline.fireChannelWritabilityChanged()
        }

        /// A connection that is being opened stands, or does not.
        func settle(succeeds: Bool) throws {
            guard let flow = connecting.popLast() else { return }
            guard succeeds else {
                worker.streams[flow.context.id] = nil
                return flows.connectFailed(flow, .refused)
            }
            let channel = EmbeddedChannel(handler: flow, loop: loop)
            try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5060)).wait()
            open.append(channel)
        }

        func collect() throws {
            loop.run()
            for channel in open {
                while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
                    delivered += bytes.readableBytes / request.readableBytes
                }
            }
            open.removeAll { !$0.isActive }
        }
    }

    @Test(
        "TRN-43: killed at random, connections stay within their number, none is leaked and none forgotten",
        arguments: [1, 2, 3, 4, 5, 6] as [UInt64]
    )
    func kills(seed: UInt64) throws {
        let scene = Scene(seed: seed)
        for step in 0..<5_000 {
            try scene.step()
            let (up, opening) = (scene.open.count, scene.connecting.count)
            try #require(up + opening <= Scene.limit && opening <= 1, "step \(step)")
            try #require(scene.flows.count == up && scene.worker.streams.count == up + opening, "step \(step)")
            // Each message has left, or waits, or has been counted as lost.
            try #require(scene.sent == scene.delivered + scene.drops + scene.flows.waitingCount, "step \(step)")
        }
        #expect(scene.delivered > 1000 && scene.drops > 50)
        // In the end it works as in the beginning.
        scene.loop.advanceTime(by: .seconds(6))
        for channel in scene.open { scene.turn(channel, isWritable: true) }
        for _ in 0..<10 { try scene.settle(succeeds: true) }
        scene.send()
        try scene.settle(succeeds: true)
        try scene.collect()
        #expect(scene.flows.waitingCount == 0 && scene.sent == scene.delivered + scene.drops)
    }

    @Test("TRN-49: 50 requests while a connection is opened share that one; when it fails, all fail, and none before")
    func shared() throws {
        let loop = EmbeddedEventLoop()
        let worker = EmbeddedWorker(on: loop, connections: 2, queue: 100).worker
        let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
        var opened: [StreamFlow] = []
        worker.openConnection = { _, flow, _ in opened.append(flow) }
        let flows = worker.flows(to: target)
        for _ in 0..<50 {
            flows.send(ByteBuffer(string: Wire.options("one")), attempt: nil)
            loop.advanceTime(by: .milliseconds(10))
        }
        #expect(opened.count == 1 && flows.waitingCount == 50 && worker.counters.drops[.deadFlow] == 0)
        worker.streams[opened[0].context.id] = nil
        flows.connectFailed(opened[0], .connectTimeout)
        #expect(opened.count == 1 && flows.waitingCount == 0 && worker.counters.drops[.deadFlow] == 50)
    }
}
