// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import Glibc
import TestSupport
import Testing

extension SystemTests {
    /// The three levels of `verify` and `require`, as openssl's client sees them.
    @Suite("The three levels of verify and require")
    struct TLSLevelTests {
        let directory: TemporaryDirectory
        let certificates: TestCertificates

        init() throws {
            directory = try TemporaryDirectory()
            certificates = try TestCertificates()
        }

        @Test(
            "TLS-25, TLS-53: 0/0 tunnels, 0/1 checks a certificate that is shown, 1/1 lets nobody in without a valid one"
        )
        func levels() async throws {
            let backends = try await Caller.backends(1)
            let ports = try (0..<3).map { _ in try FreePort.next() }
            let brana = try await Brana.run(try text(ports, backend: backends[0].port), in: directory)
            try await brana.waitUntilUp(1)
            let good = try certificates.leaf("client", names: ["DNS:client.example.test"])
            let bad = try certificates.leaf("stranger", names: ["DNS:client.example.test"], issuer: .otherAuthority)
            let expired = try certificates.leaf("old", names: ["DNS:client.example.test"], days: -1)
            let expected: [(port: Int, leaf: TestCertificates.Leaf?, isAnswered: Bool)] = [
                (ports[0], nil, true), (ports[0], bad, true),
                (ports[1], nil, true), (ports[1], good, true), (ports[1], bad, false), (ports[1], expired, false),
                (ports[2], nil, false), (ports[2], good, true), (ports[2], bad, false), (ports[2], expired, false),
            ]
            for (index, row) in expected.enumerated() {
                let answered = try await ask(row.port, showing: row.leaf)
                #expect(answered == row.isAnswered, "row \(index)")
            }
            // Each refusal is told with the peer and the reason.
            let log = brana.process.log
            try await log.wait(for: "TLS handshake failed", times: 5, within: .seconds(2))
            #expect(log.text.contains("peer=127.0.0.1:"))
            // Nothing of any key is told, not even at the level where most is.
            for leaf in [good, bad, expired] { #expect(try !Self.tells(log.text, of: leaf.key)) }
            #expect(try !Self.tells(log.text, of: certificates.directory + "/edge.key"))
            #expect(await brana.stop() == 0)
            await backends[0].stop()
        }

        @Test(
            "TLS-22, TLS-23: with allow_peers only whom a listed domain's certificate proves comes in, whatever From says"
        )
        func allowed() async throws {
            let backends = try await Caller.backends(1)
            let ports = try (0..<3).map { _ in try FreePort.next() }
            var text = try text(ports, backend: backends[0].port)
            text = text.replacing("tls: asks }", with: "tls: asks, allow_peers: [partner.example.test] }")
            text = text.replacing("tls: demands }", with: "tls: demands, allow_peers: [partner.example.test] }")
            let brana = try await Brana.run(text, in: directory)
            try await brana.waitUntilUp(1)
            let partner = try certificates.leaf("partner", names: ["URI:sip:partner.example.test"])
            let other = try certificates.leaf("other", names: ["DNS:example.test", "DNS:sub.partner.example.test"])
            for port in ports[1...] {
                #expect(try await ask(port, showing: partner))
                #expect(try await !ask(port, showing: other))
                #expect(try await !ask(port, showing: nil))
            }
            try await brana.process.log.wait(for: "peer is not allowed", times: 3, within: .seconds(2))
            #expect(brana.process.log.text.contains("identities=example.test,sub.partner.example.test"))
            #expect(brana.process.log.text.contains("identities=none"))
            #expect(await brana.stop() == 0)
            await backends[0].stop()
        }

        @Test(
            "TLS-23: with allow_peers_mode: report who is not listed is answered 403, is forwarded nowhere, and is told of"
        )
        func reported() async throws {
            let backend = try await RecordingBackend.start(answers: true)
            let ports = try (0..<3).map { _ in try FreePort.next() }
            let list = "allow_peers: [partner.example.test], allow_peers_mode: report"
            var text = try text(ports, backend: backend.port)
            text = text.replacing("tls: asks }", with: "tls: asks, \(list) }")
            text = text.replacing(
                "health: { probe: options, interval: 500ms, timeout: 1s }",
                with: "health: { probe: none }"
            )
            let brana = try await Brana.run(text, in: directory)
            let client = OpenSSLClient(certificates: certificates, directory: directory)
            let partner = try certificates.leaf("partner", names: ["URI:sip:partner.example.test"])
            let other = try certificates.leaf("other", names: ["DNS:example.test"])
            let expired = try certificates.leaf("old", names: ["DNS:partner.example.test"], days: -1)
            #expect(try await client.ask(ports[1], showing: other) == 403)
            #expect(try await client.ask(ports[1], showing: nil) == 403)
            // What is not valid does not come so far.
            #expect(try await client.ask(ports[1], showing: expired) == nil)
            #expect(backend.take().messages.isEmpty)
            #expect(try await client.ask(ports[1], showing: partner) == 200)
            #expect(backend.take().messages.count == 1)
            let log = brana.process.log
            try await log.wait(for: "request of a peer that is not allowed", times: 2, within: .seconds(2))
            let lines = log.text.split(separator: "\n").filter { $0.contains("request of a peer that is not allowed") }
            #expect(
                lines.count == 2 && lines.allSatisfy { $0.contains("method=OPTIONS") && $0.contains("listener=asks") }
            )
            #expect(
                lines.first?.contains("identities=example.test") == true
                    && lines.last?.contains("identities=none") == true
            )
            #expect(log.count("action=\"requests answered 403\"") == 2, "\(log.text.suffix(1500))")
            #expect(await brana.stop() == 0)
            try await backend.stop()
        }

