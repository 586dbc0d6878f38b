// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Foundation
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// Certificates whose octets were changed at random, read as those of peers are.
@Suite("Certificates under damage")
struct ChangedCertificateTests {
    private static let rounds = 5_000

    /// The octets of a certificate with names of every kind, and what the names begin with.
    private static func original() throws -> [UInt8] {
        let store = try Certificates.all().store
        let names = [
            "URI:sip:a.example.test", "DNS:a.example.test", "IP:192.0.2.1", "IP:2001:db8::1", "email:a@example.test",
            "RID:1.2.3.4", "otherName:1.2.3.4;UTF8:b.example.test", "URI:sip:c@example.test", "DNS:*.example.test",
        ]
        let usages = ["serverAuth", "1.3.6.1.5.5.7.3.20"]
        let leaf = try store.leaf("changed", names: names, usages: usages)
        let lines = try String(contentsOfFile: leaf.chain, encoding: .utf8).split(separator: "\n")
        return Array(try #require(Data(base64Encoded: lines[1..<(lines.count - 1)].joined())))
    }

    private static func certificate(_ bytes: [UInt8]) -> Certificate? {
        bytes.withUnsafeBufferPointer { bytes in
            var place = bytes.baseAddress
            let pointer = d2i_X509(nil, &place, bytes.count)
            ERR_clear_error()
            return pointer.map { Certificate(owning: $0) }
        }
    }

    @Test("TLS-52: names of every kind are read, and those that are no identity left out")
    func unchanged() throws {
        let certificate = try #require(Self.certificate(try Self.original()))
        #expect(certificate.names.sipDomains().map { String(decoding: $0, as: UTF8.self) } == ["a.example.test"])
        #expect(certificate.names.addresses.count == 2 && certificate.extendedKeyUsages.contains(.sipDomain))
    }

    @Test(
        "TLS-52: whatever octets are changed, what can be read of a certificate is told without harm",
        arguments: 1...4
    )
    func changed(seed: UInt64) throws {
        let original = try Self.original()
        var generator = DamageTests.Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
        let policy = PeerIdentityPolicy.verify(domain: "evil.example.test", acceptsWildcards: false)
        var read = 0
        for _ in 0..<Self.rounds {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            guard let certificate = Self.certificate(bytes) else { continue }
            read += 1
            let names = certificate.names
            let identity = PeerIdentity(
                subject: certificate.subject,
                issuer: certificate.issuer,
                names: names,
                notAfter: certificate.notAfter
            )
            #expect(!policy.accepts(names), "nothing of three octets makes this name")
            #expect(identity.sipDomains.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } })
            let refused = RefusedCertificate(certificate)
            // A long name is cut.
            let told = refused.names.replacing("…", with: "")
            #expect(told.utf8.allSatisfy { (0x20...0x7E).contains($0) } && refused.digest.count == 64)
            _ = (certificate.extendedKeyUsages, certificate.allowsHandshake, certificate.responders)
            ERR_clear_error()
        }
        #expect(read > Self.rounds / 10, "\(read)")
    }
}
