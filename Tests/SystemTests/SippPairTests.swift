// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("SIPp callers over TLS and SIPp servers that play what can happen to a call")
    struct SippPairTests {
        /// A caller and a server of `Scenarios/pairs`, and what the server must count for each call.
        struct Pair: Sendable, CustomStringConvertible {
            let name: String
            let counted: [String]
            var transport = "tcp"
            var description: String { "\(name) over \(transport)" }
        }

        private static let calls = 20
        private static let pairs = [
            // 3xx is left to the caller, and other finals come back (RFC 3261 section 16.7).
            Pair(name: "redirect", counted: ["invites", "acks"]),
            Pair(name: "busy", counted: ["invites", "acks"]),
            Pair(name: "answered", counted: ["invites", "acks", "byes"]),
            Pair(name: "prack", counted: ["invites", "pracks", "acks", "byes"]),
            Pair(name: "update", counted: ["invites", "acks", "updates", "byes"]),
            Pair(name: "refer", counted: ["invites", "acks", "refers", "notified", "byes"]),
            Pair(name: "early-cancel", counted: ["invites", "cancels", "acks"]),
            Pair(name: "late-answer", counted: ["invites", "cancels", "acks", "byes"]),
        ]
        private static let overUDP = pairs.map { Pair(name: $0.name, counted: $0.counted, transport: "udp") }
        // Only over UDP the server repeats its answer by itself.
        private static let lost = [Pair(name: "lost-ack", counted: ["invites", "acks", "byes"], transport: "udp")]

        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        @Test("Every call ends as it should on both sides, and nothing comes twice", arguments: pairs + overUDP + lost)
        func pair(_ pair: Pair) async throws {
            let port = try FreePort.next()
            let server = try server(pair.name, port, pair.transport)
            let target = "\"sip:127.0.0.1:\(port);transport=\(pair.transport)\""
            let counted = try await run(pair, target: target, servers: [server])
            #expect(counted[0].status == 0 && counted[0]["FailedCall"] == 0, "\(counted[0].excerpt)")
            for name in pair.counted {
                #expect(counted[0][name] == Self.calls, "\(name): \(counted[0].excerpt)")
            }
        }

        @Test("LOC-46, PRX-56: what a server refuses with 503 another one answers, in the same call")
        func failover() async throws {
            let ports = [try FreePort.next(), try FreePort.next()]
            let domain = SippTests.domain
            let records = ports.enumerated().map { (priority: 10 * ($0 + 1), weight: 1, port: $1) }
            let zone = NameServer.zone(domain, naptr: "SIP+D2T", srv: "_sip._tcp", records)
            let nameServer = try await NameServer([domain: zone], in: directory)
            let servers = [try server("unavailable", ports[0], "tcp"), try server("answered", ports[1], "tcp")]
            let pair = Pair(name: "answered", counted: [])
            let counted = try await run(pair, target: "sip:\(domain)", nameServer: nameServer.port, servers: servers)
            // The first one is left alone after some refusals (LOC-50); every call reaches the second.
            #expect(counted[0]["invites"] > 0 && counted[0]["acks"] == counted[0]["invites"], "\(counted[0].excerpt)")
            #expect(counted[1]["invites"] == Self.calls && counted[1]["byes"] == Self.calls, "\(counted[1].excerpt)")
            await nameServer.stop()
        }

        private func server(_ name: String, _ port: Int, _ transport: String) throws -> SippServer {
            try SippServer(
                name,
                port: port,
                transport: transport == "udp" ? "u1" : "t1",
                scenario: "pairs/\(name)-server",
                in: directory
            )
        }

        /// Makes the calls, and gives what the servers counted.
        private func run(
            _ pair: Pair,
            target: String,
            nameServer: Int? = nil,
            servers: [SippServer]
        ) async throws -> [Sipp.Statistics] {
            var edge = try EdgeText(target: target, nameServer: nameServer)
            edge.pool = ["health: { probe: none }"]
            let inner = try FreePort.next()
            edge.listeners = Set([pair.transport, "tcp"]).sorted().map { kind in
                "{ name: inner-\(kind), address: \"127.0.0.1:\(inner)\", transport: \(kind), role: inner }"
            }
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.wait(for: "backends") { $0.backends.count == servers.count }
            let tunnel = try await Tunnel(to: edge, in: directory)
            let load = Sipp.Load(port: tunnel.port, domain: SippTests.domain, calls: Self.calls, rate: 40)
            let result = try await Sipp.call("pairs/\(pair.name)-caller", load, in: directory)
            #expect(
                result.status == 0 && result["SuccessfulCall"] == Self.calls && result["FailedCall"] == 0,
                "\(pair): \(result.excerpt)\n\(brana.process.log.text.suffix(1500))"
            )
            #expect(await brana.stop() == 0)
            await tunnel.stop()
            var counted: [Sipp.Statistics] = []
            for server in servers { counted.append(try await server.stop()) }
            return counted
        }
    }
}
