// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What every context of ours is set to, after RFC 9325 and the usual intermediate profile.
struct ContextSettings {
    /// ECDHE with AEAD (TLS-03).
    ///
    /// The peer's order decides: a phone knows whether it has AES in hardware.
    static let ciphers = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
        ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    /// What versions below 1.2 need in addition.
    static let oldCiphers = "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
    /// What no profile can turn on: no forward secrecy, no authentication, or broken (TLS-03).
    static let never = "!kRSA:!aNULL:!eNULL:!EXPORT:!RC4:!3DES:!DES:!MD5:!PSK:!SRP"
    static let cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    static let groups = "X25519:P-256:P-384"

    let profile: TLSProfile
    let isServer: Bool

    /// Sets all that is not a certificate.
    func apply(to context: OpaquePointer) throws(TLSConfigurationError) {
        let versions = (self.profile.minimumVersion.rawValue, self.profile.maximumVersion.rawValue)
        guard
            brana_ssl_ctx_set_versions(context, versions.0, versions.1) == 1,
            brana_ssl_ctx_set_groups(context, Self.groups) == 1,
            SSL_CTX_set_purpose(context, X509_PURPOSE_ANY) == 1
        else { throw TLSContext.libraryError() }
        try self.applyCiphers(to: context)
        self.applyOptions(to: context)
        self.applyVerification(to: context)
    }

    private func applyCiphers(to context: OpaquePointer) throws(TLSConfigurationError) {
        let isOld = self.profile.minimumVersion < .tls12
        let wanted = self.profile.ciphers ?? (isOld ? Self.ciphers + ":" + Self.oldCiphers : Self.ciphers)
        // Versions below 1.2 sign with SHA-1, which OpenSSL has at its lowest level only.
        let level = isOld && !wanted.contains("@SECLEVEL") ? ":@SECLEVEL=0" : ""
        guard SSL_CTX_set_cipher_list(context, wanted + ":" + Self.never + level) == 1 else {
            throw Self.unknownCiphers(self.profile.ciphers ?? wanted, "ciphers", "openssl ciphers -v -tls1_2")
        }
        let suites = self.profile.cipherSuites ?? Self.cipherSuites
        guard SSL_CTX_set_ciphersuites(context, suites) == 1 else {
            throw Self.unknownCiphers(suites, "cipher suites of version 1.3", "openssl ciphers -v -tls1_3 -s")
        }
    }

    /// No compression, no renegotiation, no early data (TLS-04): SIP requests may not be replayed.
    private func applyOptions(to context: OpaquePointer) {
        brana_ssl_ctx_set_options(context, self.profile.sessionTickets ? 1 : 0)
        SSL_CTX_set_max_early_data(context, 0)
        SSL_CTX_set_recv_max_early_data(context, 0)
        brana_ssl_ctx_set_mode(
            context,
            Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER) | Int(SSL_MODE_NO_AUTO_CHAIN)
        )
        // Sessions of a server live in tickets, not in our memory; those of a client are kept by `ResumableSessions`.
        let mode = self.isServer ? SSL_SESS_CACHE_OFF : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
        brana_ssl_ctx_set_session_cache_mode(context, Int(mode))
        SSL_CTX_set_num_tickets(context, self.profile.sessionTickets ? 1 : 0)
    }

    private func applyVerification(to context: OpaquePointer) {
        var mode = SSL_VERIFY_NONE
        if self.profile.verify { mode |= SSL_VERIFY_PEER }
        if self.profile.require { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        SSL_CTX_set_verify(context, mode, nil)
        SSL_CTX_set_verify_depth(context, Int32(clamping: self.profile.verifyDepth))
        SSL_CTX_set_cert_verify_callback(context, PeerVerification.callback, nil)
    }

    private static func unknownCiphers(_ text: String, _ what: String, _ command: String) -> TLSConfigurationError {
        ERR_clear_error()
        return TLSConfigurationError(
            problem: .unknownCiphers,
            file: nil,
            reason: "none of the \(what) \"\(text)\" is known or allowed",
            advice: "choose from what `\(command)` prints; those without forward secrecy are never used"
        )
    }
}
