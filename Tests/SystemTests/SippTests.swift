// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("SIPp calls through the edge to SIPp")
    struct SippTests {
        static let domain = "voice.example.test"
        static let weights = [50, 30, 20]
        /// What a server counts.
        static let counters = ["registers", "invites", "calls", "hangups", "cancels", "reinvites", "subscriptions"]

        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("LOC-30, PRX-33, TXN-38: calls over TLS reach every TCP server by weight, and each stays where it began")
        func tcp() async throws {
            try await rehearse(transport: "tcp", naptr: "SIP+D2T", srv: "_sip._tcp", clients: "tn")
        }

        @Test("LOC-30, PRX-33, TXN-38: calls over TLS reach every UDP server by weight, and each stays where it began")
        func udp() async throws {
            try await rehearse(transport: "udp", naptr: "SIP+D2U", srv: "_sip._udp", clients: "t1")
        }

        /// Registrations, calls that either side ends, changed and cancelled ones, and subscriptions, through stunnel, the edge and nsd's records.
        private func rehearse(transport: String, naptr: String, srv: String, clients: String) async throws {
            let ports = try Self.weights.map { _ in try FreePort.next() }
            let records = zip(Self.weights, ports).map { (priority: 10, weight: $0, port: $1) }
            let zone = NameServer.zone(Self.domain, naptr: naptr, srv: srv, records)
            let nameServer = try await NameServer([Self.domain: zone], in: directory)
            let servers = try ports.enumerated().map { index, port in
                let kind = transport == "udp" ? "u1" : "t1"
                return try SippServer("b\(index + 1)", port: port, transport: kind, in: directory)
            }
            var edge = try EdgeText(target: "sip:\(Self.domain)", nameServer: nameServer.port)
            let inner = try FreePort.next()
            // A UDP listener wants a TCP one beside it, for what is too large for a datagram (TRN-23).
            edge.listeners = Set([transport, "tcp"]).sorted().map { kind in
                "{ name: inner-\(kind), address: \"127.0.0.1:\(inner)\", transport: \(kind), role: inner }"
            }
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(servers.count)
            let tunnel = try await Tunnel(to: edge, in: directory)
            let load = Sipp.Load(port: tunnel.port, domain: Self.domain, transport: clients)
            for scenario in ["register", "call", "brief", "cancel", "reinvite", "subscribe"] {
                let result = try await Sipp.call(scenario, load, in: directory)
                #expect(
                    result.status == 0 && result["SuccessfulCall"] == load.calls && result["FailedCall"] == 0,
                    "\(scenario): \(result.excerpt)\n\(brana.process.log.text.suffix(1500))\n\(tunnel.excerpt)"
                )
            }
            let pool = try #require(try await brana.status().pools.first)
            #expect(pool.backends.map(\.failures) == [0, 0, 0], "\(pool.backends)")
            #expect(await brana.stop() == 0)
            try await check(servers, calls: load.calls)
            await tunnel.stop()
            await nameServer.stop()
        }

        /// What the servers counted: nothing failed, nothing was lost on the way or came twice, the weights hold.
        private func check(_ servers: [SippServer], calls: Int) async throws {
            var sums: [String: Int] = [:]
            for (server, weight) in zip(servers, Self.weights) {
                let counted = try await server.stop()
                #expect(counted.status == 0 && counted["FailedCall"] == 0, "\(counted.excerpt)")
                let invites = counted["invites"]
                let expected = DemoBounds.counts(of: Double(weight) / 100, draws: 4 * calls)
                #expect(invites > 0 && expected.contains(invites), "\(invites) calls, weight \(weight) of 100")
                for name in Self.counters {
                    sums[name, default: 0] += counted[name]
                }
            }
            #expect(sums["registers"] == calls && sums["invites"] == 4 * calls, "\(sums)")
            #expect(sums["calls"] == 2 * calls && sums["hangups"] == calls && sums["cancels"] == calls, "\(sums)")
            #expect(sums["reinvites"] == calls && sums["subscriptions"] == calls, "\(sums)")
        }
    }
}
