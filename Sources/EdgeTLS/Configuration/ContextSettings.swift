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
    /// What versions below 1.2 need in addition, and phones that know no AEAD.
    static let cbcCiphers = "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
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
            SSL_CTX_set_purpose(context, X509_PURPOSE_ANY) == 1
        else { throw TLSContext.libraryError() }
        guard brana_ssl_ctx_set_groups(context, self.groups) == 1 else {
            ERR_clear_error()
            throw TLSConfigurationError(
                problem: .unknownGroups,
                file: nil,
                reason: "a group in \"\(self.groups)\" is not known to OpenSSL",
                advice: "name groups such as X25519, P-256 and P-384, with colons between them"
            )
        }
        try self.applyCiphers(to: context)
        self.applyOptions(to: context)
        self.applyVerification(to: context)
    }

    private func applyCiphers(to context: OpaquePointer) throws(TLSConfigurationError) {
        guard SSL_CTX_set_cipher_list(context, self.cipherList) == 1 else {
            throw Self.unknown(self.profile.ciphers ?? self.cipherList, "ciphers", "openssl ciphers -v -tls1_2")
        }
        guard SSL_CTX_set_ciphersuites(context, self.suites) == 1 else {
            throw Self.unknown(self.suites, "cipher suites of version 1.3", "openssl ciphers -v -tls1_3 -s")
        }
    }

    private var isOld: Bool { self.profile.minimumVersion < .tls12 }
    private var suites: String { self.profile.cipherSuites ?? Self.cipherSuites }
    private var groups: String { self.profile.groups ?? Self.groups }

    /// The ciphers below version 1.3, in OpenSSL's words.
    private var cipherList: String {
        var wanted = [self.profile.ciphers ?? Self.ciphers]
        let needsCBC = self.profile.allowsCBC || self.isOld && self.profile.ciphers == nil
        if needsCBC { wanted.append(Self.cbcCiphers) }
        // Versions below 1.2 sign with SHA-1, which OpenSSL has at its lowest level only.
        let lowersLevel = self.isOld && !(self.profile.ciphers?.contains("@SECLEVEL") ?? false)
        return (wanted + [Self.never] + (lowersLevel ? ["@SECLEVEL=0"] : [])).joined(separator: ":")
    }

    /// Sets, for one connection of another context that goes over to these, what it does not take from its context.
    func apply(toConnection ssl: OpaquePointer) -> Bool {
        brana_ssl_set_versions(ssl, self.profile.minimumVersion.rawValue, self.profile.maximumVersion.rawValue) == 1
            && brana_ssl_set_groups(ssl, self.groups) == 1
            && SSL_set_cipher_list(ssl, self.cipherList) == 1
            && SSL_set_ciphersuites(ssl, self.suites) == 1
            && self.applyVerification(toConnection: ssl)
    }

    /// No compression, no renegotiation, no early data (TLS-04): SIP requests may not be replayed.
    ///
    /// What a client sends early, by a ticket of another server of this name, is skipped as far as OpenSSL does by default:
    /// it falls back to a full handshake then (RFC 8446 section 4.2.10).
    private func applyOptions(to context: OpaquePointer) {
        brana_ssl_ctx_set_options(context, self.profile.sessionTickets ? 1 : 0)
        SSL_CTX_set_max_early_data(context, 0)
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
        SSL_CTX_set_verify(context, self.verifyMode, nil)
        SSL_CTX_set_verify_depth(context, self.verifyDepth)
        SSL_CTX_set_cert_verify_callback(context, PeerVerification.callback, nil)
    }

    private func applyVerification(toConnection ssl: OpaquePointer) -> Bool {
        SSL_set_verify(ssl, self.verifyMode, nil)
        SSL_set_verify_depth(ssl, self.verifyDepth)
        brana_ssl_set_tickets(ssl, self.profile.sessionTickets ? 1 : 0)
        return SSL_set_num_tickets(ssl, self.profile.sessionTickets ? 1 : 0) == 1
    }

    private var verifyDepth: Int32 { Int32(clamping: self.profile.verifyDepth) }

    private var verifyMode: Int32 {
        var mode = SSL_VERIFY_NONE
        if self.profile.verify { mode |= SSL_VERIFY_PEER }
        if self.profile.require { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        return mode
    }

    private static func unknown(_ text: String, _ what: String, _ command: String) -> TLSConfigurationError {
        ERR_clear_error()
        return TLSConfigurationError(
            problem: .unknownCiphers,
            file: nil,
            reason: "none of the \(what) \"\(text)\" is known or allowed",
            advice: "choose from what `\(command)` prints; those without forward secrecy are never used"
        )
    }
}
