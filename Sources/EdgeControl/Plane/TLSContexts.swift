// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeTLS

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
    static func build(_ configuration: Configuration) -> (contexts: TLSContexts, failures: [Failure]) {
        var contexts = TLSContexts()
        var failures: [Failure] = []
        let serverNames = Set(configuration.listeners.compactMap(\.tls))
        let clientNames = Set(configuration.pools.compactMap(\.tls))
        for (name, settings) in configuration.tls.sorted(by: { $0.key < $1.key }) {
            do throws(TLSConfigurationError) {
                // A profile that nobody uses yet is checked all the same.
                if settings.certificate != nil, serverNames.contains(name) || !clientNames.contains(name) {
                    contexts.servers[name] = try TLSContext(serverProfile: TLSProfile(settings))
                }
                if clientNames.contains(name) {
                    contexts.clients[name] = try TLSContext(clientProfile: TLSProfile(settings))
                }
            } catch {
                failures.append(Failure(profile: name, error: error))
            }
        }
        contexts.standard = try? TLSContext(clientProfile: TLSProfile())
        return (contexts, failures)
    }

    /// Own certificates by profile, each once.
    var certificates: [(profile: String, summary: CertificateSummary)] {
        let all = servers.merging(clients) { server, _ in server }
        return all.sorted { $0.key < $1.key }.flatMap { name, context in
            ([context.certificateSummary].compactMap { $0 } + context.additionalCertificateSummaries).map { (name, $0) }
        }
    }
}

extension TLSProfile {
    init(_ settings: TLSSettings) {
        self.init(
            certificateChainFile: settings.certificate,
            privateKeyFile: settings.key,
            trustFile: settings.ca,
            verify: settings.verify,
            require: settings.require,
            minimumVersion: Self.version(settings.minimumVersion),
            maximumVersion: Self.version(settings.maximumVersion),
            ciphers: settings.ciphers,
            cipherSuites: settings.cipherSuites,
            verifyDepth: settings.verifyDepth,
            crlFile: settings.crl,
            sessionTickets: settings.sessionTickets,
            additionalServerNames: settings.serverNames.map {
                ServerName(name: $0.name, certificateChainFile: $0.certificate, privateKeyFile: $0.key)
            }
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
