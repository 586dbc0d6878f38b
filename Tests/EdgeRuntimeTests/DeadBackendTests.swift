// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import NIOCore
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@Suite("Backends that die or hang, over loopback and several workers", .timeLimit(.minutes(1)))
struct DeadBackendTests {
    /// Failed attempts by worker.
    private func failures(_ bench: EdgeBench) async throws -> [UInt64] {
        try await bench.edge.statistics().map { $0.counters.backends.values.reduce(0) { $0 + $1.failed } }
    }

    private func clients(_ bench: EdgeBench, _ count: Int) async throws -> [WireConnection] {
        var clients: [WireConnection] = []
        for _ in 0..<count { clients.append(try await WireConnection.connect(bench.port)) }
        return clients
    }

    @Test("A killed backend costs at most one failed try a worker, and no call")
    func killed() async throws {
        let dying = try await AnsweringServer.start()
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(workers: 2, backends: [dying.port, backend.port])
        let clients = try await clients(bench, 8)
        for (index, client) in clients.enumerated() {
            client.send(Wire.options("before\(index)"))
            #expect(await client.wait(for: "SIP/2.0 200"))
        }
        try await dying.stop()
        for round in 1...10 {
            for (index, client) in clients.enumerated() {
                client.send(Wire.options("after\(round)x\(index)"))
                #expect(await client.wait(for: "SIP/2.0 200", times: round + 1))
            }
        }
        let failed = try await failures(bench)
        #expect(failed.allSatisfy { $0 <= 1 } && failed.contains(1), "\(failed)")
        #expect(backend.received.count == 80)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("A mute backend costs at most one failed try a worker, and no call")
    func mute() async throws {
        let mute = try await AnsweringServer.start(isSilent: true)
        let backend = try await AnsweringServer.start()
        let limit = FirstResponseLimits(invite: .milliseconds(800), nonInvite: .milliseconds(800))
        let places = [mute.port, backend.port].enumerated().map {
            EdgeBench.Place(name: "b\($0)", priority: UInt16($0), port: $1)
        }
        let bench = try await EdgeBench.start(workers: 2, places: places, firstResponse: limit)
        let clients = try await clients(bench, 8)
        for round in 1...5 {
            for (index, client) in clients.enumerated() {
                client.send(Wire.options("mute\(round)x\(index)"))
                #expect(await client.wait(for: "SIP/2.0 200", times: round))
            }
        }
        let failed = try await failures(bench)
        #expect(failed.allSatisfy { $0 <= 1 } && failed.contains(1), "\(failed)")
        #expect(mute.received.count <= 2)
        try await bench.stop()
        try await backend.stop()
        try await mute.stop()
    }
}
