// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeTLS
internal import SIPMessage

/// The TLS contexts of one configuration, built all at once.
struct TLSContexts: Sendable {
    var servers: [String: TLSContext] = [:]
    var clients: [String: TLSContext] = [:]
    /// What applies to backends whose pool names no profile: the system's authorities, no certificate of ours.
    var standard: TLSContext?

    /// Something is wrong with one profile's files.
    struct Failure: Error {
        let profile: String
        let error: TLSConfigurationError
    }

    /// Builds a context for every use of every profile.
    ///
    /// - Throws: nothing; every failure is collected, so that one check shows all.
    static func build(
        _ configuration: Configuration,
        _ secrets: TLSSecrets
    ) -> (contexts: TLSContexts, failures: [Failure]) {
        var contexts = TLSContexts()
        var failures: [Failure] = []
        let serverNames = Set(configuration.listeners.compactMap(\.tls))
        let clientNames = Set(configuration.pools.compactMap(\.tls))
        for (name, settings) in configuration.tls.sorted(by: { $0.key < $1.key }) {
            let profile = TLSProfile(settings, among: configuration.tls)
            do throws(TLSConfigurationError) {
                // A profile that nobody uses yet is checked all the same.
                if settings.certificate != nil, serverNames.contains(name) || !clientNames.contains(name) {
                    contexts.servers[name] = try TLSContext(serverProfile: profile, secrets: secrets)
                }
                if clientNames.contains(name) {
                    contexts.clients[name] = try TLSContext(clientProfile: profile, secrets: secrets)
                }
            } catch {
                failures.append(Failure(profile: name, error: error))
            }
        }
        contexts.standard = try? TLSContext(clientProfile: TLSProfile(), secrets: secrets)
        return (contexts, failures)
    }

    /// Certificates whose authorities are asked for what is stapled, each file once.
    var certificatesToStaple: [StapledCertificate] {
        var files = Set<String>()
        return servers.sorted { $0.key < $1.key }.flatMap(\.value.certificatesToStaple).filter {
            files.insert($0.file).inserted
        }
    }

    /// When each profile that has revocation lists first lacks a valid one of some issuer, in seconds since 1970.
    var revocationEnds: [(profile: String, end: Int64)] {
        servers.merging(clients) { server, _ in server }
            .compactMap { name, context in context.revocationsEnd.map { (name, $0) } }
            .sorted { $0.profile < $1.profile }
    }

    /// Own certificates by profile, each once.
    var certificates: [(profile: String, summary: CertificateSummary)] {
        let all = servers.merging(clients) { server, _ in server }
        return all.sorted { $0.key < $1.key }.flatMap { name, context in
            context.certificateSummaries.map { (name, $0) }
        }
    }
}

extension ListenerSettings {
    /// What is wrong with the name that peers are told, which they hold against the certificate (RFC 5922 section 7.3).
    ///
    /// It is nil when a certificate proves the name (PRX-35). An address is warned of where it is read.
    func identityWarning(_ contexts: TLSContexts) -> String? {
        guard transport == .tls, IPAddress(parsing: advertisedHost) == nil, let tls,
            let context = contexts.servers[tls],
            !context.proves(advertisedHost)
        else { return nil }
        return "listener '\(name)' tells peers the name \(advertisedHost), which no certificate of tls.\(tls) proves; "
            + "set 'advertise' to a name in the certificate, or have it made for this one too"
    }
}

extension TLSProfile {
    /// What a section says, with the profiles that its server names lead to.
    init(_ settings: TLSSettings, among profiles: [String: TLSSettings] = [:]) {
        self.init(
            certificateChainFile: settings.certificate,
            privateKeyFile: settings.key,
            stapleFile: settings.ocspResponse,
            fetchesStaples: settings.fetchesOCSP,
            furtherCertificates: settings.furtherCertificates.map(CertificateFiles.init),
            trustFile: settings.ca,
            verify: settings.verify,
            require: settings.require,
            minimumVersion: Self.version(settings.minimumVersion),
            maximumVersion: Self.version(settings.maximumVersion),
            ciphers: settings.ciphers,
            allowsCBC: settings.allowsCBC,
            groups: settings.groups,
            cipherSuites: settings.cipherSuites,
            verifyDepth: settings.verifyDepth,
            crlFile: settings.crl,
            acceptsUnlisted: settings.crlMode == .soft,
            ocsp: OCSPPolicy(settings.ocsp),
            sessionTickets: settings.sessionTickets,
            additionalServerNames: settings.serverNames.map { ServerName($0, among: profiles) },
            refusesUnknownServerNames: settings.strictServerNames,
            extendedKeyUsage: ExtendedKeyUsagePolicy(settings)
        )
    }

    private static func version(_ text: String) -> TLSVersion {
        switch text {
        case "1.0": .tls10
        case "1.1": .tls11
        case "1.3": .tls13
        default: .tls12
        }
    }
}

extension TLSProfile.CertificateFiles {
    fileprivate init(_ files: TLSSettings.CertificateFiles) {
        self.init(chain: files.certificate, key: files.key, staple: files.ocspResponse)
    }
}

extension OCSPPolicy {
    fileprivate init(_ settings: TLSSettings.OCSP) {
        switch settings {
        case .off: self = .off
        case .check: self = .check
        case .require: self = .require
        }
    }
}

extension TLSProfile.ServerName {
    fileprivate init(_ settings: TLSSettings.ServerName, among profiles: [String: TLSSettings]) {
        if let other = settings.profile.flatMap({ profiles[$0] }) {
            self.init(name: settings.name, use: .profile(TLSProfile(other)))
        } else {
            self.init(
                name: settings.name,
                use: .certificates(settings.certificates.map(TLSProfile.CertificateFiles.init))
            )
        }
    }
}

extension ExtendedKeyUsagePolicy {
    fileprivate init(_ settings: TLSSettings) {
        switch (settings.keyUsage, settings.clientKeyUsage) {
        case (.strict, _): self = .strict
        case (.compatible, .clientAuth): self = .compatible
        case (.compatible, .acceptServerAuth): self = .compatibleAcceptingServerAsClient
        }
    }
}
