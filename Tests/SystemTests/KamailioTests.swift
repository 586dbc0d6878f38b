// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    @Suite("Kamailio behind the edge, over mutual TLS")
    struct KamailioTests {
        static let domain = "voice.example.test"

        let directory: TemporaryDirectory
        let certificates: TestCertificates

        init() throws {
            directory = try TemporaryDirectory()
            certificates = try TestCertificates()
        }

        @Test("TLS-28, FLW-01: clients register, write and call at a Kamailio that demands the edge's certificate")
        func mutual() async throws {
            let kamailio = try makeKamailio("kamailio", naming: Self.domain)
            let nameServer = try await serve([kamailio])
            let edge = try makeEdge(nameServer)
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let tunnel = try await Tunnel(to: edge, in: directory)
            let load = Sipp.Load(port: tunnel.port, domain: Self.domain, calls: 30, transport: "tn")
            for scenario in ["register", "message", "call"] {
                let result = try await Sipp.call(scenario, load, in: directory)
                #expect(
                    result.status == 0 && result["SuccessfulCall"] == load.calls && result["FailedCall"] == 0,
                    "\(scenario): \(result.excerpt)\n\(brana.process.log.text.suffix(1500))\n\(kamailio.excerpt)"
                )
            }
            let caller = try Caller.make(edge, domain: Self.domain)
            #expect(await caller.register() == [])
            let tally = await caller.call(20, perSecond: 100)
            #expect(tally.completed == 20 && tally.failed == 0, "\(tally)\n\(kamailio.excerpt)")
            await caller.close()

            // Each of them was seen, by the edge's certificate; each registration with the edge's Path.
            let requests = kamailio.requests.filter { $0.contains("from edge,") }
            for (method, count) in [("REGISTER", 40), ("MESSAGE", 30), ("INVITE", 50), ("ACK", 50), ("BYE", 50)] {
                #expect(requests.count { $0.contains("request \(method) ") } == count, "\(method)")
            }
            let paths = requests.filter { $0.contains("request REGISTER ") }
            #expect(paths.allSatisfy { $0.contains(";lr;ob>") }, "\(paths.first ?? "")")
            try await stop(brana, [kamailio], nameServer)
            await tunnel.stop()
        }

        @Test(
            "TLS-13, OVL-28: a server whose certificate names another domain is down with that reason, and gets nothing"
        )
        func impostor() async throws {
            let impostor = try makeKamailio("impostor", naming: "other.example.test")
            let kamailio = try makeKamailio("kamailio", naming: Self.domain)
            let nameServer = try await serve([impostor, kamailio])
            let edge = try makeEdge(nameServer)
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.wait(for: "one up, one down") { pool in
                pool.backends.map(\.health).sorted() == ["down", "up"]
            }
            let status = try await brana.ask("status")
            let line = status.output.split(separator: "\n").first { $0.contains("tls:127.0.0.1:\(impostor.port)") }
            let refused = try #require(line, "\(status.output)")
            #expect(refused.contains("down") && refused.contains("certificate is for another name"), "\(refused)")

            // It stands first in the zone, so every call would go there.
            let caller = try Caller.make(edge, domain: Self.domain)
            let tally = await caller.call(20, perSecond: 100)
            #expect(tally.completed == 20 && tally.failed == 0, "\(tally)\n\(brana.process.log.text.suffix(2000))")
            await caller.close()
            #expect(impostor.requests == [], "\(impostor.excerpt)")
            try await stop(brana, [impostor, kamailio], nameServer)
        }

        @Test("TLS-13: a server with a certificate of its own name is used where the pool names it")
        func ownName() async throws {
            let kamailio = try makeKamailio("kamailio", naming: "n1.dc.example.test")
            let nameServer = try await serve([kamailio])
            var edge = try makeEdge(nameServer)
            edge.pool.append("verify_names: [n2.dc.example.test, N1.dc.example.test]")
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let caller = try Caller.make(edge, domain: Self.domain)
            let tally = await caller.call(10, perSecond: 100)
            #expect(tally.completed == 10 && tally.failed == 0, "\(tally)\n\(brana.process.log.text.suffix(2000))")
            await caller.close()
            try await stop(brana, [kamailio], nameServer)
        }

        @Test("TLS-28, TLS-30: without a certificate the edge is refused, says so, and sends nothing in the clear")
        func anonymous() async throws {
            let kamailio = try makeKamailio("kamailio", naming: Self.domain)
            let nameServer = try await serve([kamailio])
            var edge = try makeEdge(nameServer)
            edge.profiles["anonymous"] = "{ ca: \(certificates.authority), verify: true }"
            edge.pool = edge.pool.map { $0 == "tls: trunk" ? "tls: anonymous" : $0 }
            let brana = try await Brana.run(edge.text, in: directory)
            let pool = try await brana.wait(for: "a backend down") { pool in
                pool.backends.map(\.health) == ["down"]
            }
            #expect(pool.backends.first?.reason.contains("TLS handshake failed") == true, "\(pool.backends)")
            let caller = try Caller.make(edge, domain: Self.domain)
            let tally = await caller.call(2, perSecond: 10)
            #expect(tally.failed == 2 && tally.completed == 0, "\(tally)")
            await caller.close()
            #expect(kamailio.requests == [], "\(kamailio.excerpt)")
            try await stop(brana, [kamailio], nameServer)
        }

        @Test("OVL-58: a challenge is answered at the registrar that made it, with the client's own credentials")
        func digest() async throws {
            let servers = try ["one", "two", "three"].map { try makeKamailio($0, naming: Self.domain, digest: true) }
            let nameServer = try await serve(servers, areEqual: true)
            var edge = try makeEdge(nameServer)
            edge.pool.append("affinity: call-id")
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(servers.count)
            let tunnel = try await Tunnel(to: edge, in: directory)
            let load = Sipp.Load(port: tunnel.port, domain: Self.domain, calls: 30, transport: "tn")
            let result = try await Sipp.call("pairs/digest-caller", load, in: directory)
            #expect(
                result.status == 0 && result["SuccessfulCall"] == 30 && result["FailedCall"] == 0,
                "\(result.excerpt)"
            )
            // A nonce is known to the server alone that gave it, so that each second REGISTER came back to it.
            for server in servers {
                let registers = server.requests.count { $0.contains("request REGISTER ") }
                let credentials = server.requests.filter { $0.contains("credentials Digest ") }
                #expect(registers > 0 && registers == 2 * credentials.count, "\(server.excerpt)")
                #expect(credentials.allSatisfy { $0.contains("uri=\"sip:127.0.0.1") && $0.contains("nonce=\"") })
            }
            #expect(servers.reduce(0) { $0 + $1.requests.count { $0.contains("credentials Digest ") } } == 30)
            try await stop(brana, servers, nameServer)
            await tunnel.stop()
        }

        // MARK: Means

        private func makeKamailio(_ name: String, naming domain: String, digest: Bool = false) throws -> Kamailio {
            let leaf = try certificates.leaf(name, names: ["DNS:\(domain)", "URI:sip:\(domain)"])
            return try Kamailio(
                name,
                domain: Self.domain,
                showing: leaf,
                trusting: certificates,
                asksForPasswords: digest,
                in: directory
            )
        }

        /// Serves the zone in which the servers stand one after the other, or beside each other.
        private func serve(_ servers: [Kamailio], areEqual: Bool = false) async throws -> NameServer {
            let records = servers.enumerated().map {
                (priority: areEqual ? 10 : 10 * ($0 + 1), weight: 10, port: $1.port)
            }
            let zone = NameServer.zone(Self.domain, naptr: "SIPS+D2T", srv: "_sips._tcp", records)
            return try await NameServer([Self.domain: zone], in: directory)
        }

        /// An edge with a listener towards the servers, where they show certificates as well.
        private func makeEdge(_ nameServer: NameServer) throws -> EdgeText {
            try EdgeText.mutual(
                target: "sips:\(Self.domain)",
                nameServer: nameServer.port,
                certificates: certificates
            )
        }

        private func stop(_ brana: Brana, _ servers: [Kamailio], _ nameServer: NameServer) async throws {
            #expect(await brana.stop() == 0)
            for server in servers { #expect(await server.stop() == 0, "\(server.excerpt)") }
            await nameServer.stop()
        }
    }
}
