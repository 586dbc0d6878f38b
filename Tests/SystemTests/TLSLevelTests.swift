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

        @Test("0/0 tunnels, 0/1 checks a certificate that is shown, 1/1 lets nobody in without a valid one")
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
            #expect(await brana.stop() == 0)
            await backends[0].stop()
        }

        /// Whether an OPTIONS is answered with 200 over a connection that `ss` sees; false when TLS refuses.
        private func ask(_ port: Int, showing leaf: TestCertificates.Leaf?) async throws -> Bool {
            var arguments = [
                "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", certificates.authority, "-verify_return_error",
                "-verify_hostname", "edge.example.test", "-servername", "edge.example.test", "-ign_eof",
            ]
            if let leaf { arguments += ["-cert", leaf.chain, "-key", leaf.key] }
            let client = try ChildProcess(
                "openssl",
                arguments,
                in: directory,
                input: """
                    OPTIONS sip:edge.example.test SIP/2.0\r
                    Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKlevel\(UInt32.random(in: 0...UInt32.max));rport\r
                    Max-Forwards: 70\r
                    From: <sip:a@example.test>;tag=1\r
                    To: <sip:edge.example.test>\r
                    Call-ID: \(UInt32.random(in: 0...UInt32.max))@level\r
                    CSeq: 1 OPTIONS\r
                    Content-Length: 0\r
                    \r\n
                    """
            )
            let decided = await Waiting.until(within: .seconds(10)) {
                client.log.text.contains("SIP/2.0 ") || !client.isRunning
            }
            guard decided else { throw TestSupportError("openssl neither answered nor ended:\n\(client.log.text)") }
            let isAnswered = client.log.text.contains("SIP/2.0 200")
            if isAnswered {
                let sockets = try await ChildProcess.run("ss", ["-Htn", "dport = :\(port)"], in: directory)
                #expect(sockets.output.contains("ESTAB"), "\(sockets.output)")
            }
            await client.stop()
            return isAnswered
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
                pools:
                  voice:
                    target: 127.0.0.1:\(backend);transport=tcp
                    allow_loopback: true
                    health: { probe: options, interval: 500ms, timeout: 1s }
                routes:
                  - { pool: voice }
                """
        }
    }
}
