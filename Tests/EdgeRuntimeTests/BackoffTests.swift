// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("Servers that refuse connections (TRN-50)", .timeLimit(.minutes(1)))
struct BackoffTests {
    @Test("TRN-50: under load a dead target is tried after 0.1, 0.2 … 5 s, a fifth at most taken off, never between")
    func sequence() throws {
        let loop = EmbeddedEventLoop()
        let worker = EmbeddedWorker(on: loop).worker
        let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
        var tries: [NIODeadline] = []
        worker.openConnection = { worker, flow, target in
            tries.append(loop.now)
            loop.execute {
                worker.streams[flow.context.id] = nil
                worker.backends[target]?.connectFailed(flow, .refused)
            }
        }
        let request = ByteBuffer(string: Wire.options("one"))
        // A hundred requests a second, each of which could go elsewhere.
        for _ in 0..<2500 {
            worker.flows(to: target).send(request, attempt: nil)
            loop.advanceTime(by: .milliseconds(10))
        }
        let gaps = zip(tries.dropFirst(), tries).map { ($0 - $1).nanoseconds / 1_000_000 }
        let full: [Int64] = [100, 200, 400, 800, 1600, 3200, 5000, 5000]
        #expect(gaps.count >= full.count)
        for (gap, full) in zip(gaps, full) {
            #expect((full * 8 / 10...full + 10).contains(gap), "\(gap) of \(full) ms")
        }
        #expect(worker.flows(to: target).waitingCount == 0)
    }

    @Test("TRN-50: a request with nowhere else to go waits for the next try, and finds who is back")
    func lastResort() async throws {
        let port = try FreePort.next()
        let bench = try await EdgeBench.start(backends: [port])
        let client = try await WireConnection.connect(bench.port)
        // Each of them finds the target within its wait, and makes that longer: 3.2 s in the end.
        for number in 1...6 {
            client.send(Wire.options("dead\(number)"))
            #expect(await client.wait(for: "Call-ID: dead\(number)@"))
        }
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.refused] } } == 6)
        let backend = try await AnsweringServer.start(port: port)
        let began = ContinuousClock.now
        client.send(Wire.options("back"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(ContinuousClock.now - began < .seconds(2))
        #expect(client.text.ranges(of: "SIP/2.0 503").count == 6 && backend.connectionCount == 1)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-50: with another server left a target within its wait is passed by at once")
    func others() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(backends: [try FreePort.next(), backend.port])
        let client = try await WireConnection.connect(bench.port)
        for number in 1...20 {
            client.send(Wire.options("other\(number)"))
            #expect(await client.wait(for: "SIP/2.0 200", times: number))
        }
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.refused] } } == 1)
        try await bench.stop()
        try await backend.stop()
    }
}
