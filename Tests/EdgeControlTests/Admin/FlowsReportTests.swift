// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import EdgeControl

@Suite("The flows of an edge over the admin API", .timeLimit(.minutes(1)))
struct FlowsReportTests {
    @Test("Clients' connections and UDP sockets are told with listener, peer and state; the list is bounded")
    func flows() async throws {
        let edge = try await TestEdge { ports in
            """
            edge: { name: edge.example.test, workers: 2 }
            listeners:
              - { name: plain, address: "127.0.0.1:\(ports.plain)", transport: tcp }
              - { name: datagrams, address: "127.0.0.1:\(ports.plain)", transport: udp }
            pools:
              voice: { target: "sip:127.0.0.1:19;transport=tcp", allow_loopback: true, health: { probe: none } }
            routes:
              - { pool: voice }
            admin: { socket: \(ports.socket) }
            logging: { level: critical, stderr: false }

            """
        }
        let sockets = try await edge.flows("")
        #expect(sockets.total == 2 && sockets.flows.map(\.listener) == ["datagrams", "datagrams"])
        #expect(sockets.flows.allSatisfy { $0.transport == "udp" && $0.remote == nil && $0.age == nil })
        #expect(sockets.flows.map(\.worker) == [0, 1])

        let connections = [try await edge.connect(to: edge.ports.plain), try await edge.connect(to: edge.ports.plain)]
        let came = try await Waiting.until(within: .seconds(5)) { try await edge.flows("").total == 4 }
        #expect(came)
        let clients = try await edge.flows("").flows.filter { $0.listener == "plain" }
        #expect(
            Set(clients.map(\.remote)) == Set(connections.map { "\($0.localAddress):\($0.localPort)" })
        )
        #expect(clients.allSatisfy { $0.side == "client" && $0.state == "ready" && $0.pool == nil })
        #expect(clients.allSatisfy { ($0.age ?? -1) >= 0 && ($0.age ?? 60) < 60 })
        for limit in 0...5 {
            let some = try await edge.flows("?limit=\(limit)")
            #expect(some.total == 4 && some.flows.count == min(limit, 4))
        }
        for limit in ["-1", "many", ""] {
            #expect(try await edge.api.get("/api/v1/flows?limit=\(limit)").status == 400, "\(limit)")
        }
        for connection in connections { await connection.close() }
        await edge.stop()
    }
}

extension TestEdge {
    fileprivate func flows(_ query: String) async throws -> FlowsReport {
        try JSONText.decode(FlowsReport.self, from: try await api.get("/api/v1/flows\(query)").body)
    }
}
