// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import TestSupport
import Testing

extension SystemTests {
    /// `brana tls check` against openssl's server.
    @Suite("brana tls check")
    struct TLSCheckTests {
        let directory: TemporaryDirectory
        let certificates: TestCertificates

        init() throws {
            directory = try TemporaryDirectory()
            certificates = try TestCertificates()
        }

        @Test("TLS-10, TLS-11: a server that pools would take: 0, and all that it shows")
        func accepted() async throws {
            let leaf = try certificates.leaf("good", names: ["DNS:voice.example.test"], issuer: .intermediate)
            let chain = "\(certificates.directory)/intermediate.pem"
            let server = try await Server(leaf, ["-tls1_3", "-cert_chain", chain], in: directory)
            let (status, report) = try await check(server, "--name", "voice.example.test")
            #expect(status == 0 && report.isAccepted && report.reason == nil)
            #expect(report.name == "voice.example.test" && report.port == server.port)
            let offer = try #require(report.offer)
            #expect(offer.version == "1.3" && offer.cipher.hasPrefix("TLS_"))
            #expect(offer.certificates.map(\.subject) == ["CN=good", "CN=intermediate"])
            #expect(offer.certificates.first?.issuer == "CN=intermediate")
            #expect(offer.certificates.first?.names == ["voice.example.test"])
            #expect(offer.certificates.first.map { (28...30).contains($0.daysLeft) } == true)
            #expect(!offer.asksForCertificate && !offer.hasStaple)
            let text = try await Brana.command(arguments(server, "--name", "voice.example.test"), in: directory)
            #expect(text.status == 0 && text.output.contains("accepted: Brana would use this server"))
            #expect(text.output.contains("names: voice.example.test"), "\(text.output)")
            await server.stop()
        }

        @Test("TLS-12, TLS-15, TLS-16: another name, an expired one, an unknown authority, a wildcard: 1, and why")
        func refused() async throws {
            let rows: [(TestCertificates.Leaf, reason: String, words: String)] = [
                (
                    try certificates.leaf("other", names: ["DNS:n1.dc.example.org"]), "name_mismatch",
                    "for n1.dc.example.org, not for voice.example.test"
                ),
                (
                    try certificates.leaf("old", names: ["DNS:voice.example.test"], days: -2), "certificate_invalid",
                    "certificate has expired"
                ),
                (
                    try certificates.leaf("stranger", names: ["DNS:voice.example.test"], issuer: .otherAuthority),
                    "certificate_invalid", "unable to get local issuer certificate"
                ),
                (
                    try certificates.leaf("wild", names: ["DNS:*.example.test"]), "name_mismatch",
                    "not for voice.example.test"
                ),
            ]
            for row in rows {
                let server = try await Server(row.0, ["-tls1_2"], in: directory)
                let (status, report) = try await check(server, "--name", "voice.example.test")
                #expect(status == 1 && !report.isAccepted && report.reason == row.reason, "\(row)")
                #expect(report.explanation?.contains(row.words) == true, "\(report)")
                #expect(report.offer?.version == "1.2" && report.offer?.certificates.count == 1)
                let wide = try await check(server, "--name", "voice.example.test", "--accept-wildcards")
                #expect(wide.status == (row.0 == rows[3].0 ? 0 : 1), "\(wide)")
                let known = try await check(
                    server,
                    "--name",
                    "voice.example.test",
                    "--verify-name",
                    "n1.dc.example.org"
                )
                #expect(known.status == (row.0 == rows[0].0 ? 0 : 1), "\(known)")
                await server.stop()
            }
        }

