// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import EdgeRuntime
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation

/// What a reload did.
package struct ReloadReport: Sendable, Codable {
    package let succeeded: Bool
    package let generation: UInt64
    /// Why nothing was changed, a line each; or what is doubtful in the new configuration.
    package let problems: [String]
}

extension ControlPlane {
    /// Reads the configuration again and adopts it whole, or keeps the one that runs and says why.
    package func reload() async -> ReloadReport {
        do {
            let checked = try CheckedConfiguration.load(configurationPath)
            try checkFixed(checked.configuration)
            try await adopt(checked)
            reloads.succeeded += 1
            reloads.lastSucceeded = true
            logger.notice("reloaded", metadata: ["generation": "\(generation)"])
            return ReloadReport(succeeded: true, generation: generation, problems: checked.warnings.map(\.description))
        } catch {
            reloads.failed += 1
            reloads.lastSucceeded = false
            let problems = (error as? CheckedConfiguration.Refusal)?.problems.map(\.description) ?? ["\(error)"]
            for problem in problems { logger.error("reload refused", metadata: ["problem": "\(problem)"]) }
            return ReloadReport(succeeded: false, generation: generation, problems: problems)
        }
    }

    /// What only a restart can change.
    private func checkFixed(_ new: Configuration) throws {
        var changed: [String] = []
        if new.edge.workers != configuration.edge.workers { changed.append("edge.workers") }
        if new.edge.tokenKeyFile != configuration.edge.tokenKeyFile { changed.append("edge.token_key_file") }
        if new.admin != configuration.admin { changed.append("admin") }
        if new.logging.syslog != configuration.logging.syslog || new.logging.stderr != configuration.logging.stderr {
            changed.append("logging.syslog or logging.stderr")
        }
        guard changed.isEmpty else {
            let message = "\(changed.joined(separator: ", ")) cannot be changed by a reload; restart Brana"
            let problem = ConfigurationProblem(file: configurationPath, line: 0, column: 0, message: message)
            throw CheckedConfiguration.Refusal(problems: [problem])
        }
    }

    private func adopt(_ checked: CheckedConfiguration) async throws {
        let before = (configuration, contexts, pools, formerListeners)
        configuration = checked.configuration
        rememberListeners(of: before.0)
        contexts = checked.contexts
        host = await HostNetwork.current(on: group.next())
        let old = pools
        pools = [:]
        var changed: [ManagedPool] = []
        for settings in configuration.pools {
            let target = try SIPTarget(settings.target)
            guard let pool = old[settings.name], pool.resolvesLike(settings, target) else {
                try addPool(settings, former: old[settings.name])
                if let pool = pools[settings.name] { changed.append(pool) }
                continue
            }
            pool.reconfigure(settings, target: target)
            pools[settings.name] = pool
        }
        await resolveAll(within: .seconds(3))
        do {
            try await edge?.adopt(makeSnapshot())
        } catch {
            for pool in changed { pool.cancel() }
            (configuration, contexts, pools, formerListeners) = before
            for pool in pools.values {
                if let settings = configuration.pools.first(where: { $0.name == pool.settings.name }) {
                    pool.reconfigure(settings, target: pool.target)
                }
            }
            throw error
        }
        for (name, pool) in old where pools[name] !== pool { pool.cancel() }
        for pool in changed { watch(pool) }
        requestLog.use(configuration.logging.requestLine)
        log.use(level: configuration.logging.level)
        resolverParts = checked.resolver
        _ = try await dns.use(resolverSettings()).get()
    }

    /// Keeps what dialogs still name in their Record-Route; the oldest of too many is forgotten.
    private func rememberListeners(of old: Configuration) {
        let now = Set(configuration.listeners)
        let gone = old.listeners.filter { !now.contains($0) }
        formerListeners.removeAll { now.contains($0) || gone.contains($0) }
        formerListeners = (formerListeners + gone).suffix(Self.formerListenerLimit)
    }

    private static let formerListenerLimit = 32
}
