// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Connections that stand when a revocation list comes: their peers were verified before anybody knew (TLS-09).
extension TLSHandler {
    /// Whether a revocation list of `context` names the certificate that the peer was verified by; on the channel's loop.
    ///
    /// It asks nothing of the context that the connection has itself, which has asked in the handshake.
    package func isPeerRevoked(by context: TLSContext) -> Bool {
        guard context !== self.context, !context.revocationLists.isEmpty, let connection = self.connection else {
            return false
        }
        return connection.isPeerRevoked(by: context.revocationLists)
    }
}

extension TLSConnection {
    /// What DANE-EE vouches for is on no list that counts (RFC 7671 section 5.1), nor is what nobody has verified.
    fileprivate func isPeerRevoked(by lists: [RevocationList]) -> Bool {
        guard
            self.verifiesPeer,
            SSL_get_verify_result(self.ssl) == Int(X509_V_OK),
            !self.associations.contains(where: { $0.usage == CertificateAssociation.domainIssued }),
            let pointer = SSL_get1_peer_certificate(self.ssl)
        else { return false }
        let certificate = Certificate(owning: pointer)
        return lists.contains { $0.names(certificate) }
    }
}

extension RevocationList {
    /// Whether it is of the certificate's issuer and revokes the certificate.
    fileprivate func names(_ certificate: Certificate) -> Bool {
        var entry: OpaquePointer?
        // 2 says that a certificate has been taken off the list again.
        return X509_CRL_get0_by_cert(self.pointer, &entry, certificate.pointer) == 1
    }
}
