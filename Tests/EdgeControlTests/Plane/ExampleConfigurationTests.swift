// SPDX-License-Identifier: Apache-2.0

import EdgeConfiguration
import Foundation
import TestSupport
import Testing

@testable import EdgeControl

@Suite("The example configurations, with files made for them")
struct ExampleConfigurationTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../config").standardized.path

    static let names =
        (try? FileManager.default.contentsOfDirectory(atPath: folder))?
        .filter { $0.hasSuffix(".yaml") }.sorted() ?? []

    @Test("Each is complete: certificates, keys, authorities, revocation lists and targets fit", arguments: names)
    func complete(name: String) throws {
        let directory = try TemporaryDirectory()
        let text = try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)
        let path = try directory.write(text, to: name)
        let outcome = ConfigurationLoader.load(path, checksFiles: false)
        let configuration = try #require(outcome.configuration, "\(outcome.problems)")
        let certificates = try TestCertificates()
        let names = [configuration.edge.name] + configuration.listeners.map(\.advertisedHost)
        for profile in configuration.tls.values { try Self.provide(profile, for: names, from: certificates) }
        let resolver = configuration.resolver
        if let file = resolver.ca {
            try Self.place(Data(contentsOf: .init(filePath: certificates.authority)), at: file)
        }
        if let file = resolver.trustAnchor { try Self.place(Data(Self.anchor.utf8), at: file) }
        if let file = resolver.overrides { try Self.place(Data(Self.override.utf8), at: file) }
        for file in configuration.edge.tokenKeyFiles + configuration.edge.ticketKeyFiles {
            try Self.place(Data((0..<32).map { UInt8($0) }), at: file)
        }
        do throws(CheckedConfiguration.Refusal) {
            let checked = try CheckedConfiguration.load(path)
            // The smallest of them names no authorities of its own.
            #expect(checked.warnings.allSatisfy { $0.message.contains("system's authorities") }, "\(checked.warnings)")
            #expect(checked.configuration == configuration)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("The examples are found")
    func found() {
        #expect(Self.names.contains("minimal.yaml") && Self.names.contains("full.yaml") && Self.names.count >= 5)
    }

    /// The key of the root zone, and a record of our own.
    private static let anchor =
        ". 3600 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    private static let override = "voice.example.test. 60 IN A 192.0.2.1\n"

    /// Puts files where a profile looks for them.
    private static func provide(
        _ profile: TLSSettings,
        for names: [String],
        from certificates: TestCertificates
    ) throws {
        func copy(_ file: String, to target: String?) throws {
            guard let target, !FileManager.default.fileExists(atPath: target) else { return }
            try place(try Data(contentsOf: URL(fileURLWithPath: file)), at: target)
        }
        var files = (profile.furtherCertificates + profile.serverNames.flatMap(\.certificates)).map {
            ($0.certificate, $0.key, $0.ocspResponse)
        }
        if let certificate = profile.certificate, let key = profile.key {
            files.append((certificate, key, profile.ocspResponse))
        }
        for (certificate, key, response) in files where !FileManager.default.fileExists(atPath: certificate) {
            let name = "leaf\(UInt32.random(in: .min ... .max))"
            let leaf = try certificates.leaf(
                name,
                names: names.map { "DNS:\($0)" },
                issuer: .intermediate,
                isRSA: certificate.contains("-rsa")
            )
            try copy(leaf.chain, to: certificate)
            try copy(leaf.key, to: key)
            if response != nil { try copy(try certificates.ocspResponse(name, leaf, .good), to: response) }
        }
        try copy(certificates.authority, to: profile.ca)
        if profile.crl != nil { try copy(try certificates.revocationList("list", revoking: []), to: profile.crl) }
    }

    /// Readable by its owner only, as a key should be.
    private static func place(_ data: Data, at path: String) throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
