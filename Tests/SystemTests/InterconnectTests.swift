// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import SIPMessage
import TestSupport
import Testing

extension SystemTests {
    /// Two organisations, each with its own authority: each edge is TLS client and TLS server at once.
    @Suite("Two edges linked by mutual TLS")
    struct InterconnectTests {
        /// One of the two: its domain, ports, and what it makes certificates with.
        private struct Side {
            let domain: String
            var edge: EdgeText
            let trunkPort: Int
            let trunk: TestCertificates.Leaf
            let trunkNames: [String]
            let backend: DemoBackend
            let directory: TemporaryDirectory

            init(_ domain: String) async throws {
                self.domain = domain
                backend = try await Caller.backends(1)[0]
                edge = try EdgeText(target: "127.0.0.1:\(backend.port);transport=tcp")
                trunkPort = try FreePort.next()
                trunkNames = ["URI:sip:\(domain)", "DNS:\(domain)"]
                trunk = try edge.certificates.leaf("trunk", names: trunkNames)
                directory = try TemporaryDirectory()
            }

            /// What this side runs: its own users go to its own server or over the trunk, the partner's calls come in.
            func text(partner: Side, nameServer: Int) -> String {
                let own = "certificate: \(edge.leaf.chain), key: \(edge.leaf.key)"
                return """
                    edge: { name: edge.\(domain), workers: 1, drain_timeout: 2s }
                    listeners:
                      - { name: public, address: "127.0.0.1:\(edge.port)", transport: tls, tls: public }
                      - { name: trunk, address: "127.0.0.1:\(trunkPort)", transport: tls, tls: trunk, role: peer }
                    tls:
                      public: { \(own), verify: false, require: false }
                      trunk:
                        certificate: \(trunk.chain)
                        key: \(trunk.key)
                        ca: \(partner.edge.certificates.authority)
                        verify: true
                        require: true
                    resolver: { servers: ["127.0.0.1:\(nameServer)"] }
                    pools:
                      voice:
                        target: 127.0.0.1:\(backend.port);transport=tcp
                        allow_loopback: true
                        health: { probe: options, interval: 500ms, timeout: 1s }
                      partner:
                        target: sips:\(partner.domain)
                        tls: trunk
                        allow_loopback: true
                        health: { probe: options, interval: 500ms, timeout: 1s }
                    routes:
                      - { when: { listeners: [trunk], peers: [\(partner.domain)] }, pool: voice }
                      - { when: { listeners: [trunk] }, reject: { status: 403, reason: Forbidden } }
                      - { when: { domains: [\(partner.domain)] }, pool: partner }
                      - { pool: voice }
                    """
            }
        }

        @Test("TLS-01: a call in each direction crosses both edges, and nobody else may use the trunk")
        func calls() async throws {
            let (a, b) = (try await Side("a.example.test"), try await Side("b.example.test"))
            let (nsd, first, second) = try await start(a, b)
            for (from, to) in [(a, b), (b, a)] {
                let caller = try Caller.make(from.edge, domain: to.domain)
                let tally = await caller.call(20, perSecond: 100)
                #expect(tally.failures == [:] && tally.completed == 20)
                await caller.close()
                #expect(try await to.backend.answering().requests[.invite] == 20)
                #expect(try await to.backend.answering().strays == 0)
            }
            // A certificate of the right authority for another domain: the handshake holds, the route refuses.
            let stranger = try b.edge.certificates.leaf("c", names: ["URI:sip:c.example.test"])
            var toTrunk = a.edge
            toTrunk.port = a.trunkPort
            let intruder = try Caller.make(toTrunk, domain: a.domain, showing: stranger, expecting: a.domain)
            #expect(await intruder.call(1, perSecond: 10).failures == ["INVITE: 403 Forbidden": 1])
            await intruder.close()
            for side in [a, b] { await side.backend.stop() }
            #expect(await first.stop() == 0)
            #expect(await second.stop() == 0)
            await nsd.stop()
        }

        @Test("TLS-09: each side renews its certificate three times under calls in both directions, and none fails")
        func rotation() async throws {
            let (a, b) = (try await Side("a.example.test"), try await Side("b.example.test"))
            let (nsd, first, second) = try await start(a, b)
            let ended = Flag()
            let load = try [(a, b), (b, a)].map { from, to in
                let caller = try Caller.make(from.edge, domain: to.domain)
                return (
                    caller: caller, to: to, tally: Task { await caller.call(perSecond: 40) { ended.isSet } }
                )
            }
            for round in 1...3 {
                for (side, partner, brana) in [(a, b, first), (b, a, second)] {
                    let before = try await shown(by: side, to: partner)
                    // The same files with a new key and another end, as a renewal leaves them.
                    _ = try side.edge.certificates.leaf("trunk", names: side.trunkNames, days: 30 + round)
                    let result = try await brana.ask("reload")
                    #expect(result.status == 0, "round \(round): \(result.output)")
                    // Whole days are left only within the second of the signing.
                    #expect(try await shown(by: side, to: partner) > before, "round \(round)")
                    // The probes of either side make new connections, with the new certificate.
                    try await waitUntilUp([first, second])
                }
            }
            ended.set()
            for one in load {
                let tally = await one.tally.value
                #expect(tally.failures == [:] && tally.calls > 40, "\(tally)")
                #expect(await one.caller.reconnects() == 0)
                #expect(try await one.to.backend.answering().requests[.invite] == tally.calls)
                await one.caller.close()
            }
            for side in [a, b] { await side.backend.stop() }
            #expect(await first.stop() == 0)
            #expect(await second.stop() == 0)
            await nsd.stop()
        }

        /// How many days the certificate is valid that a trunk shows to its partner, who must accept it.
        private func shown(by side: Side, to partner: Side) async throws -> Int {
            let result = try await Brana.command(
                [
                    "tls", "check", "127.0.0.1:\(side.trunkPort)", "--name", side.domain, "--json", "--ca",
                    side.edge.certificates.authority, "--cert", partner.trunk.chain, "--key", partner.trunk.key,
                ],
                in: side.directory
            )
            let report = try JSONText.decode(TLSCheckReport.self, from: result.output)
            #expect(report.isAccepted, "\(report)")
            return try #require(report.offer?.certificates.first?.daysLeft)
        }

        /// Both edges and the name server that leads each to the other, when all backends are up.
        private func start(_ a: Side, _ b: Side) async throws -> (NameServer, Brana, Brana) {
            let nsd = try await NameServer([a.domain: zone(a), b.domain: zone(b)], in: try TemporaryDirectory())
            let first = try await Brana.run(a.text(partner: b, nameServer: nsd.port), in: a.directory)
            let second = try await Brana.run(b.text(partner: a, nameServer: nsd.port), in: b.directory)
            try await waitUntilUp([first, second])
            return (nsd, first, second)
        }

        private func waitUntilUp(_ edges: [Brana]) async throws {
            for brana in edges {
                let up = try await Waiting.until(within: .seconds(10)) {
                    try await brana.status().pools.allSatisfy { pool in
                        pool.backends.count == 1 && pool.backends.allSatisfy { $0.health == "up" }
                    }
                }
                let pools = try await brana.ask("pools").output
                #expect(up, "\(pools)\n\(brana.process.log.text)")
            }
        }

        private func zone(_ side: Side) -> String {
            NameServer.zone(side.domain, naptr: "SIPS+D2T", srv: "_sips._tcp", [(10, 10, side.trunkPort)])
        }
    }
}
