// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
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
        noteFiles()
        do {
            let new = try CheckedConfiguration.load(configurationPath, following: checked)
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
        if new.admin.socket != old.admin.socket { changed.append("admin.socket") }
        if new.admin.http != old.admin.http { changed.append("admin.http") }
        if new.logging.syslog != old.logging.syslog { changed.append("logging.syslog") }
        if new.logging.stderr != old.logging.stderr { changed.append("logging.stderr") }
        guard changed.isEmpty else {
            throw checked.refusal("cannot be changed by a reload; restart Brana, or change it back", at: changed)
        }
    }

    private func adopt(_ new: CheckedConfiguration) async throws {
        guard let edge else { throw new.refusal("the edge does not run yet, or no more; reload again later", at: []) }
        isStaging = true
        defer {
            (isStaging, isAdopting) = (false, false)
            publish()
        }
        let staged: StagedConfiguration
        do {
            // Until it is decided all goes on by the configuration that runs, and what is learnt meanwhile is kept.
            staged = try await stage(new)
            try checkBackends(of: staged)
            isAdopting = true
            try await edge.adopt(makeSnapshot(of: staged))
        } catch {
            throw new.refusal(of: error)
        }
        use(staged.resolver)
        take(staged)
        checkOwnNames()
        requestLog.use(configuration.logging.requestLine)
        log.use(level: configuration.logging.level)
    }

    /// Looks at the host, and resolves what must be resolved as the new configuration says.
    ///
    /// That has a client of its own: what it learns is not for what runs, should the configuration be refused.
    private func stage(_ new: CheckedConfiguration) async throws -> StagedConfiguration {
        let host = await HostNetwork.current(on: group.next())
        let settings = new.resolver.clientSettings(new.configuration.resolver)
        let ground = StagedPool.Ground(
            host: host,
            own: host.own(new.configuration.listeners),
            stale: TimeAmount(new.configuration.resolver.stale),
            isAnsweredAnew: settings.overrides != resolverSettings.overrides
                || settings.measure != resolverSettings.measure
        )
        let listeners = formerListeners(beside: new.configuration)
        var staged = StagedConfiguration(
            checked: new,
            formerListeners: listeners,
            ground: ground,
            resolver: settings
        )
        let now = NIODeadline.now()
        staged.pools = try new.configuration.pools.map { settings in
            let former = pools[settings.name]
            return StagedPool(
                settings,
                target: try SIPTarget(settings.target),
                former: former,
                formerPolicy: former?.resolutionPolicy(self.host, ownListeners, now: now),
                on: ground,
                now: now
            )
        }
        let client = try await DNSClient(loop: group.next(), settings: settings)
        await resolve(&staged.pools, by: TargetResolver(client: client), within: resolutionLimit)
        return staged
    }

    /// Waits longer for DNS; the tests' own.
    func wait(forDNS limit: Duration) { resolutionLimit = limit }

    /// Asks DNS for the pools that need it, all at the same time, and waits no longer than `limit` (LOC-62).
    private func resolve(
        _ staged: inout [StagedPool],
        by resolver: TargetResolver,
        within limit: Duration
    ) async {
        let waiting = staged.indices.filter { staged[$0].mustAsk }
        for place in waiting { staged[place].take(nil, after: nil) }
        let questions = waiting.map { (place: $0, target: staged[$0].target, policy: staged[$0].policy) }
        let answers = await SideBySide.results(of: questions, within: limit) { question in
            let asked = NIODeadline.now()
            let outcome = try? await resolver.resolve(question.target, policy: question.policy)
            return (place: question.place, known: outcome?.known, duration: NIODeadline.now() - asked)
        }
        for answer in answers { staged[answer.place].take(answer.known, after: answer.duration) }
    }

    /// A pool that serves is not given up for a target that leads nowhere, nor for rules of which DNS does not say where
    /// they lead.
    private func checkBackends(of staged: StagedConfiguration) throws(CheckedConfiguration.Refusal) {
        var problems: [(path: String, message: String)] = []
        for pool in staged.pools {
            let name = pool.settings.name
            guard let former = pools[name], former.state.membership.publishedCount > 0, let answer = pool.answer,
                !answer.isAnswered || former.target != pool.target,
                state(of: pool, staged).membership.publishedCount == 0
            else { continue }
            let target = pool.settings.target
            let reason = answer.problem ?? "no answer"
            let command = staged.checked.configuration.resolver.command(toResolve: target)
            let message =
                answer.isAnswered
                ? "\(target) leads to no backend (\(reason)), and the pool would be left without any; correct the target, "
                    + "or publish its records and see what \(command) shows"
                : "DNS does not say where \(target) leads (\(reason)), and the pool would be left without backends; see "
                    + "what \(command) shows, and reload when there is an answer"
            problems.append(("pools.\(name).target", message))
        }
        guard problems.isEmpty else { throw staged.checked.refusal(problems) }
    }

    /// What the data plane would work by now.
    private func makeSnapshot(of staged: StagedConfiguration) -> EdgeSnapshot {
        var states: [String: PoolState] = [:]
        for pool in staged.pools { states[pool.settings.name] = state(of: pool, staged) }
        let listeners = staged.formerListeners
        return makeSnapshot(of: staged.checked, staged.ground.host, formerListeners: listeners, pools: states)
    }

    /// What is known of a pool when it is adopted now.
    private func state(of pool: StagedPool, _ staged: StagedConfiguration) -> PoolState {
        let name = pool.settings.name
        let id = PoolID(index: numbers.pool(name))
        return pool.state(id: id, former: pools[name], stale: staged.ground.stale, now: .now())
    }

    /// Takes a configuration with the pools that it shares with the one before, and new ones for the others; what was
    /// learnt of backends while it was staged stays.
    private func take(_ staged: StagedConfiguration) {
        let before = pools
        tokenKeys = tokenKeys(with: staged.checked)
        checked = staged.checked
        (host, formerListeners) = (staged.ground.host, staged.formerListeners)
        pools = [:]
        for pool in staged.pools { take(pool, former: before[pool.settings.name]) }
        for (name, pool) in before where pools[name] !== pool { pool.cancel() }
    }

    private func take(_ staged: StagedPool, former: ManagedPool?) {
        let name = staged.settings.name
        let pool: ManagedPool
        if let former, former.target == staged.target {
            former.reconfigure(staged.settings, target: staged.target)
            // The snapshot that this is part of shows it.
            _ = follow(former, to: .now())
            pool = former
        } else {
            let id = PoolID(index: numbers.pool(name))
            pool = ManagedPool(settings: staged.settings, target: staged.target, id: id, former: former)
        }
        pools[name] = pool
        defer { noteUse(of: pool, because: "reload") }
        guard let answer = staged.answer else { return }
        take(answer, into: pool)
        if let duration = staged.duration { countRefresh(of: pool, took: duration) }
        noteEmptiness(name)
        watch(pool)
    }

    /// What dialogs still name in their Record-Route beside the listeners of a new configuration; the oldest of too many
    /// is forgotten.
    private func formerListeners(beside new: Configuration) -> [ListenerSettings] {
        let now = Set(new.listeners)
        let gone = configuration.listeners.filter { !now.contains($0) }
        let earlier = formerListeners.filter { !now.contains($0) && !gone.contains($0) }
        return (earlier + gone).suffix(Self.formerListenerLimit)
    }

    private static let formerListenerLimit = 32
}
