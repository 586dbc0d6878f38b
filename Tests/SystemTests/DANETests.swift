// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import EdgeTLS
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    /// Backends of a signed zone with TLSA records, from DNS to the certificate.
    @Suite("DANE: backends whose certificates a signed zone speaks for")
    struct DANETests {
        private static let origin = "dane.example.test"

        /// Three backends: a stranger with its TLSA record, one in good standing with another's, one without.
        private struct Bench {
            let edge: EdgeText
            let names: NameServer
            let backends: [RecordingBackend]
            /// The DS record of the zone's key.
            let anchor: String

            static func start(in directory: TemporaryDirectory) async throws -> Bench {
                let certificates = try TestCertificates()
                let leafs = [
                    try certificates.leaf("stranger", names: ["DNS:unrelated.example"], issuer: .itself),
                    try certificates.leaf("standing", names: ["DNS:\(origin)"]),
                    try certificates.leaf("node", names: ["DNS:b3.\(origin)"]),
                ]
                var backends: [RecordingBackend] = []
                for leaf in leafs {
                    let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key, verify: false)
                    let context = try TLSContext(serverProfile: profile)
                    backends.append(try await RecordingBackend.start(answers: true, tls: context))
                }
                var zone = NameServer.zone(
                    origin,
                    naptr: "SIPS+D2T",
                    srv: "_sips._tcp",
                    backends.enumerated().map { (priority: 10 * ($0 + 1), weight: 1, port: $1.port) }
                )
                for (index, source) in [leafs[0], leafs[2]].enumerated() {
                    let digest = try certificates.association(of: source.chain, selector: 1, matching: 1)
                    let text = digest.map { String(format: "%02x", $0) }.joined()
                    zone += "_\(backends[index].port)._tcp.b\(index + 1) IN TLSA 3 1 1 \(text)\n"
                }
                let (signed, anchor) = try await sign(zone, in: directory)
                let names = try await NameServer([origin: signed], in: directory)
                var edge = try EdgeText(target: "sips:\(origin)", certificates: certificates)
                edge.profiles["trunk"] = "{ ca: \(certificates.authority) }"
                let resolver = "servers: [\"127.0.0.1:\(names.port)\"], dnssec: validate, trust_anchor: \(anchor)"
                edge.rest = "resolver: { \(resolver) }\nlogging: { level: info }"
                return Bench(edge: edge, names: names, backends: backends, anchor: anchor)
            }

            /// The zone signed by a key of its own, and the file with its DS record.
            private static func sign(
                _ zone: String,
                in directory: TemporaryDirectory
            ) async throws -> (zone: String, anchor: String) {
                let plain = try directory.write(zone, to: "plain.zone")
                func run(_ program: String, _ arguments: [String]) async throws -> String {
                    let result = try await ChildProcess.run(program, arguments, in: directory)
                    guard result.status == 0 else { throw TestSupportError("\(program): \(result.output)") }
                    return result.output
                }
                let made = try await run("ldns-keygen", ["-a", "ECDSAP256SHA256", "-r", "/dev/urandom", "-k", origin])
                let key = String(made.split(separator: "\n").last ?? "")
                let signed = directory.file("signed.zone")
                _ = try await run("ldns-signzone", ["-f", signed, "-o", "\(origin).", plain, key])
                return (try String(contentsOfFile: signed, encoding: .utf8), directory.file("\(key).ds"))
            }

            func edge(dane: String) -> EdgeText {
                var edge = edge
                edge.pool += ["tls: trunk", "dane: \(dane)"]
                return edge
            }

            func stop() async throws {
                await names.stop()
                for backend in backends { try await backend.stop() }
            }
        }

        /// The health of each backend, by the order of its name.
        private static func health(_ pool: PoolReport) -> [String] {
            pool.backends.filter { $0.health != "draining" }.sorted { $0.name < $1.name }.map(\.health)
        }

        @Test(
            "TLS-45 to TLS-51: records decide over names and authorities, for probes and for requests; off, they do not"
        )
        func pool() async throws {
            let directory = try TemporaryDirectory()
            let bench = try await Bench.start(in: directory)
            let brana = try await Brana.run(bench.edge(dane: "opportunistic").text, in: directory)
            let pool = try await brana.wait(for: "verdict on all three") { Self.health($0) == ["up", "down", "up"] }
            #expect(pool.backends.first { $0.health == "down" }?.reason.contains("no TLSA record") == true)
            let proofs = pool.backends.sorted { $0.name < $1.name }.map { $0.dane ?? "" }
            #expect(proofs[0].hasPrefix("TLSA 3 1 1 ") && proofs[0].hasSuffix(" of b1.\(Self.origin)"))
            #expect(proofs[2] == "a certificate for the domain or b3.\(Self.origin)")
            #expect(pool.backends.sorted { $0.name < $1.name }.map(\.priority) == [10, 20, 30])
            #expect(try await brana.ask("pools").output.contains("must prove"))
            let client = try await RawClient.connect(bench.edge)
            try await client.send(ByteBuffer(string: Self.options))
            #expect(await Waiting.until(within: .seconds(10)) { client.finals == [200] })
            let served = bench.backends[0].byConnection.flatMap(\.messages)
            #expect(served.contains { $0.startLine.contains("asked@") }, "the target of the lowest priority serves")
            let page = try await AdminClient(socket: brana.socket).get("/metrics").body
            for outcome in ["tlsa\"} 2", "names\"} 1", "none\"} 0", "skipped\"} 0"] {
                #expect(page.contains("brana_pool_dane_backends{pool=\"voice\",outcome=\"\(outcome)"), "\(outcome)")
            }
            // What is required is required from the reload on, and what is off is off.
            try brana.rewrite(bench.edge(dane: "require").text)
            #expect(try await brana.ask("reload").status == 0)
            let strict = try await brana.wait(for: "two backends") { Self.health($0) == ["up", "down"] }
            #expect(strict.notes.contains { $0.contains("b3.\(Self.origin)") && $0.contains("dane: require") })
            try brana.rewrite(bench.edge(dane: "off").text)
            #expect(try await brana.ask("reload").status == 0)
            try await brana.wait(for: "PKIX alone") { Self.health($0) == ["down", "up", "down"] }
            #expect(await brana.stop() == 0)
            try await bench.stop()
        }

        @Test("`brana resolve --dane` shows TLSA records and what each server must prove")
        func resolve() async throws {
            let directory = try TemporaryDirectory()
            let bench = try await Bench.start(in: directory)
            let result = try await Brana.command(
                [
                    "resolve", "sips:\(Self.origin)", "--server", "127.0.0.1:\(bench.names.port)", "--dnssec",
                    "validate",
                    "--trust-anchor", bench.anchor, "--dane", "opportunistic", "--explain",
                ],
                in: directory
            )
            #expect(result.status == 0)
            let port = bench.backends[0].port
            #expect(result.output.contains("TLSA _\(port)._tcp.b1.\(Self.origin): 1 record"), "\(result.output)")
            #expect(
                result.output.contains("must prove") && result.output.contains("a certificate for the domain or b3")
            )
            let refused = try await Brana.command(
                ["resolve", "sips:\(Self.origin)", "--dane", "require"],
                in: directory
            )
            #expect(refused.status != 0 && refused.output.contains("--dane needs --dnssec"))
            try await bench.stop()
        }

        private static let options = """
            OPTIONS sips:asked@\(origin) SIP/2.0\r
            Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKdane;rport\r
            Max-Forwards: 70\r
            From: <sips:somebody@else.example.org>;tag=1\r
            To: <sips:asked@\(origin)>\r
            Call-ID: dane@test\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r\n
            """
    }
}
