// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import Foundation
import NIOCore
import TestSupport
import Testing

extension SystemTests {
    /// What a scanner of versions and cipher suites finds at a listener whose profile says nothing of either.
    @Suite("Versions and cipher suites of an edge by the default profile")
    struct TLSScanTests {
        /// By their numbers with IANA: ECDHE with AEAD.
        private static let modern: [UInt16: String] = [
            0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
            0xC02F: "ECDHE-RSA-AES128-GCM-SHA256", 0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
            0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305", 0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
        ]
        private static let latest: [UInt16: String] = [
            0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
        ]
        /// Every number whose first octet IANA has given suites to, and some that it has not.
        private static let numbers: [UInt16] = [0x00, 0x13, 0x56, 0xC0, 0xC1, 0xCC, 0xD0, 0xFE]
            .flatMap { first in (0...0xFF).map { UInt16(first) << 8 | $0 } }

        /// An edge that has a certificate for each kind of key, so that suites of both can be agreed on.
        private static func start(in directory: TemporaryDirectory) async throws -> (Brana, EdgeText) {
            var edge = try EdgeText(target: "\"sip:127.0.0.1:9;transport=tcp\"")
            let rsa = try edge.certificates.leaf("rsa", names: ["DNS:edge.example.test"], isRSA: true)
            let both = "further_certificates: [{ certificate: \(rsa.chain), key: \(rsa.key) }]"
            edge.profiles["both"] = "{ certificate: \(edge.leaf.chain), key: \(edge.leaf.key), \(both) }"
            edge.listeners = ["{ name: both, address: \"127.0.0.1:\(edge.port)\", transport: tls, tls: both }"]
            let port = edge.port
            edge.port = try FreePort.next()
            edge.pool = ["health: { probe: none }"]
            edge.rest = "logging: { level: notice }\nlimits: { connections_per_source: 5000 }"
            let brana = try await Brana.run(edge.text, in: directory)
            edge.port = port
            return (brana, edge)
        }

        @Test("TLS-02, TLS-03: of all numbers of suites in all versions those of ECDHE with AEAD and of 1.3 are taken")
        func numbers() async throws {
            let directory = try TemporaryDirectory()
            let (brana, edge) = try await Self.start(in: directory)
            let rows: [(version: UInt16, versions: [UInt16]?, taken: Set<UInt16>, alert: UInt8)] = [
                // SSL 3.0 has no alert for versions.
                (0x0300, nil, [], 40), (0x0301, nil, [], 70), (0x0302, nil, [], 70),
                (0x0303, nil, Set(Self.modern.keys), 40), (0x0303, [0x0304], Set(Self.latest.keys), 40),
                (0x0303, [0x0302, 0x0301], [], 70),
            ]
            for row in rows {
                // Versions that are refused are so whatever the suites are.
                let offers = row.taken.isEmpty ? [Self.numbers] : Self.numbers.map { [$0] }
                let replies = try await Self.ask(offers, version: row.version, versions: row.versions, edge)
                let taken = Set(replies.compactMap(\.reply.suite))
                for (suites, reply) in replies where reply.suite == nil {
                    // One number says that nothing is to be renegotiated, another that this is a second attempt.
                    let isSignal = suites == [0x00FF] || suites == [0x5600]
                    #expect(reply.isClosed && (isSignal || reply.alert == row.alert), "\(suites.prefix(2)): \(reply)")
                }
                #expect(taken == row.taken, "\(row.version)")
            }
            #expect(await brana.stop() == 0)
        }

        /// Offers each list of suites, some side by side.
        private static func ask(
            _ offers: [[UInt16]],
            version: UInt16,
            versions: [UInt16]?,
            _ edge: EdgeText
        ) async throws -> [(suites: [UInt16], reply: RawReply)] {
            let lanes = 8
            return try await withThrowingTaskGroup(of: [(suites: [UInt16], reply: RawReply)].self) { group in
                for lane in 0..<lanes {
                    group.addTask {
                        var replies: [(suites: [UInt16], reply: RawReply)] = []
                        for index in stride(from: lane, to: offers.count, by: lanes) {
                            var hello = RawHello(suites: offers[index], versions: versions)
                            hello.version = version
                            replies.append((offers[index], try await RawReply.to(hello.record, port: edge.port)))
                        }
                        return replies
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }

        @Test(
            "TLS-02, TLS-03: openssl's client, with each suite that it has in each version, agrees on those nine alone"
        )
        func openssl() async throws {
            let directory = try TemporaryDirectory()
            let (brana, edge) = try await Self.start(in: directory)
            for version in ["-tls1", "-tls1_1", "-tls1_2", "-tls1_3"] {
                let all = try await Self.suites(version, in: directory)
                let expected = version == "-tls1_2" ? Self.modern : version == "-tls1_3" ? Self.latest : [:]
                #expect(all.isSuperset(of: expected.values), "\(version): \(all)")
                var taken: Set<String> = []
                for suite in all.sorted() {
                    if try await Self.agrees(version, suite, edge, in: directory) { taken.insert(suite) }
                }
                #expect(taken == Set(expected.values), "\(version)")
            }
            #expect(await brana.stop() == 0)
        }

        /// What openssl knows of a version, broken, anonymous and without encryption too.
        private static func suites(_ version: String, in directory: TemporaryDirectory) async throws -> Set<String> {
            let list = ["ciphers", "-s", version, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
            let result = try await ChildProcess.run("openssl", list, in: directory)
            return Set(
                result.output.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: ":").map(String.init)
            )
        }

        private static func agrees(
            _ version: String,
            _ suite: String,
            _ edge: EdgeText,
            in directory: TemporaryDirectory
        ) async throws -> Bool {
            let choice = version == "-tls1_3" ? ["-ciphersuites", suite] : ["-cipher", "\(suite):@SECLEVEL=0"]
            let arguments = ["s_client", "-connect", "127.0.0.1:\(edge.port)", version] + choice
            let result = try await ChildProcess.run("openssl", arguments, in: directory, within: .seconds(10))
            let isDone = result.output.contains("Cipher is \(suite)")
            let isRefused =
                result.output.contains("alert handshake failure")
                || result.output.contains("alert protocol version") || result.output.contains("no ciphers available")
                || result.output.contains("no protocols available") || result.output.contains("no cipher match")
            #expect(isDone != isRefused, "\(version) \(suite): \(result.output)")
            return isDone
        }
    }
}
