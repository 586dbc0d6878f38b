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
    ///
    /// Reloads that are asked for together happen one after the other, each with the file as it is then.
    package func reload() async -> ReloadReport {
        let before = lastReload
        let reload = Task {
            _ = await before?.value
            return await self.carryOutReload()
        }
        lastReload = reload
        return await reload.value
    }

    private func carryOutReload() async -> ReloadReport {
        do {
            let new = try CheckedConfiguration.load(configurationPath)
            try checkFixed(new)
            try await adopt(new)
            reloads.succeeded += 1
            reloads.lastSucceeded = true
            logger.notice("reloaded", metadata: ["generation": "\(generation)"])
            return ReloadReport(succeeded: true, generation: generation, problems: new.warnings.map(\.description))
        } catch {
            reloads.failed += 1
            reloads.lastSucceeded = false
            let problems = (error as? CheckedConfiguration.Refusal)?.problems.map(\.description) ?? ["\(error)"]
            for problem in problems { logger.error("reload refused", metadata: ["problem": "\(problem)"]) }
            return ReloadReport(succeeded: false, generation: generation, problems: problems)
        }
    }

    /// What only a restart can change.
    private func checkFixed(_ checked: CheckedConfiguration) throws(CheckedConfiguration.Refusal) {
        let (old, new) = (configuration, checked.configuration)
        var changed: [String] = []
        if new.edge.workers != old.edge.workers { changed.append("edge.workers") }
        if new.edge.tokenKeyFile != old.edge.tokenKeyFile { changed.append("edge.token_key_file") }
        if new.admin.socket != old.admin.socket { changed.append("admin.socket") }
        if new.admin.http != old.admin.http { changed.append("admin.http") }
        if new.logging.syslog != old.logging.syslog { changed.append("logging.syslog") }
        if new.logging.stderr != old.logging.stderr { changed.append("logging.stderr") }
        guard changed.isEmpty else {
            throw checked.refusal("cannot be changed by a reload; restart Brana, or change it back", at: changed)
        }
    }

    /// What a refused reload goes back to.
    private struct Before {
        let checked: CheckedConfiguration
        let pools: [String: ManagedPool]
        let formerListeners: [ListenerSettings]
    }

    private func adopt(_ new: CheckedConfiguration) async throws {
        guard let edge else { throw new.refusal("the edge does not run yet, or no more; reload again later", at: []) }
        let before = Before(checked: checked, pools: pools, formerListeners: formerListeners)
        // Until it is decided no other snapshot is made of what is half new.
        isAdopting = true
        defer {
            isAdopting = false
            publish()
        }
        do {
            host = await HostNetwork.current(on: group.next())
            // New pools are resolved with the servers that the new configuration names.
            try await use(new, formerly: before)
            await resolveAll(within: .seconds(3))
            try await edge.adopt(makeSnapshot())
        } catch {
            await goBack(to: before)
            throw new.refusal(of: error)
        }
        _ = dns.settle()
        for (name, pool) in before.pools where pools[name] !== pool { pool.cancel() }
        for (name, pool) in pools where before.pools[name] !== pool { watch(pool) }
        requestLog.use(configuration.logging.requestLine)
        log.use(level: configuration.logging.level)
    }

    /// Takes a configuration with the pools that it shares with the one before, and new ones for the others.
    private func use(_ new: CheckedConfiguration, formerly before: Before) async throws {
        take(new)
        rememberListeners(of: before.checked.configuration)
        pools = [:]
        for settings in configuration.pools {
            let target = try SIPTarget(settings.target)
            guard let pool = before.pools[settings.name], pool.resolvesLike(settings, target) else {
                try addPool(settings, former: before.pools[settings.name])
                continue
            }
            pool.reconfigure(settings, target: target)
            pools[settings.name] = pool
        }
        // The answers that are known count again should it not be adopted.
        _ = try await dns.use(resolverSettings(), provisionally: true).get()
    }

    private func take(_ new: CheckedConfiguration) {
        checked = new
        configuration = new.configuration
        contexts = new.contexts
        resolverParts = new.resolver
    }

    private func goBack(to before: Before) async {
        for (name, pool) in pools where before.pools[name] !== pool { pool.cancel() }
        let abandoned = pools
        take(before.checked)
        (pools, formerListeners) = (before.pools, before.formerListeners)
        for settings in configuration.pools {
            guard let pool = pools[settings.name] else { continue }
            pool.reconfigure(settings, target: pool.target)
            guard abandoned[settings.name] !== pool else { continue }
            // Its tasks may have ended when they found another pool in its place.
            pool.cancel()
            watch(pool)
        }
        _ = try? await dns.use(resolverSettings()).get()
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
