// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import TestSupport
internal import Testing

@Suite("Self-signed certificates for the demonstration")
struct SelfSignedCertificateTests {
    @Test("Certificate and key fit, name the host, and can be used as profile and as trust")
    func usable() throws {
        let directory = try TemporaryDirectory()
        let made = try #require(SelfSignedCertificate(name: "edge.demo.test", days: 1))
        let certificate = try directory.write(made.certificate, to: "edge.pem")
        let key = try directory.write(made.key, to: "edge.key")
        let server = try TLSContext(
            serverProfile: TLSProfile(certificateChainFile: certificate, privateKeyFile: key, verify: false)
        )
        #expect(server.certificateSummaries.first?.dnsNames == ["edge.demo.test"])
        #expect(server.certificateSummaries.first?.addresses == ["127.0.0.1"])
        _ = try TLSContext(clientProfile: TLSProfile(trustFile: certificate))
    }
}
