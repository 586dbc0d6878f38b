// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension TLSConnection {
    /// What both sides have agreed on; only after the handshake.
    func outcome() -> TLSHandshakeCompleted {
        let isResumed = SSL_session_reused(self.ssl) == 1
        let isClient = self.role.side == .client
        return TLSHandshakeCompleted(
            version: TLSVersion(rawValue: SSL_version(self.ssl)) ?? .tls12,
            cipher: SSL_get_current_cipher(self.ssl).flatMap(SSL_CIPHER_get_name).map { String(cString: $0) } ?? "",
            serverName: self.serverName,
            resumed: isResumed,
            peer: self.verifiedPeer,
            isUnasked: isClient && !isResumed && self.context.hasCertificate && !self.wasAskedForCertificate
        )
    }

    /// Whether a client without a valid certificate stands where one is required; OpenSSL refuses it in a full handshake,
    /// and the identity of sessions keeps it from any other, so this is a second lock on the door.
    func lacksRequiredPeer(_ outcome: TLSHandshakeCompleted) -> Bool {
        self.role.side == .server && self.context.profile.verify && self.context.profile.require && outcome.peer == nil
    }

    /// The server name that the client asked for.
    var serverName: String? {
        if case .client(let name, _, _) = self.role { return name }
        return SSL_get_servername(self.ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    /// The peer's certificate as it was verified, in this handshake or in the one that the session comes from.
    private var verifiedPeer: PeerIdentity? {
        guard
            self.verifiesPeer,
            SSL_get_verify_result(self.ssl) == Int(X509_V_OK),
            let pointer = SSL_get1_peer_certificate(self.ssl)
        else { return nil }
        let certificate = Certificate(owning: pointer)
        // What a record of DANE-EE vouches for is the key; a session does not say which record it was.
        let isNamed = !self.associations.contains { $0.usage == CertificateAssociation.domainIssued }
        return PeerIdentity(
            subject: certificate.subject,
            issuer: certificate.issuer,
            names: isNamed ? certificate.names : CertificateNames(),
            // Dates do not matter either (RFC 7671 section 5.1).
            notAfter: isNamed ? certificate.notAfter : .max
        )
    }

    /// The failure that OpenSSL's errors amount to.
    func failure(_ errors: OpenSSLErrors) -> TLSFailure {
        var reason = FailureClassifier.reason(of: errors)
        var words = errors.words
        if reason == .certificateInvalid {
            let result = SSL_get_verify_result(self.ssl)
            if let revocation = self.revocation {
                words = revocation
            } else if let mismatch = self.mismatch {
                reason = .nameMismatch
                words = mismatch
            } else if result == Int(X509_V_ERR_DANE_NO_MATCH) {
                reason = .daneMismatch
                words =
                    self.associations.count == 1 ? "the TLSA record" : "none of \(self.associations.count) TLSA records"
                words += self.serverName.map { " of \($0)" } ?? ""
                words += self.associations.count == 1 ? " does not match the certificate" : " matches the certificate"
            } else if result == Int(X509_V_ERR_INVALID_PURPOSE) {
                // OpenSSL's words do not say for what.
                words = "the certificate's key usages do not allow it to be a \(self.role.side.opposite.rawValue)'s"
            } else if let text = X509_verify_cert_error_string(result) {
                words = String(cString: text)
            }
        } else if reason == .unknownServerName {
            words = "no certificate here serves this name"
        }
        return self.failure(reason, words)
    }

    /// A failure that was found here.
    func failure(_ reason: TLSFailure.Reason, _ words: String) -> TLSFailure {
        TLSFailure(
            reason: reason,
            words: words,
            serverName: self.serverName,
            side: self.role.side,
            refused: self.refused
        )
    }
}
