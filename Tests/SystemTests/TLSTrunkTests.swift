// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    /// Mutual TLS on both sides of one edge, where different names and authorities must not be mixed up.
    @Suite("Mutual TLS on both sides")
    struct TLSTrunkTests {
        /// An edge with two pools at one address, each with a certificate of its own, and the backend there.
        private struct Bench {
            let brana: Brana
            let edge: EdgeText
            let backend: RecordingBackend
            /// The keys that the edge has.
            let keys: [String]

            static func start(in directory: TemporaryDirectory) async throws -> Bench {
                let certificates = try TestCertificates()
                let names = ["DNS:core.example.test"]
                let leaf = try certificates.leaf("core", names: names, issuer: .otherAuthority)
                let profile = TLSProfile(
                    certificateChainFile: leaf.chain,
                    privateKeyFile: leaf.key,
                    trustFile: certificates.authority,
                    verify: true,
                    require: true
                )
                let tls = try TLSContext(serverProfile: profile)
                let backend = try await RecordingBackend.start(answers: true, tls: tls)
                let target = "\"sips:127.0.0.1:\(backend.port)\""
                var edge = try EdgeText(target: target, certificates: certificates)
                var keys = [edge.leaf.key]
                for name in ["one", "two"] {
                    let own = try certificates.leaf(name, names: ["URI:sip:\(name).example.test"])
                    let files = "certificate: \(own.chain), key: \(own.key), ca: \(certificates.otherAuthority)"
                    edge.profiles[name] = "{ \(files) }"
                    keys.append(own.key)
                }
                let rules = ["verify_names: [core.example.test]", "health: { probe: none }", "connections: 1"]
                edge.pool = rules + ["tls: one"]
                let second = ["target: \(target)", "allow_loopback: true", "tls: two"] + rules
                edge.pool.append("\n  second: { \(second.joined(separator: ", ")) }")
                edge.routes = ["{ when: { domains: [two.example.test] }, pool: second }", "{ pool: voice }"]
                (edge.verify, edge.require) = (true, true)
                edge.rest = "logging: { level: trace }"
                let brana = try await Brana.run(edge.text, in: directory)
                return Bench(brana: brana, edge: edge, backend: backend, keys: keys)
            }

            /// Sends an OPTIONS and returns the final answer.
            func ask(_ client: RawClient, _ domain: String, via parameters: String = "") async throws -> Rows? {
                let before = client.answers.count
                let text = """
                    OPTIONS sip:service@\(domain) SIP/2.0\r
                    Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK\(UInt64.random(in: .min ... .max));rport\(parameters)\r
                    Max-Forwards: 70\r
                    From: <sip:somebody@else.example.org>;tag=1\r
                    To: <sip:service@\(domain)>\r
                    Call-ID: \(UInt64.random(in: .min ... .max))@trunk.test\r
                    CSeq: 1 OPTIONS\r
                    Content-Length: 0\r
                    \r\n
                    """
                try await client.send(ByteBuffer(string: text))
                _ = await Waiting.until(within: .seconds(10)) { client.answers.count > before }
                return client.answers.dropFirst(before).first
            }

            func stop() async throws {
                #expect(await brana.stop() == 0)
                try await backend.stop()
            }
        }

        @Test("TLS-01, TLS-41: two pools at one address show each its own certificate, on connections of their own")
        func pools() async throws {
            let bench = try await Bench.start(in: try TemporaryDirectory())
            let leaf = try bench.edge.certificates.leaf("client", names: ["DNS:client.example.test"])
            let client = try await RawClient.connect(bench.edge, showing: leaf)
            for domain in ["one.example.test", "two.example.test", "one.example.test", "two.example.test"] {
                #expect(try await bench.ask(client, domain)?.startLine.contains(" 200 ") == true, "\(domain)")
            }
            let connections = bench.backend.byConnection
            #expect(Set(connections.flatMap(\.proven)) == ["one.example.test", "two.example.test"])
            for (proven, messages) in connections {
                #expect(proven.count == 1)
                #expect(messages.allSatisfy { $0.startLine.contains("@\(proven[0])") }, "\(proven) \(messages)")
            }
            try await bench.stop()
        }

        @Test("TLS-24, TLS-37: a From of another domain is no reason to refuse, and alias is not honoured nor refused")
        func fromAndAlias() async throws {
            let bench = try await Bench.start(in: try TemporaryDirectory())
            let leaf = try bench.edge.certificates.leaf("client", names: ["DNS:client.example.test"])
            let client = try await RawClient.connect(bench.edge, showing: leaf)
            let answer = try #require(try await bench.ask(client, "one.example.test", via: ";alias"))
            #expect(answer.startLine.contains(" 200 "))
            #expect(answer.all("via").first?.row.contains(";alias") == true, "\(answer)")
            try await bench.stop()
        }

        @Test("TLS-53: neither keys nor anything in PEM stand in the log at its finest, in status or in explanations")
        func secrets() async throws {
            let bench = try await Bench.start(in: try TemporaryDirectory())
            let leaf = try bench.edge.certificates.leaf("client", names: ["DNS:client.example.test"])
            let client = try await RawClient.connect(bench.edge, showing: leaf)
            #expect(try await bench.ask(client, "two.example.test")?.startLine.contains(" 200 ") == true)
            // A reload that fails talks about the key's file.
            try bench.brana.rewrite(bench.edge.text.replacing(bench.keys[1], with: bench.keys[0]))
            #expect(try await bench.brana.ask("reload").status == 1)
            var said = try await bench.brana.ask("status").output
            said += try await bench.brana.ask("pools").output
            try await bench.stop()
            said += bench.brana.process.log.text
            #expect(!said.contains("-----BEGIN") && said.contains("the key does not belong to the first certificate"))
            for key in bench.keys {
                let lines = try String(contentsOfFile: key, encoding: .utf8).split(separator: "\n")
                let secret = lines.filter { !$0.hasPrefix("-----") }
                #expect(!secret.isEmpty && secret.allSatisfy { !said.contains($0) })
            }
        }
    }
}
