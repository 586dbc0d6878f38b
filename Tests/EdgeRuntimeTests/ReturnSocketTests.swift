// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@Suite("Responses by datagram that are refused, over loopback", .timeLimit(.minutes(1)))
struct ReturnSocketTests {
    /// Servers of a name at ports of 127.0.0.1, in this order.
    private func servers(_ ports: [Int]) -> ResolutionOutcome {
        let backends = ports.enumerated().map { place, port in
            let endpoint = Endpoint(transport: .udp, address: .v4(0x7F00_0001), port: UInt16(port))
            let id = BackendID(pool: NextHops.transientPool, endpoint: endpoint)
            return BackendView(id: id, name: "s\(place)", priority: UInt16(place))
        }
        let settings = PoolSettings(name: "name")
        let view = PoolView(id: NextHops.transientPool, settings: settings, backends: backends)
        return .resolved(NextHops(view: view, expiresAt: nil))
    }

    /// A request of a server that says it is `p.example.test`.
    private func invite(_ id: String) -> String {
        Wire.request("INVITE", id).replacing("SIP/2.0/TCP 127.0.0.1:9;", with: "SIP/2.0/UDP p.example.test;")
    }

    @Test("TRN-31, LOC-73: a response that ICMP refuses goes to the next server of sent-by, and the next")
    func refused() async throws {
        let backend = try await AnsweringServer.start(isSilent: true)
        let (first, dead, alive) = try await (DatagramPeer.start(), DatagramPeer.start(), DatagramPeer.start())
        try await dead.stop()
        let bench = try await EdgeBench.start(
            places: [.init(name: "b1", port: backend.port)],
            listening: .udp,
            names: ["p.example.test": servers([dead.port, alive.port])]
        )
        for id in ["one", "two"] { try await first.send(invite(id), to: bench.port) }
        #expect(await first.wait(for: "SIP/2.0 100", times: 2))
        #expect(await Waiting.until(within: .seconds(5)) { backend.received.count == 2 })
        try await first.stop()
        for index in 0...1 { try await backend.answer(index, 200, "OK") }
        #expect(await alive.wait(for: "SIP/2.0 200", times: 2))
        // The listener has heard nothing of it, and goes on.
        let other = try await DatagramPeer.start()
        try await other.send(invite("three"), to: bench.port)
        #expect(await other.wait(for: "SIP/2.0 100"))
        try await other.stop()
        try await alive.stop()
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TRN-31: a server that gets its responses by a socket of its own is heard there, and answered")
    func inbound() async throws {
        let backend = try await AnsweringServer.start()
        let peer = try await DatagramPeer.start()
        let bench = try await EdgeBench.start(places: [.init(name: "b1", port: backend.port)], listening: .udp)
        for id in ["one", "two", "three"] {
            try await peer.send(invite(id), to: bench.port)
            #expect(await peer.wait(for: "Call-ID: \(id)@"))
        }
        #expect(await peer.wait(for: "SIP/2.0 200", times: 3))
        // Two sockets: the listener's, and that of the responses.
        let flows = try await bench.edge.flows(limit: 10).flows.filter { $0.transport == .udp }
        #expect(flows.count == 2 && flows.compactMap(\.remote?.port) == [UInt16(peer.port)])
        #expect(backend.received.count == 3)
        try await bench.stop()
        try await backend.stop()
        try await peer.stop()
    }

    @Test("response_sockets: a server too many takes the place of the one that has rested longest, and is counted")
    func limit() async throws {
        let backend = try await AnsweringServer.start()
        let bench = try await EdgeBench.start(places: [.init(name: "b1", port: backend.port)], listening: .udp)
        var peers: [DatagramPeer] = []
        for number in 0...256 {
            let peer = try await DatagramPeer.start()
            try await peer.send(invite("c\(number)"), to: bench.port)
            #expect(await peer.wait(for: "SIP/2.0 200"))
            peers.append(peer)
        }
        #expect(try await bench.limitHits(.responseSockets) == 1)
        let ports = try await bench.edge.flows(limit: 1000).flows.compactMap(\.remote?.port).map(Int.init)
        #expect(ports.contains(peers[256].port) && !ports.contains(peers[0].port))
        for peer in peers { try await peer.stop() }
        try await bench.stop()
        try await backend.stop()
    }
}