        @Test(
            "TLS-09, edge.watch_files: a renewed certificate is shown by itself, a bad one is not, and nobody is cut off"
        )
        func watched() async throws {
            let backends = try await Caller.backends(1)
            var edge = try EdgeText(
                target: "\"sip:127.0.0.1:\(backends[0].port);transport=tcp\"",
                certificates: certificates
            )
            edge.edge += ", watch_files: true"
            edge.rest += "\nlimits: { connections_per_source: 2000, handshakes_per_source: 2000 }"
            let brana = try await Brana.run(edge.text, in: directory)
            try await brana.waitUntilUp(1)
            let load = OptionsLoad(edge: edge, domain: "voice.example.test")
            let established = try await load.connect()
            let clients = try await RawClient.connect(edge, count: 1000)
            let before = try await shown(edge.port)

            let next = try certificates.leaf("next", names: ["DNS:edge.example.test", "IP:127.0.0.1"])
            try replace(edge.leaf.chain, by: next.chain)
            try replace(edge.leaf.key, by: next.key)
            try await brana.process.log.wait(for: "reloaded", within: .seconds(10))
            let after = try await shown(edge.port)
            #expect(after != before && after.hasSuffix("next"), "\(after)")

            // A certificate without its key is refused, and the one before stays.
            let foreign = try certificates.leaf("foreign", names: ["DNS:edge.example.test"])
            try replace(edge.leaf.chain, by: foreign.chain)
            try await brana.process.log.wait(for: "reload refused", within: .seconds(10))
            #expect(try await shown(edge.port) == after)
            #expect(try await brana.status().reloads.failed == 1)
            #expect(clients.count == 1000 && clients.allSatisfy(\.isOpen))
            for client in clients { await client.close() }
            #expect(await load.times(5, on: established).failures == 0)
            await established.close()
            #expect(await brana.stop() == 0)
            await backends[0].stop()
        }

        /// The subject of the certificate that a listener shows.
        private func shown(_ port: Int) async throws -> String {
            let arguments = ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", certificates.authority]
            let result = try await ChildProcess.run("openssl", arguments, in: directory, within: .seconds(10))
            return result.output.split(separator: "\n").first { $0.contains("subject=") }.map(String.init) ?? "none"
        }

        private func replace(_ file: String, by other: String) throws {
            try Data(contentsOf: URL(fileURLWithPath: other)).write(to: URL(fileURLWithPath: file), options: .atomic)
        }

        /// Whether a log has a line of a private key's file.
        private static func tells(_ log: String, of file: String) throws -> Bool {
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            return lines.contains { $0.count > 20 && log.contains($0) }
        }

        private func ask(_ port: Int, showing leaf: TestCertificates.Leaf?) async throws -> Bool {
            try await OpenSSLClient(certificates: certificates, directory: directory).ask(port, showing: leaf) == 200
        }

        private func text(_ ports: [Int], backend: Int) throws -> String {
            let leaf = try certificates.leaf("edge", names: ["DNS:edge.example.test"])
            let identity = "certificate: \(leaf.chain), key: \(leaf.key), ca: \(certificates.authority)"
            return """
                edge: { name: edge.example.test, workers: 1, drain_timeout: 1s }
                listeners:
                  - { name: tunnel, address: "127.0.0.1:\(ports[0])", transport: tls, tls: tunnel }
                  - { name: asks, address: "127.0.0.1:\(ports[1])", transport: tls, tls: asks }
                  - { name: demands, address: "127.0.0.1:\(ports[2])", transport: tls, tls: demands }
                tls:
                  tunnel: { \(identity), verify: false, require: false }
                  asks: { \(identity), verify: true, require: false }
                  demands: { \(identity), verify: true, require: true, minimum_version: "1.3" }
                  # Whoever may be a server is not therefore a client.
                  servers: { ca: \(certificates.otherAuthority), verify: true }
                pools:
                  voice:
                    target: 127.0.0.1:\(backend);transport=tcp
                    allow_loopback: true
                    tls: servers
                    health: { probe: options, interval: 500ms, timeout: 1s }
                logging: { level: debug }
                routes:
                  - { pool: voice }
                """
        }
    }
}
