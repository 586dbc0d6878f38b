// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport
import Testing

extension SystemTests {
    /// A SIP server without TLS behind stunnel, which does mutual TLS for it.
    @Suite("Mutual TLS to a server behind stunnel")
    struct StunnelTests {
        let directory: TemporaryDirectory
        let certificates: TestCertificates

        init() throws {
            directory = try TemporaryDirectory()
            certificates = try TestCertificates()
        }

        @Test("TLS-01, TLS-28: both sides verify each other, and requests are answered over one TLS connection")
        func mutual() async throws {
            let leaf = try certificates.leaf("core", names: ["DNS:core.example.test"], issuer: .intermediate)
            let (result, brana, said) = try await ask(20, showing: leaf)
            #expect(result.failures == [] && result.servers.values.reduce(0, +) == 20)
            #expect(said.ranges(of: "Certificate accepted at depth=0: CN=edge").count == 1, "\(said)")
            #expect(!brana.contains("TLS"), "\(brana)")
        }

        @Test("TLS-10, TLS-12, TLS-30: stunnel with a certificate for another name or of a stranger is sent nothing")
        func refused() async throws {
            let rows: [(TestCertificates.Leaf, part: String)] = [
                (try certificates.leaf("other", names: ["DNS:else.example.test"]), "reason=name_mismatch"),
                (
                    try certificates.leaf("stranger", names: ["DNS:core.example.test"], issuer: .otherAuthority),
                    "reason=certificate_invalid"
                ),
            ]
            for (leaf, part) in rows {
                let (result, log, said) = try await ask(1, showing: leaf)
                #expect(result.servers.isEmpty && ["500", "503"].contains(result.failures.first), "\(result)")
                #expect(log.contains("TLS handshake failed") && log.contains(part), "\(log)")
                #expect(!said.contains("CN=edge"), "\(said)")
            }
        }

        @Test(
            "TLS-28, TLS-54: an edge whose certificate stunnel does not trust gets nothing through, and says whose word it was"
        )
        func untrusted() async throws {
            let leaf = try certificates.leaf("core", names: ["DNS:core.example.test"])
            let (result, log, said) = try await ask(1, showing: leaf, trusting: certificates.otherAuthority)
            #expect(result.servers.isEmpty && ["500", "503"].contains(result.failures.first), "\(result)")
            #expect(log.contains("reason=peer_alert") && log.contains("side=backend"), "\(log)")
            #expect(said.contains("Rejected by CERT"), "\(said)")
        }

        /// Sends OPTIONS through an edge that shows its certificate to stunnel, and brings what the edge and stunnel said;
        /// nothing may reach the server that is not answered.
        private func ask(
            _ count: Int,
            showing leaf: TestCertificates.Leaf,
            trusting authority: String? = nil
        ) async throws -> (OptionsLoad.Outcome, edge: String, stunnel: String) {
            let backend = try await RecordingBackend.start(answers: true)
            let tunnel = try await ServerTunnel(
                to: backend.port,
                showing: leaf,
                trusting: authority ?? certificates.authority,
                in: directory
            )
            var edge = try EdgeText(target: "\"sips:127.0.0.1:\(tunnel.port)\"", certificates: certificates)
            let files = "certificate: \(edge.leaf.chain), key: \(edge.leaf.key), ca: \(certificates.authority)"
            edge.profiles["trunk"] = "{ \(files), verify: true, require: true }"
            edge.pool = [
                "tls: trunk", "verify_names: [core.example.test]", "health: { probe: none }", "connections: 1",
            ]
            let brana = try await Brana.run(edge.text, in: directory, name: "edge-\(tunnel.port)")
            let result = try await OptionsLoad(edge: edge, domain: "voice.example.test").send(count)
            #expect(backend.take().messages.count == result.servers.values.reduce(0, +))
            #expect(await brana.stop() == 0)
            await tunnel.stop()
            try await backend.stop()
            return (result, brana.process.log.text, tunnel.said)
        }
    }
}
