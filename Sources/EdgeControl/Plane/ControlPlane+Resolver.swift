// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Logging
internal import NIOCore
internal import SIPDNS

/// The name servers of resolv.conf, where the configuration names none: seen when they change, without a reload
/// (LOC-69).
extension ControlPlane {
    /// Looks at the file from time to time, and takes the servers that it names now.
    func followResolverFile(now: NIODeadline) {
        guard configuration.resolver.servers.isEmpty, let found = resolverFile.look(now: now) else { return }
        for word in found.unread {
            logger.warning(
                "a name server is not used: it is no address, or its interface is not here",
                metadata: ["file": "\(resolverFile.file)", "nameserver": "\(word)"]
            )
        }
        guard found.servers != nameServers else { return }
        var settings = resolverParts.clientSettings(configuration.resolver)
        settings.servers = found.servers
        nameServers = found.servers
        logger.notice(
            "name servers",
            metadata: ["servers": "\(found.servers.map(\.description).joined(separator: ", "))"]
        )
        // While a reload is open, so is whether this measure of DNSSEC stays.
        _ = dns.use(settings, provisionally: isAdopting)
    }

    /// Watches another file from now on; the tests' own.
    func watch(_ file: ResolverFile) { resolverFile = file }

    /// What the client works by from now on.
    func resolverSettings() -> DNSClient.Settings {
        let settings = resolverParts.clientSettings(configuration.resolver)
        nameServers = settings.servers
        return settings
    }
}
