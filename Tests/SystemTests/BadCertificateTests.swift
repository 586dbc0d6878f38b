// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import EdgeTLS
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    /// Ten kinds of bad certificates, shown to the edge by clients and by backends.
    @Suite("Bad certificates, each way")
    struct BadCertificateTests {
        let directory: TemporaryDirectory
        let certificates: TestCertificates

        init() throws {
            directory = try TemporaryDirectory()
            certificates = try TestCertificates()
        }

        @Test(
            "TLS-10, TLS-11, TLS-16, TLS-18, TLS-20, TLS-21, TLS-27: no bad certificate of a client reaches SIP with 1/1, and with 0/1 none that is not valid"
        )
        func clients() async throws {
            let rows = try BadCertificate.all(certificates, ofServer: false)
            let good = try certificates.leaf("good", names: BadCertificate.names, issuer: .intermediate)
            let list = try lists(revoking: rows[5].leaf)
            let backend = try await RecordingBackend.start(answers: true)
            let ports = try (0..<2).map { _ in try FreePort.next() }
            let brana = try await Brana.run(try listeners(ports, backend: backend.port, crl: list), in: directory)
            let client = OpenSSLClient(certificates: certificates, directory: directory)
            var asking = 0
            for row in rows {
                #expect(try await client.ask(ports[0], showing: row.leaf) == nil, "\(row.subject) at 1/1")
                let isNamed: Bool
                if case .identities = row.fromClient { isNamed = true } else { isNamed = false }
                // Without a list of who may come, a name decides nothing, and is nobody's but its own.
                #expect(
                    try await client.ask(ports[1], showing: row.leaf) == (isNamed ? 200 : nil),
                    "\(row.subject) at 0/1"
                )
                asking += isNamed ? 1 : 0
                let expected = isNamed ? 1 : 2
                let isTold = await Waiting.until(within: .seconds(2)) {
                    row.lines(in: brana.process.log.text, of: row.fromClient, side: "client").count == expected
                }
                #expect(isTold, "\(row.subject): \(brana.process.log.text.suffix(1500))")
            }
            #expect(backend.take().messages.count == asking)
            // The same port takes who proves the right name, with all of its chain, and nobody without a certificate.
            let chain = ["-cert_chain", "\(certificates.directory)/intermediate.pem"]
            #expect(try await client.ask(ports[0], showing: good, as: chain) == 200)
            #expect(try await client.ask(ports[0], showing: nil) == nil)
            #expect(try await client.ask(ports[1], showing: nil) == 200)
            #expect(backend.take().messages.count == 2)
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }

        @Test(
            "TLS-10, TLS-11, TLS-12, TLS-16, TLS-18, TLS-20, TLS-30: no backend with a bad certificate is sent a byte of SIP, and the log says why"
        )
        func backends() async throws {
            let rows = try BadCertificate.all(certificates, ofServer: true)
            let good = try certificates.leaf("good", names: BadCertificate.names, issuer: .intermediate)
            let list = try lists(revoking: rows[5].leaf)
            // Those servers live in times, days from now, in which what they show is valid.
            let days = [rows[0].leaf: -2, rows[1].leaf: 3]
            var backends: [RecordingBackend] = []
            for leaf in rows.map(\.leaf) + [good] {
                let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key, verify: false)
                let time = Int64(Date().timeIntervalSince1970) + Int64(days[leaf] ?? 0) * 86_400
                let context = try TLSContext(serverProfile: profile, now: time)
                backends.append(try await .start(answers: true, tls: context))
            }
            let port = try FreePort.next()
            let brana = try await Brana.run(try pools(backends.map(\.port), port: port, crl: list), in: directory)
            let client = try await RawClient.connect(edge(port))
            for (index, row) in rows.enumerated() {
                try await client.send(options(to: index))
                #expect(await Waiting.until(within: .seconds(5)) { client.finals.count == index + 1 }, "\(row.subject)")
                #expect(
                    client.finals.last.map { [500, 503].contains($0) } ?? false,
                    "\(row.subject): \(client.finals)"
                )
                let isTold = await Waiting.until(within: .seconds(2)) {
                    !row.lines(in: brana.process.log.text, of: row.fromBackend, side: "backend").isEmpty
                }
                #expect(isTold, "\(row.subject): \(brana.process.log.text.suffix(1500))")
                let (messages, hasRest) = backends[index].take()
                #expect(messages.isEmpty && !hasRest, "\(row.subject)")
            }
            try await client.send(options(to: rows.count))
            #expect(await Waiting.until(within: .seconds(5)) { client.finals.last == 200 }, "\(client.finals)")
            #expect(backends.last?.take().messages.count == 1)
            await client.close()
            #expect(await brana.stop() == 0)
            for backend in backends { try await backend.stop() }
        }

        /// The lists of both authorities, of which the first revokes one certificate.
        private func lists(revoking leaf: TestCertificates.Leaf) throws -> String {
            let first = try certificates.revocationList("list", revoking: [leaf])
            let key = "\(certificates.directory)/intermediate.key"
            let issuer = ["-cert", "\(certificates.directory)/intermediate.pem", "-keyfile", key]
            let second = try certificates.revocationList("intermediate-list", revoking: [], as: issuer)
            return try certificates.openssl(["crl", "-in", first]) + certificates.openssl(["crl", "-in", second])
        }

        private func edge(_ port: Int) throws -> EdgeText {
            var edge = try EdgeText(target: "127.0.0.1", certificates: certificates)
            edge.port = port
            return edge
        }

        private func listeners(_ ports: [Int], backend: Int, crl: String) throws -> String {
            var edge = try edge(try FreePort.next())
            edge.target = "127.0.0.1:\(backend);transport=tcp"
            edge.pool = ["health: { probe: none }"]
            let list = try certificates.file("all.crl", crl)
            let files =
                "certificate: \(edge.leaf.chain), key: \(edge.leaf.key), ca: \(certificates.authority), crl: \(list)"
            edge.profiles["demands"] = "{ \(files), verify: true, require: true }"
            edge.profiles["asks"] = "{ \(files), verify: true, require: false }"
            edge.listeners = [
                "{ name: demands, address: \"127.0.0.1:\(ports[0])\", transport: tls, tls: demands, allow_peers: [\(BadCertificate.domain)] }",
                "{ name: asks, address: \"127.0.0.1:\(ports[1])\", transport: tls, tls: asks }",
            ]
            return edge.text
        }

        private func pools(_ ports: [Int], port: Int, crl: String) throws -> String {
            let leaf = try certificates.leaf("edge", names: ["DNS:edge.example.test"])
            let list = try certificates.file("all.crl", crl)
            var lines = [
                "edge: { name: edge.example.test, workers: 1, drain_timeout: 1s }", "listeners:",
                "  - { name: public, address: \"127.0.0.1:\(port)\", transport: tls, tls: public }", "tls:",
                "  public: { certificate: \(leaf.chain), key: \(leaf.key), verify: false }",
                "  backends: { ca: \(certificates.authority), verify: true, crl: \(list) }", "pools:",
            ]
            for (index, port) in ports.enumerated() {
                lines += [
                    "  p\(index):", "    target: 127.0.0.1:\(port);transport=tls", "    allow_loopback: true",
                    "    verify_names: [\(BadCertificate.domain)]", "    tls: backends", "    health: { probe: none }",
                ]
            }
            lines.append("routes:")
            lines += ports.indices.map { "  - { when: { domains: [p\($0).example.test] }, pool: p\($0) }" }
            return lines.joined(separator: "\n")
        }

        private func options(to index: Int) -> ByteBuffer {
            ByteBuffer(
                string: """
                    OPTIONS sip:a@p\(index).example.test SIP/2.0\r
                    Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKbad\(index);rport\r
                    Max-Forwards: 70\r
                    From: <sip:a@example.test>;tag=1\r
                    To: <sip:a@p\(index).example.test>\r
                    Call-ID: bad\(index)@example.test\r
                    CSeq: 1 OPTIONS\r
                    Content-Length: 0\r
                    \r\n
                    """
            )
        }
    }
}
