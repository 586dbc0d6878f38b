// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Connecting to a target of several addresses, over loopback", .timeLimit(.minutes(1)))
struct StaggeredConnectTests {
    private static func address(_ last: UInt32) -> IPAddress { .v4(0x7F00_0000 + last) }

    /// One target whose first address is preferred.
    private static func places(_ addresses: [UInt32], _ port: Int) -> [EdgeBench.Place] {
        addresses.enumerated().map { place, last in
            .init(name: "a", address: address(last), port: port, addressOrder: UInt8(place))
        }
    }

    @Test("LOC-43: with the preferred address black-holed the request leaves on the other after 250 ms, once")
    func blackHole() async throws {
        let port = try FreePort.next()
        let hole = try BlackHole(last: 2, port: port)
        let backend = try await AnsweringServer.start(host: "127.0.0.3", port: port)
        let bench = try await EdgeBench.start(places: Self.places([2, 3], port))
        let client = try await WireConnection.connect(bench.port)
        let began = ContinuousClock.now
        client.send(Wire.request("INVITE", "race1") + Wire.options("race2"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 2))
        let took = ContinuousClock.now - began
        // How much later depends on what else the machine has to do; the connect timeout is far off.
        #expect(took >= .milliseconds(240) && took < .seconds(2), "\(took)")
        #expect(backend.received.count == 2 && backend.connectionCount == 1)
        // The winner is charged with the requests, the loser with nothing.
        let winner = BackendTarget(
            endpoint: Endpoint(transport: .tcp, address: Self.address(3), port: UInt16(port)),
            pool: PoolID(index: 0)
        )
        #expect(try await bench.count { $0.backends[winner]?.answered ?? 0 } == 2)
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failed } } == 0)
        // What comes next need not wait for the dead address again.
        client.send(Wire.options("race3"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 3))
        #expect(backend.received.count == 3 && backend.connectionCount == 1)
        try await bench.stop()
        try await backend.stop()
        _ = hole
    }

    @Test("LOC-43: an address that was only slow is used as soon as its connection stands")
    func slow() async throws {
        let port = try FreePort.next()
        let hole = try BlackHole(last: 2, port: port)
        let backend = try await AnsweringServer.start(host: "127.0.0.3", port: port)
        let bench = try await EdgeBench.start(places: Self.places([2, 3], port))
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("slow1"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        hole.accept()
        #expect(try await Waiting.until(within: .seconds(10)) { try await bench.backendLoad().connections == 2 })
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failed } } == 0)
        client.send(Wire.options("slow2"))
        #expect(await Waiting.until(within: .seconds(10)) { hole.hasReceived() })
        #expect(backend.received.count == 1)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("LOC-43: an address that was outrun and never answers has failed by its own time, and is counted once")
    func dead() async throws {
        let port = try FreePort.next()
        let hole = try BlackHole(last: 2, port: port)
        let backend = try await AnsweringServer.start(host: "127.0.0.3", port: port)
        let bench = try await EdgeBench.start(places: Self.places([2, 3], port)) { limits in
            limits.connectTimeout = .milliseconds(600)
        }
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("dead1"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(
            try await Waiting.until(within: .seconds(10)) {
                try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.connectTimeout] } } == 1
            }
        )
        client.send(Wire.options("dead2"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 2))
        #expect(backend.received.count == 2 && backend.connectionCount == 1)
        try await bench.stop()
        try await backend.stop()
        _ = hole
    }

    @Test("LOC-43: an address that refuses is counted once, and the other takes all that waited")
    func refused() async throws {
        let port = try FreePort.next()
        let backend = try await AnsweringServer.start(host: "127.0.0.3", port: port)
        let bench = try await EdgeBench.start(places: Self.places([2, 3], port))
        let client = try await WireConnection.connect(bench.port)
        client.send((0..<5).map { Wire.options("refused\($0)") }.joined())
        #expect(await client.wait(for: "SIP/2.0 200", times: 5))
        #expect(backend.received.count == 5)
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.refused] } } == 1)
        try await bench.stop()
        try await backend.stop()
    }

    @Test("LOC-48: when no address of the target comes up the next target gets the request")
    func lost() async throws {
        let port = try FreePort.next()
        let backend = try await AnsweringServer.start(port: try FreePort.next())
        let bench = try await EdgeBench.start(
            places: Self.places([2, 3], port) + [.init(name: "b", priority: 2, port: backend.port)]
        )
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("lost"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failures[.refused] } } == 2)
        try await bench.stop()
        try await backend.stop()
    }
}
