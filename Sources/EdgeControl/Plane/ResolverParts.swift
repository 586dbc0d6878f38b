// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeTLS
internal import NIOCore
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage

/// What the `resolver` section names, read and built: trust anchors, own records, whom name servers must prove to be.
struct ResolverParts: Sendable {
    private(set) var anchors = TrustAnchors()
    private(set) var overrides = DNSOverrides()
    /// nil without a server of DNS over TLS.
    private(set) var tls: TLSContext?

    /// Something is wrong with one file.
    struct Failure: Error {
        let key: String
        let message: String
    }

    /// Reads everything, and collects what is wrong, so that one check shows all.
    static func build(_ settings: ResolverSettings) -> (parts: ResolverParts, failures: [Failure]) {
        var parts = ResolverParts()
        var failures: [Failure] = []
        do throws(ZoneProblems) {
            if let file = settings.trustAnchor { parts.anchors = try TrustAnchors(file: file) }
        } catch {
            failures += error.problems.map { Failure(key: "trust_anchor", message: $0.description) }
        }
        do throws(ZoneProblems) {
            if let file = settings.overrides { parts.overrides = try DNSOverrides(file: file) }
        } catch {
            failures += error.problems.map { Failure(key: "overrides", message: $0.description) }
        }
        do throws(TLSConfigurationError) {
            if settings.ca != nil || settings.servers.contains(where: { $0.transport == .tls }) {
                parts.tls = try TLSContext(clientProfile: TLSProfile(trustFile: settings.ca))
            }
        } catch {
            failures.append(Failure(key: "ca", message: "\(error)"))
        }
        return (parts, failures)
    }

    /// What the client works by: the servers of the file, or those of resolv.conf.
    func clientSettings(_ settings: ResolverSettings) -> DNSClient.Settings {
        let servers = settings.servers.map { server in
            let transport: DNSServer.Transport = server.transport == .tls ? .tls : .udp
            return DNSServer(server.address, port: server.port, transport: transport, name: server.name)
        }
        var client = DNSClient.Settings(servers: servers.isEmpty ? ResolverConfiguration.servers() : servers)
        client.timeout = TimeAmount(settings.timeout)
        client.attempts = settings.attempts
        client.cache.minimum = TimeAmount(settings.minimumTTL)
        client.cache.maximum = TimeAmount(settings.maximumTTL)
        client.cache.stale = TimeAmount(settings.stale)
        client.mixesCase = settings.mixesCase
        client.dnssec = DNSClient.DNSSECMode(rawValue: settings.dnssec.rawValue) ?? .off
        client.anchors = anchors
        client.overrides = overrides
        client.makeTLSHandler = handlerFactory
        return client
    }

    /// Handlers that verify a server's certificate by its name, or by its address when it has none.
    private var handlerFactory: DNSClient.TLSHandlerFactory {
        guard let tls else { return { _ in nil } }
        return { server in
            let name = server.name ?? server.address.description
            return TLSHandler(
                context: tls,
                role: .client(
                    serverName: name,
                    identity: .verify(domain: name, acceptsWildcards: true),
                    sessionScope: "\(server)"
                ),
                handshakeDeadline: .seconds(5)
            )
        }
    }
}
