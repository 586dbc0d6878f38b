// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a session belongs to, as a digest: one that was made under other rules, for another authority or another name
/// is not taken up again (TLS-05).
struct SessionIdentity: Sendable {
    /// At most 32 bytes, as OpenSSL takes them.
    let bytes: [UInt8]

    init(profile: TLSProfile, own: OwnCertificates, trust: TrustStore) {
        let rules = "\(profile.verify) \(profile.require) \(profile.verifyDepth) \(profile.extendedKeyUsage)"
        var content = Array("\(rules) \(profile.acceptsUnlisted) \(own.all.count) \(trust.authorities.count)".utf8)
        for certificate in own.all { content += certificate.leaf.fingerprint }
        for authority in trust.authorities { content += authority.fingerprint }
        // Whoever is on a new list must not come in by what an older one let in (TLS-20).
        for list in trust.revocationLists { content += list.fingerprint }
        self.bytes = Self.digest(of: content)
    }

    /// The identity of one additional server name: that of the profile which applies to it, and of certificates of its own.
    init(serverName: String, within profile: SessionIdentity, certificates: OwnCertificates? = nil) {
        let prints = certificates?.all.flatMap(\.leaf.fingerprint) ?? []
        self.bytes = Self.digest(of: Array(serverName.utf8) + [0] + profile.bytes + prints)
    }

    /// Binds the sessions of a context to it.
    func install(in context: OpaquePointer) -> Bool {
        SSL_CTX_set_session_id_context(context, self.bytes, UInt32(self.bytes.count)) == 1
    }

    /// Binds the session of one connection to it.
    func install(on ssl: OpaquePointer) -> Bool {
        SSL_set_session_id_context(ssl, self.bytes, UInt32(self.bytes.count)) == 1
    }

    private static func digest(of content: [UInt8]) -> [UInt8] {
        SHA256Digest.make { EVP_Digest(content, content.count, $0, $1, EVP_sha256(), nil) }
    }
}
