// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SIPDNS
import SIPLocation
import TestSupport
import Testing

/// Zones that ldns's tools sign while a test runs.
struct SigningBench {
    /// How a zone is signed.
    struct Signing {
        var usesNSEC3 = false
        var isOptOut = false
        var iterations = 1
        /// Inception and expiration, `YYYYMMDD`; nil for a month from now on.
        var times: (String, String)?
        var algorithm = "ECDSAP256SHA256"
    }

    struct Zone {
        let origin: String
        let file: String
        /// The DS record of its key.
        let anchor: String
    }

    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("brana-dnssec")
    }

    /// A zone of these records, signed; `$ORIGIN`, SOA and NS are put before them.
    func sign(_ origin: String, _ records: String, _ signing: Signing = Signing()) async throws -> Zone {
        let plain = try self.plain(origin, records)
        let made = try await run("ldns-keygen", ["-a", signing.algorithm, "-r", "/dev/urandom", "-k", origin])
        let key = String(made.split(separator: "\n").last ?? "")
        var arguments = ["-f", plain + ".signed", "-o", origin == "." ? "." : "\(origin)."]
        if signing.usesNSEC3 { arguments += ["-n", "-t", "\(signing.iterations)", "-s", "abcd"] }
        if signing.isOptOut { arguments.append("-p") }
        if let (inception, expiration) = signing.times { arguments += ["-i", inception, "-e", expiration] }
        _ = try await run("ldns-signzone", arguments + [plain, key])
        let anchor = try ZoneFileTests.text(of: directory.file("\(key).ds"))
        return Zone(origin: origin, file: plain + ".signed", anchor: anchor)
    }

    /// A zone of these records, unsigned.
    func plain(_ origin: String, _ records: String) throws -> String {
        let head =
            "$ORIGIN \(origin == "." ? "." : origin + ".")\n$TTL 60\n@ IN SOA ns h 1 2 3 4 120\n@ IN NS ns\nns IN A 127.0.0.1\n"
        return try directory.write(head + records, to: "\(origin == "." ? "root" : origin).zone")
    }

    /// The zone with one text in its file replaced: what was signed is not what is there.
    func tampered(_ zone: Zone, _ text: String, _ other: String) throws -> Zone {
        let before = try ZoneFileTests.text(of: zone.file)
        try #require(before.contains(text))
        let file = try directory.write(before.replacing(text, with: other), to: "\(zone.origin).tampered")
        return Zone(origin: zone.origin, file: file, anchor: zone.anchor)
    }

    private func run(_ program: String, _ arguments: [String]) async throws -> String {
        let result = try await ChildProcess.run(program, arguments, in: directory)
        guard result.status == 0 else { throw TestSupportError("\(program) failed: \(result.output)") }
        return result.output
    }

    static func anchors(_ text: String) throws -> TrustAnchors {
        try TrustAnchors(try ZoneFile.records(in: text, file: "anchor"), file: "anchor")
    }

    /// A client that validates by the anchor of a zone.
    static func client(
        _ port: UInt16,
        _ anchor: String,
        _ change: (inout DNSClient.Settings) -> Void = { _ in }
    ) async throws -> DNSClient {
        let anchors = try anchors(anchor)
        return try await ClientBench.client([port], timeout: .seconds(10)) {
            $0.dnssec = .validate
            $0.anchors = anchors
            change(&$0)
        }
    }
}
