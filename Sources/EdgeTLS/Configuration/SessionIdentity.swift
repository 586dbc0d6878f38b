// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a session belongs to, as a digest: one that was made under other rules, for another authority or another name
/// is not taken up again (TLS-05).
struct SessionIdentity: Sendable {
    /// At most 32 bytes, as OpenSSL takes them.
    let bytes: [UInt8]

    init(profile: TLSProfile, own: OwnCertificate?, trust: TrustStore) {
        var content: [UInt8] = [profile.verify ? 1 : 0, profile.require ? 1 : 0]
        content += own.map { Self.fingerprint(of: $0.leaf) } ?? []
        for authority in trust.authorities { content += Self.fingerprint(of: authority) }
        self.bytes = Self.digest(of: content)
    }

    /// The identity of one additional server name, by its certificate.
    init(serverName: String, certificate: Certificate) {
        self.bytes = Self.digest(of: Array(serverName.utf8) + [0] + Self.fingerprint(of: certificate))
    }

    private static func fingerprint(of certificate: Certificate) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        X509_digest(certificate.pointer, EVP_sha256(), &bytes, &count)
        return bytes
    }

    private static func digest(of content: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        EVP_Digest(content, content.count, &bytes, &count, EVP_sha256(), nil)
        return bytes
    }
}
