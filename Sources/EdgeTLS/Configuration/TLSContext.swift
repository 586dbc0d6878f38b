// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A profile made ready: everything read, checked and held by OpenSSL.
///
/// It does not change after it was made, except for what OpenSSL guards with its own locks and the client's sessions,
/// which are behind a mutex; so it is shared by all event loops. A reload makes a new one, and connections keep the one
/// they began with (TLS-09).
package final class TLSContext: @unchecked Sendable {
    package let profile: TLSProfile
    /// The own certificate; nil for a client that shows none.
    package let certificateSummary: CertificateSummary?
    /// The certificates of the additional server names.
    package let additionalCertificateSummaries: [CertificateSummary]
    /// What works, but deserves the operator's eye: one sentence each.
    package let warnings: [String]

    let pointer: OpaquePointer
    /// The sessions to take up again; nil for a server.
    let sessions: ResumableSessions?
    private let serverNames: ServerNameTable?

    /// Makes a server's context.
    ///
    /// - Parameter now: seconds since 1970, nil for the clock's.
    package convenience init(serverProfile profile: TLSProfile, now: Int64? = nil) throws(TLSConfigurationError) {
        try self.init(profile, isServer: true, now: now ?? Int64(time(nil)))
    }

    /// Makes a client's context: what a pool's connections share.
    ///
    /// - Parameter now: seconds since 1970, nil for the clock's.
    package convenience init(clientProfile profile: TLSProfile, now: Int64? = nil) throws(TLSConfigurationError) {
        try self.init(profile, isServer: false, now: now ?? Int64(time(nil)))
    }

    private init(_ profile: TLSProfile, isServer: Bool, now: Int64) throws(TLSConfigurationError) {
        try profile.check(isServer: isServer)
        let own = try Self.ownCertificate(of: profile, now: now)
        let trust = try TrustStore(profile)
        let names = try ServerNameTable(profile, main: own, now: now)
        let made = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method())
        guard OpenSSLLibrary.shared.windowMethod != nil, let pointer = made else { throw Self.libraryError() }
        self.pointer = pointer
        self.profile = profile
        self.certificateSummary = own?.summary
        self.additionalCertificateSummaries = names?.entries.map(\.certificate.summary) ?? []
        self.warnings = Self.warnings(own: own, names: names, trust: trust, profile: profile, isServer: isServer)
        self.sessions = isServer || !profile.sessionTickets ? nil : ResumableSessions()
        self.serverNames = isServer ? names : nil
        // From here on deinit frees the context also when an error is thrown.
        try self.configure(own: own, trust: trust, isServer: isServer)
    }

    deinit {
        SSL_CTX_free(self.pointer)
    }

    private func configure(own: OwnCertificate?, trust: TrustStore, isServer: Bool) throws(TLSConfigurationError) {
        let settings = ContextSettings(profile: self.profile, isServer: isServer)
        try settings.apply(to: self.pointer)
        if let own {
            guard own.install(in: self.pointer) else { throw Self.libraryError() }
        }
        guard trust.install(in: self.pointer, isServer: isServer && self.profile.verify) else {
            throw Self.libraryError()
        }
        let identity = SessionIdentity(profile: self.profile, own: own, trust: trust)
        guard SSL_CTX_set_session_id_context(self.pointer, identity.bytes, UInt32(identity.bytes.count)) == 1 else {
            throw Self.libraryError()
        }
        if let serverNames = self.serverNames { serverNames.install(in: self.pointer) }
        if self.sessions != nil { SSL_CTX_sess_set_new_cb(self.pointer, ResumableSessions.callback) }
    }

    private static func ownCertificate(
        of profile: TLSProfile,
        now: Int64
    ) throws(TLSConfigurationError) -> OwnCertificate? {
        guard let chainFile = profile.certificateChainFile, let keyFile = profile.privateKeyFile else { return nil }
        return try OwnCertificate(chainFile: chainFile, keyFile: keyFile, now: now)
    }

    private static func warnings(
        own: OwnCertificate?,
        names: ServerNameTable?,
        trust: TrustStore,
        profile: TLSProfile,
        isServer: Bool
    ) -> [String] {
        var warnings: [String] = []
        for certificate in [own].compactMap(\.self) + (names?.entries.map(\.certificate) ?? []) {
            warnings += certificate.warnings
            if certificate.chain.isEmpty, !trust.knowsIssuer(of: certificate.leaf) {
                warnings.append(
                    "\(certificate.summary.file): holds no certificate of \(certificate.summary.issuer), which issued "
                        + "the own one; unless that is a root, append it, or peers cannot verify"
                )
            }
        }
        if isServer, profile.verify, profile.trustFile == nil {
            warnings.append("clients' certificates are verified against the system's authorities; name your own as ca")
        }
        return warnings
    }

    static func libraryError() -> TLSConfigurationError {
        TLSConfigurationError(
            problem: .library,
            file: nil,
            reason: "OpenSSL failed (\(OpenSSLErrors.drained().words))",
            advice: "check the installed OpenSSL and its configuration file"
        )
    }
}
