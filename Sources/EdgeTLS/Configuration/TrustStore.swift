// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The authorities and revocation lists that peers are verified against.
struct TrustStore: Sendable {
    /// How many authorities a server names in its request for a certificate; with more it names none (TLS-25), because
    /// some clients cannot take a long list.
    static let namedAuthorityLimit = 32

    /// Empty for the system's.
    let authorities: [Certificate]
    let revocationLists: [RevocationList]

    /// Reads what the profile names.
    init(_ profile: TLSProfile) throws(TLSConfigurationError) {
        self.authorities =
            try profile.trustFile.map { file throws(TLSConfigurationError) in
                try Self.authorities(in: file)
            } ?? []
        if let file = profile.crlFile {
            self.revocationLists = try PEMFile(file).revocationLists()
        } else {
            self.revocationLists = []
        }
    }

    private static func authorities(in file: String) throws(TLSConfigurationError) -> [Certificate] {
        do {
            return try PEMFile(file).certificates()
        } catch {
            guard error.problem == .malformedCertificate else { throw error }
            throw TLSConfigurationError(
                problem: .emptyTrust,
                file: file,
                reason: error.reason,
                advice: "put the certificates of the authorities there that peers are verified against, as PEM"
            )
        }
    }

    /// Puts all of it into a context.
    func install(in context: OpaquePointer, isServer: Bool) -> Bool {
        guard let store = SSL_CTX_get_cert_store(context) else { return false }
        if self.authorities.isEmpty { return SSL_CTX_set_default_verify_paths(context) == 1 }
        for authority in self.authorities where X509_STORE_add_cert(store, authority.pointer) != 1 { return false }
        for list in self.revocationLists where X509_STORE_add_crl(store, list.pointer) != 1 { return false }
        if !self.revocationLists.isEmpty { X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK)) }
        return !isServer || self.nameAuthorities(in: context)
    }

    /// Whether an authority here issued the certificate, or would not be needed for it.
    func knowsIssuer(of certificate: Certificate) -> Bool {
        certificate.isSelfIssued || self.authorities.contains(where: certificate.isIssued(by:))
    }

    /// Issuers whose lists have all expired, and what comes of that: nobody is told so but peers, at their next handshake.
    func revocationWarnings(file: String, isHard: Bool, now: Int64) -> [String] {
        self.revocationLists.ends.filter { $0.end < now }.map { issuer, _ in
            // OpenSSL still looks whom it names, where that it has expired is let pass.
            let effect =
                isHard ? "its peers are refused" : "a certificate that it does not name is not held to be revoked"
            return "\(file): the revocation list of \(issuer) has expired, so that \(effect); fetch a newer one"
        }
    }

    private func nameAuthorities(in context: OpaquePointer) -> Bool {
        guard self.authorities.count <= Self.namedAuthorityLimit, let names = brana_name_stack_new() else {
            return true
        }
        for authority in self.authorities {
            guard let name = X509_NAME_dup(X509_get_subject_name(authority.pointer)) else { continue }
            if brana_name_stack_push(names, name) == 0 { X509_NAME_free(name) }
        }
        // The context owns the list from here on.
        SSL_CTX_set_client_CA_list(context, names)
        return true
    }
}
