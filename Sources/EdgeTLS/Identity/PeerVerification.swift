// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The verification of a peer's certificate inside the handshake, so that a peer that fails it is told so by an alert
/// and never sees a byte of ours.
enum PeerVerification {
    /// OpenSSL calls this instead of its own verification; 1 says that the peer is accepted.
    static let callback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
        guard
            let store,
            let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let connection = OpenSSLLibrary.shared.connection(of: OpaquePointer(ssl))
        else { return 0 }
        return Self.verify(store, for: connection) ? 1 : 0
    }

    /// Lets pass that no list tells whether a certificate was revoked (TLS-20); OpenSSL calls it with each finding.
    private static let withoutList: @convention(c) (Int32, OpaquePointer?) -> Int32 = { isGood, store in
        let missing = [
            X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID,
        ]
        guard isGood == 0, missing.contains(X509_STORE_CTX_get_error(store)) else { return isGood }
        X509_STORE_CTX_set_error(store, X509_V_OK)
        return 1
    }

    /// Judges the certificate, and remembers which was refused.
    private static func verify(_ store: OpaquePointer, for connection: TLSConnection) -> Bool {
        guard connection.verifiesPeer else { return true }
        guard self.accepts(store, for: connection) else {
            connection.refused = X509_STORE_CTX_get0_cert(store).map { RefusedCertificate(Certificate(retaining: $0)) }
            return false
        }
        return true
    }

    /// The path (RFC 5280 section 6), then the use (RFC 5924 section 5), then the name (RFC 5922 section 7.3).
    private static func accepts(_ store: OpaquePointer, for connection: TLSConnection) -> Bool {
        let profile = connection.context.profile
        if profile.acceptsUnlisted { X509_STORE_CTX_set_verify_cb(store, Self.withoutList) }
        // Without a record that OpenSSL takes it would go by the authorities alone.
        guard connection.associations.isEmpty || connection.hasAssociation else {
            X509_STORE_CTX_set_error(store, X509_V_ERR_DANE_NO_MATCH)
            return false
        }
        guard X509_verify_cert(store) == 1 else { return false }
        if connection.isDomainIssued { return true }
        guard let pointer = X509_STORE_CTX_get0_cert(store) else {
            X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED)
            return false
        }
        let certificate = Certificate(retaining: pointer)
        var policy = PeerIdentityPolicy.none
        if case .client(_, let identity, _) = connection.role { policy = identity }
        let isServer = connection.role.side == .client
        guard
            certificate.allowsHandshake,
            profile.extendedKeyUsage.accepts(certificate.extendedKeyUsages, ofServer: isServer)
        else {
            X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE)
            return false
        }
        let names = certificate.names
        guard policy.accepts(names) else {
            connection.mismatch = policy.mismatch(with: names)
            X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH)
            return false
        }
        return true
    }
}
