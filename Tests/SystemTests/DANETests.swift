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
            "TLS-45 to TLS-51, V-CERT-17: records decide over names and authorities, for probes and for requests; off, they do not"
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
            let explained = try await brana.ask("explain", "dane@test").output
            #expect(explained.contains("must prove") && explained.contains("TLSA 3 1 1 "), "\(explained)")
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

        @Test(
            "TLS-47: `brana tls check` shows TLSA records, which of them matched, and what each setting makes of a server"
        )
        func check() async throws {
            let directory = try TemporaryDirectory()
            let bench = try await Bench.start(in: directory)
            // Off, opportunistic and require: a stranger with its record, one in good standing with another's, and one whose
            // certificate is for the target.
            let rows = [([false, true, true], 1), ([true, false, false], 0), ([false, true, false], 0)]
            for (index, (accepted, matched)) in rows.enumerated() {
                let secure = ["--dnssec", "validate", "--trust-anchor", bench.anchor]
                for mode in TLSCheckReport.modes {
                    let result = try await Self.check(index, bench, secure + ["--dane", mode, "--json"], in: directory)
                    let report = try JSONText.decode(TLSCheckReport.self, from: result.output)
                    let dane = try #require(report.dane)
                    #expect(dane.policies.map(\.dane) == TLSCheckReport.modes)
                    #expect(dane.policies.map(\.isAccepted) == accepted, "b\(index + 1): \(dane.policies)")
                    let isAccepted = dane.policies.first { $0.dane == mode }?.isAccepted
                    #expect(report.isAccepted == isAccepted && (result.status == 0) == isAccepted)
                    #expect(dane.dnssec == "secure" && dane.addressesDnssec == "secure")
                    #expect(
                        dane.records.count == (index < 2 ? 1 : 0) && dane.records.count(where: \.isMatched) == matched
                    )
                    if index == 1, mode != "off" { #expect(report.reason == "dane_mismatch") }
                    if index == 2, mode == "require" { #expect(report.reason == "dane_skipped") }
                }
            }
            let secure = ["--dnssec", "validate", "--trust-anchor", bench.anchor]
            let text = try await Self.check(0, bench, secure, in: directory).output
            for part in [
                "1 record, secure", ": matches the certificate", "dane: require: accepted", "dane: off: refused",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            let unchecked = try await Self.check(0, bench, [], in: directory)
            #expect(unchecked.status == 1 && unchecked.output.contains("not validated"), "\(unchecked.output)")
            #expect(try await Self.check(0, bench, ["--dane", "require"], in: directory).status == 64)
            try await bench.stop()
        }

        private static func check(
            _ index: Int,
            _ bench: Bench,
            _ options: [String],
            in directory: TemporaryDirectory
        ) async throws -> ChildProcess.Result {
            let place = "b\(index + 1).\(origin):\(bench.backends[index].port)"
            let common = ["--name", origin, "--ca", bench.edge.certificates.authority]
            let server = ["--server", "127.0.0.1:\(bench.names.port)"]
            return try await Brana.command(["tls", "check", place] + common + server + options, in: directory)
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

extension TLSCheckReport {
    /// The settings of a pool's `dane`.
    fileprivate static let modes = ["off", "opportunistic", "require"]
}
