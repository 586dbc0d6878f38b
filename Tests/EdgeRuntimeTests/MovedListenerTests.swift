// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPMessage
import SIPProxy
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("A UDP listener that moves, over loopback", .timeLimit(.minutes(1)))
struct MovedListenerTests {
    /// The same with its second listener, the one of UDP, as another one at another port.
    private func moved(_ snapshot: EdgeSnapshot, to port: Int, as index: UInt8, _ generation: UInt64) -> EdgeSnapshot {
        let old = snapshot.listeners[1].identity
        let identity = ListenerIdentity(
            id: ListenerID(index: index),
            name: old.name,
            role: old.role,
            transport: .udp,
            address: old.address,
            port: UInt16(port),
            advertisedHost: old.advertisedHost,
            advertisedPort: UInt16(port)
        )
        let setup = ListenerSetup(identity: identity, tls: nil, connectionsPerSource: 1000)
        var changed = snapshot
        changed.proxy.generation = generation
        changed.proxy.listeners[1] = identity
        changed.listeners = [snapshot.listeners[0], setup]
        return changed
    }

    @Test(
        "TRN-52: backends are asked from the port that the UDP listener has moved to, and it can move back",
        arguments: [1, 2]
    )
    func moves(workers: Int) async throws {
        let backend = try await DatagramPeer.start()
        var snapshot: EdgeSnapshot?
        let bench = try await EdgeBench.start(
            workers: workers,
            places: [.init(name: "b1", port: backend.port)],
            beside: [.udp],
            speaking: .udp,
            change: { snapshot = $0 }
        )
        let before = try #require(snapshot)
        let client = try await WireConnection.connect(bench.port)
        let there = try FreePort.next()
        let ports = [bench.ports[1], there, bench.ports[1]]
        for (place, port) in ports.enumerated() {
            if place > 0 {
                let changed = moved(before, to: port, as: UInt8(place + 1), UInt64(place + 1))
                try await bench.edge.adopt(changed)
            }
            client.send(Wire.options("at\(place)"))
            #expect(await backend.wait(for: "Call-ID: at\(place)@"))
            let request = try #require(backend.received.last)
            #expect(request.contains("Via: SIP/2.0/UDP 127.0.0.1:\(port);"))
            #expect(backend.sources.last == port)
            try await backend.send(try Wire.answer(to: request), to: port)
            #expect(await client.wait(for: "SIP/2.0 200", times: place + 1))
        }
        #expect(try await bench.count { $0.backends.values.reduce(0) { $0 + $1.failed } } == 0)
        try await client.close()
        try await bench.stop()
        try await backend.stop()
    }
}