        @Test(
            "TLS-28: a server that demands a certificate: 1 without one, in words, and 0 with one",
            arguments: ["-tls1_2", "-tls1_3"]
        )
        func mutual(version: String) async throws {
            let leaf = try certificates.leaf("demanding", names: ["DNS:voice.example.test"])
            let own = try certificates.leaf("own", names: ["DNS:edge.example.test"])
            let demand = [version, "-Verify", "3", "-verify_return_error", "-CAfile", certificates.authority]
            let server = try await Server(leaf, demand, in: directory)
            let (status, report) = try await check(server, "--name", "voice.example.test")
            // Before TLS 1.3 nothing can be seen of such a server without a certificate.
            #expect(status == (version == "-tls1_3" ? 1 : 2) && report.reason == "peer_alert", "\(report)")
            #expect(report.explanation?.hasPrefix("the peer refused (") == true, "\(report)")
            let named = try await check(server, "--name", "voice.example.test", "--cert", own.chain, "--key", own.key)
            #expect(named.status == 0 && named.report.offer?.asksForCertificate == true, "\(named)")
            await server.stop()
        }

        @Test("TLS-20: a stapled status of the certificate is seen")
        func staple() async throws {
            let leaf = try certificates.leaf("stapled", names: ["DNS:voice.example.test"])
            let root = certificates.directory
            let (request, response) = ("\(root)/request.der", "\(root)/response.der")
            let index = try certificates.file("index.txt.empty", "")
            try certificates.openssl([
                "ocsp", "-issuer", certificates.authority, "-cert", leaf.chain, "-reqout", request,
            ])
            try certificates.openssl([
                "ocsp", "-index", index, "-CA", certificates.authority, "-rsigner", certificates.authority, "-rkey",
                "\(root)/ca.key", "-reqin", request, "-respout", response,
            ])
            let server = try await Server(leaf, ["-status_file", response], in: directory)
            let (_, report) = try await check(server, "--name", "voice.example.test")
            #expect(report.offer?.hasStaple == true, "\(report)")
            await server.stop()
        }

        @Test("Nobody there, no file, options that make no sense: 2, 2 and the usual 64")
        func nothing() async throws {
            let port = try FreePort.next()
            let silent = try await Brana.command(["tls", "check", "127.0.0.1:\(port)", "--json"], in: directory)
            #expect(silent.status == 2 && silent.output.contains("\"unreachable\""), "\(silent.output)")
            let missing = try await Brana.command(
                ["tls", "check", "127.0.0.1:\(port)", "--ca", "/nowhere.pem"],
                in: directory
            )
            #expect(missing.status == 2 && missing.output.contains("/nowhere.pem: cannot be read"), "\(missing.output)")
            for wrong in [
                ["127.0.0.1:x"], ["a:0"], ["[::1]x"], ["a", "--cert", "b"], ["a", "--timeout", "0"],
                ["a", "--dane", "require"], ["a", "--dnssec", "validate"],
                ["192.0.2.1", "--dnssec", "trust-ad", "--dane", "require"],
            ] {
                let result = try await Brana.command(["tls", "check"] + wrong, in: directory)
                #expect(result.status == 64, "\(wrong): \(result.output)")
            }
        }

        private func arguments(_ server: Server, _ options: String...) -> [String] {
            ["tls", "check", "127.0.0.1:\(server.port)", "--ca", certificates.authority] + options
        }

        private func check(
            _ server: Server,
            _ options: String...
        ) async throws -> (status: Int32, report: TLSCheckReport) {
            let arguments = ["tls", "check", "127.0.0.1:\(server.port)", "--ca", certificates.authority, "--json"]
            let result = try await Brana.command(arguments + options, in: directory)
            return (result.status, try JSONText.decode(TLSCheckReport.self, from: result.output))
        }
    }

    /// openssl's server with a certificate, until it is stopped.
    struct Server: Sendable {
        let port: Int
        private let process: ChildProcess

        init(_ leaf: TestCertificates.Leaf, _ options: [String], in directory: TemporaryDirectory) async throws {
            port = try FreePort.next()
            process = try ChildProcess(
                "openssl",
                [
                    "s_server", "-accept", "127.0.0.1:\(port)", "-cert", leaf.chain, "-key", leaf.key, "-rev",
                ] + options,
                in: directory
            )
            try await process.log.wait(for: "ACCEPT", within: .seconds(10))
        }

        func stop() async { await process.stop() }
    }
}
