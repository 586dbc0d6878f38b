// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A profile made ready: everything read, checked and held by OpenSSL.
///
/// It does not change after it was made, except for what OpenSSL guards with its own locks and the client's sessions,
/// which are behind a mutex; so it is shared by all event loops. A reload makes a new one, and connections keep the one
/// they began with (TLS-09).
package final class TLSContext: @unchecked Sendable {
    package let profile: TLSProfile
    /// What works, but deserves the operator's eye: one sentence each.
    package let warnings: [String]

    /// A server's certificates whose authorities are to be asked for what is stapled.
    package let certificatesToStaple: [StapledCertificate]

    let pointer: OpaquePointer
    let own: OwnCertificates
    let secrets: TLSSecrets
    let sessionIdentity: SessionIdentity
    /// The revocation lists here, and those that go by a server name.
    let revocationLists: [RevocationList]
    /// Digests of the revocation lists here, those that go by a server name among them; every worker compares them at
    /// every reload, and the lists may be long.
    package let revocations: Set<[UInt8]>
    /// When the first issuer of them has no valid list any more, in seconds since 1970; nil when none says so.
    package let revocationsEnd: Int64?
    /// The sessions to take up again; nil for a server.
    let sessions: ResumableSessions?
    private let serverNames: ServerNameTable?

    /// Makes a server's context.
    ///
    /// - Parameter now: seconds since 1970, nil for the clock's.
    package convenience init(
        serverProfile profile: TLSProfile,
        secrets: TLSSecrets = TLSSecrets(),
        now: Int64? = nil
    ) throws(TLSConfigurationError) {
        try self.init(profile, secrets, isServer: true, now: now ?? UnixTime.now)
    }

    /// Makes a client's context: what a pool's connections share.
    ///
    /// - Parameter now: seconds since 1970, nil for the clock's.
    package convenience init(
        clientProfile profile: TLSProfile,
        secrets: TLSSecrets = TLSSecrets(),
        now: Int64? = nil
    ) throws(TLSConfigurationError) {
        try self.init(profile, secrets, isServer: false, now: now ?? UnixTime.now)
    }

    private init(
        _ profile: TLSProfile,
        _ secrets: TLSSecrets,
        isServer: Bool,
        now: Int64
    ) throws(TLSConfigurationError) {
        try profile.check(isServer: isServer)
        let own = try OwnCertificates(of: profile, now: now)
        let trust = try TrustStore(profile)
        let sessions = SessionIdentity(profile: profile, own: own, trust: trust)
        let names =
            isServer
            ? try ServerNameTable(profile, main: own, sessions: sessions, now: now, secrets: secrets) : nil
        let made = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method())
        guard OpenSSLLibrary.shared.windowMethod != nil, let pointer = made else { throw Self.libraryError() }
        self.pointer = pointer
        self.profile = profile
        self.own = own
        self.secrets = secrets
        self.sessionIdentity = sessions
        let contexts = names?.contexts ?? []
        self.revocationLists = trust.revocationLists + contexts.flatMap(\.revocationLists)
        self.revocations = Set(self.revocationLists.map(\.fingerprint))
        // A server name's profile has lists of its own, which help nobody here.
        self.revocationsEnd = ([trust.revocationLists.ends.first?.end] + contexts.map(\.revocationsEnd))
            .compactMap(\.self).min()
        var warnings = Self.warnings(own: own, names: names, trust: trust, profile: profile, isServer: isServer)
        var toStaple = contexts.flatMap(\.certificatesToStaple)
        for own in isServer ? [own] + (names?.certificates ?? []) : [] {
            warnings += try own.staple(with: secrets.staples, now: now)
            guard profile.fetchesStaples else { continue }
            let (certificates, troubles) = own.toStaple(secrets.staples)
            toStaple += certificates
            warnings += troubles
        }
        warnings +=
            profile.crlFile.map { trust.revocationWarnings(file: $0, isHard: !profile.acceptsUnlisted, now: now) } ?? []
        self.warnings = warnings + contexts.flatMap(\.warnings)
        self.certificatesToStaple = toStaple
        self.sessions = isServer || !profile.sessionTickets ? nil : ResumableSessions()
        self.serverNames = names
        // From here on deinit frees the context also when an error is thrown.
        try self.configure(trust: trust, isServer: isServer)
    }

    deinit {
        SSL_CTX_free(self.pointer)
    }

    /// A digest of what peers are verified by and shown here: authorities, revocation lists, own certificates and rules.
    package var rules: [UInt8] { self.sessionIdentity.bytes }

    /// The own certificates, that of the profile first; empty for a client that shows none.
    package var certificateSummaries: [CertificateSummary] {
        let others = self.serverNames?.entries.flatMap(\.certificates.all) ?? []
        return (self.own.all + others).map(\.summary)
    }

    /// Whether a certificate that is shown proves a domain, by a wildcard at least.
    package func proves(_ domain: String) -> Bool {
        let others = self.serverNames?.entries.flatMap(\.certificates.all) ?? []
        let policy = PeerIdentityPolicy.verify(domain: domain, acceptsWildcards: true, acceptsCommonName: true)
        return (self.own.all + others).contains { policy.accepts($0.leaf.names) }
    }

    /// Whether there is a certificate to be shown.
    var hasCertificate: Bool { !self.own.all.isEmpty }

    /// Has a server's connection that was begun under another context go on under this one.
    func takeOver(_ ssl: OpaquePointer) -> Bool {
        guard
            let connection = OpenSSLLibrary.shared.connection(of: ssl),
            SSL_set_SSL_CTX(ssl, self.pointer) != nil,
            ContextSettings(profile: self.profile, isServer: true).apply(toConnection: ssl)
        else { return false }
        connection.context = self
        return true
    }

    private func configure(trust: TrustStore, isServer: Bool) throws(TLSConfigurationError) {
        let settings = ContextSettings(profile: self.profile, isServer: isServer)
        try settings.apply(to: self.pointer)
        guard
            self.own.install(in: self.pointer),
            trust.install(in: self.pointer, isServer: isServer && self.profile.verify),
            self.sessionIdentity.install(in: self.pointer)
        else { throw Self.libraryError() }
        if isServer {
            brana_ssl_ctx_set_ticket_callback(self.pointer, TicketKeys.callback)
            brana_ssl_ctx_set_status_callback(self.pointer, Staples.callback)
        } else {
            guard SSL_CTX_dane_enable(self.pointer) == 1 else { throw Self.libraryError() }
            if self.profile.ocsp != .off {
                brana_ssl_ctx_set_status_callback(self.pointer, StapleVerification.callback)
            }
        }
        if self.secrets.keyLog != nil { SSL_CTX_set_keylog_callback(self.pointer, KeyLog.callback) }
        if let serverNames = self.serverNames { serverNames.install(in: self.pointer) }
        if self.sessions != nil { SSL_CTX_sess_set_new_cb(self.pointer, ResumableSessions.callback) }
    }

    private static func warnings(
        own: OwnCertificates,
        names: ServerNameTable?,
        trust: TrustStore,
        profile: TLSProfile,
        isServer: Bool
    ) -> [String] {
        var warnings: [String] = []
        for certificate in own.all + (names?.certificates.flatMap(\.all) ?? []) {
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
