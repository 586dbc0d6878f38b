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
        // A reload has its own word about the servers.
        guard !isStaging, configuration.resolver.servers.isEmpty, let found = resolverFile.look(now: now) else {
            return
        }
        for word in found.unread {
            logger.warning(
                "a name server is not used: it is no address, or its interface is not here",
                metadata: ["file": "\(resolverFile.file)", "nameserver": "\(word)"]
            )
        }
        guard found.servers != resolverSettings.servers else { return }
        var settings = resolverSettings
        settings.servers = found.servers
        logger.notice(
            "name servers",
            metadata: ["servers": "\(found.servers.map(\.description).joined(separator: ", "))"]
        )
        use(settings)
    }

    /// Asks by other settings from now on; what was asked by those before does not count.
    func use(_ settings: DNSClient.Settings) {
        resolverSettings = settings
        resolverChanges += 1
        _ = dns.use(settings)
    }

    /// Watches another file from now on; the tests' own.
    func watch(_ file: ResolverFile) { resolverFile = file }
}
