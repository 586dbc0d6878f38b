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

    @Test(
        "OVL-34: a backend that refuses new calls by its probes gets none, and the BYE of its call on the connection it had"
    )
    func refusesNewCalls() async throws {
        let (first, second) = (try await AnsweringServer.start(), try await AnsweringServer.start())
        let places = [first.port, second.port].enumerated().map {
            EdgeBench.Place(name: "b\($0)", priority: UInt16($0), port: $1)
        }
        var snapshot: EdgeSnapshot?
        let bench = try await EdgeBench.start(places: places, connections: 1, change: { snapshot = $0 })
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.request("INVITE", "one"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        // What its 503 to OPTIONS makes of it is in the tests of health.
        var changed = try #require(snapshot)
        let pool = changed.proxy.pools[0]
        changed.proxy.generation = 2
        changed.proxy.pools = [
            PoolView(
                id: pool.id,
                settings: pool.settings,
                backends: pool.backends.map { backend in
                    let isRefusing = backend.endpoint.port == UInt16(first.port)
                    return BackendView(
                        id: backend.id,
                        name: backend.name,
                        priority: backend.priority,
                        weight: backend.weight,
                        state: isRefusing ? .down : .up,
                        isUsable: !isRefusing
                    )
                }
            )
        ]
        try await bench.edge.adopt(changed)
        client.send(Wire.request("INVITE", "two"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 2))
        let route = "Route: <sip:127.0.0.1:\(bench.port);transport=tcp;lr>\r\n"
        let bye = Wire.request("BYE", "one", extra: route, tag: "1")
        client.send(bye.replacing("BYE sip:test@example.test", with: "BYE sip:b@127.0.0.1:\(first.port);transport=tcp"))
        #expect(await client.wait(for: "CSeq: 1 BYE"))
        #expect(first.receivedByConnection.map { $0.map { $0.prefix(3) } } == [["INV", "BYE"]])
        #expect(second.received.map { $0.prefix(3) } == ["INV"])
        try await bench.stop()
        for server in [first, second] { try await server.stop() }
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
