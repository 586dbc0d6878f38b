// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import EdgeTLS
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    /// Partners and backends whose certificates are revoked while they are connected.
    @Suite("A revocation list that changes under connections that stand")
    struct RevocationTests {
        @Test(
            "TLS-09, TLS-20: after a reload whoever the list names is cut off and comes back by no session, others stay"
        )
        func reload() async throws {
            let directory = try TemporaryDirectory()
            let certificates = try TestCertificates()
            let leaf = try certificates.leaf("backend", names: ["IP:127.0.0.1"])
            let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key, verify: false)
            let backend = try await RecordingBackend.start(answers: true, tls: try TLSContext(serverProfile: profile))
            let partners = try (1...2).map { try certificates.leaf("p\($0)", names: ["DNS:p\($0).example.test"]) }
            let list = directory.file("list.crl")
            func revoke(_ name: String, _ leafs: [TestCertificates.Leaf]) throws {
                let made = try certificates.revocationList(name, revoking: leafs)
                try Data(contentsOf: URL(fileURLWithPath: made)).write(to: URL(fileURLWithPath: list))
            }
            try revoke("none", [])
            let port = try FreePort.next()
            let edge = try Self.edge(certificates, backend: backend.port, port: port, list: list)
            let brana = try await Brana.run(edge.text, in: directory)
            var clients: [RawClient] = []
            for partner in partners { clients.append(try await RawClient.connect(edge, port: port, showing: partner)) }
            for client in clients { #expect(try await Self.ask(client) == 200) }

            let left = try await Self.secondsLeft(brana) ?? 0
            #expect((29 * 86_400...30 * 86_400).contains(left), "\(left)")
            try revoke("partner", [partners[0]])
            #expect(try await brana.ask("reload").status == 0)
            let first = clients[0]
            #expect(await Waiting.until(within: .seconds(5)) { !first.isOpen })
            #expect(try await Self.ask(clients[1]) == 200)
            #expect(backend.byConnection.count == 1, "nobody has revoked the backend")

            try revoke("both", [partners[0], leaf])
            #expect(try await brana.ask("reload").status == 0)
            try await brana.process.log.wait(for: "side=backend", within: .seconds(5))
            let isGone = try await Waiting.until(within: .seconds(5)) {
                try await AdminClient(socket: brana.socket).get("/metrics").body
                    .contains("brana_limit_hits_total{limit=\"revoked\"} 2")
            }
            #expect(isGone, "\(brana.process.log.text.suffix(2000))")
            // With a session of before it would be taken.
            let status = try await Self.ask(clients[1])
            #expect([500, 503].contains(status), "\(status)")
            try await brana.process.log.wait(for: "certificate revoked", within: .seconds(5))
            #expect(backend.byConnection.count == 1)
            for client in clients { await client.close() }
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }

        @Test("TLS-09: so is whoever it names on connections of a listener that has moved and of a pool that is gone")
        func moved() async throws {
            let directory = try TemporaryDirectory()
            let certificates = try TestCertificates()
            let leaf = try certificates.leaf("backend", names: ["IP:127.0.0.1"])
            let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key, verify: false)
            let backend = try await RecordingBackend.start(answers: true, tls: try TLSContext(serverProfile: profile))
            let partner = try certificates.leaf("partner", names: ["DNS:partner.example.test"])
            let list = try certificates.revocationList("list", revoking: [])
            let port = try FreePort.next()
            var edge = try Self.edge(certificates, backend: backend.port, port: port, list: list)
            let brana = try await Brana.run(edge.text, in: directory)
            let client = try await RawClient.connect(edge, port: port, showing: partner)
            #expect(try await Self.ask(client) == 200)

            let other = try FreePort.next()
            edge.listeners = edge.listeners.map { $0.replacing(":\(port)", with: ":\(other)") }
            try brana.rewrite(edge.text.replacing("voice", with: "speech"))
            #expect(try await brana.ask("reload").status == 0)
            #expect(client.isOpen && backend.byConnection.count == 1)

            _ = try certificates.revocationList("list", revoking: [partner, leaf])
            #expect(try await brana.ask("reload").status == 0)
            #expect(await Waiting.until(within: .seconds(5)) { !client.isOpen })
            try await brana.process.log.wait(for: "side=backend", within: .seconds(5))
            let page = try await AdminClient(socket: brana.socket).get("/metrics").body
            #expect(page.contains("brana_limit_hits_total{limit=\"revoked\"} 2"))
            await client.close()
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }

        private static func edge(
            _ certificates: TestCertificates,
            backend: Int,
            port: Int,
            list: String
        ) throws -> EdgeText {
            var edge = try EdgeText(target: "127.0.0.1:\(backend);transport=tls", certificates: certificates)
            let files = "certificate: \(edge.leaf.chain), key: \(edge.leaf.key), ca: \(certificates.authority)"
            edge.profiles["trunk"] = "{ \(files), crl: \(list), verify: true, require: true }"
            edge.pool = ["tls: trunk", "health: { probe: none }"]
            edge.listeners = ["{ name: partners, address: \"127.0.0.1:\(port)\", transport: tls, tls: trunk }"]
            return edge
        }

        /// What the metrics say of the list's end.
        private static func secondsLeft(_ brana: Brana) async throws -> Int? {
            let page = try await AdminClient(socket: brana.socket).get("/metrics").body
            let start = "brana_tls_revocation_list_remaining_seconds{profile=\"trunk\"} "
            return page.split(separator: "\n").first { $0.hasPrefix(start) }.flatMap { Int($0.dropFirst(start.count)) }
        }

        /// How a request is answered.
        private static func ask(_ client: RawClient) async throws -> Int {
            let (id, before) = (UInt64.random(in: .min ... .max), client.finals.count)
            let text = """
                OPTIONS sip:a@voice.example.test SIP/2.0\r
                Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK\(id);rport\r
                Max-Forwards: 70\r
                From: <sip:a@example.test>;tag=1\r
                To: <sip:a@voice.example.test>\r
                Call-ID: \(id)@revoked\r
                CSeq: 1 OPTIONS\r
                Content-Length: 0\r
                \r\n
                """
            try await client.send(ByteBuffer(string: text))
            guard await Waiting.until(within: .seconds(5), { client.finals.count > before }) else {
                throw TestSupportError("no answer")
            }
            return client.finals.last ?? 0
        }
    }
}
