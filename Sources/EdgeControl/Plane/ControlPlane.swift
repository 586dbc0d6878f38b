// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import EdgeTLS
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import SIPDNS
internal import SIPLocation
internal import SIPMessage
internal import SIPProxy

/// Computes what the data plane works by, and keeps it true: configuration, certificates, pools from DNS, health.
///
/// It alone writes health and membership. Whatever changes, it publishes one new snapshot, whole.
package actor ControlPlane {
    let configurationPath: String
    let log: EdgeLog
    let logger: Logger
    let requestLog: RequestLog
    let connectionLog: ConnectionLog
    let group: MultiThreadedEventLoopGroup
    let dns: DNSClient
    let resolver: TargetResolver
    let startedAt = ContinuousClock.now

    /// What the network looked like at the start or at the last reload.
    var host: HostNetwork
    /// The configuration that runs, with where its values stand.
    var checked: CheckedConfiguration
    /// Listeners that a reload took away, the latest last.
    var formerListeners: [ListenerSettings] = []
    /// How DNS is asked, and how often that has changed.
    var resolverSettings: DNSClient.Settings
    var resolverChanges = 0
    var resolverFile = ResolverFile()
    var numbers = Numbers()
    /// What is wrong with the names that listeners advertise, by listener.
    var astrayNames: [String: String] = [:]
    var pools: [String: ManagedPool] = [:]
    var generation: UInt64 = 0
    var edge: Edge?
    var reloads = ReloadCounts()
    /// The reload that was asked for last; the next waits for it.
    var lastReload: Task<ReloadReport, Never>?
    /// How long a reload waits for DNS (LOC-62).
    var resolutionLimit = Duration.seconds(3)
    /// Whether a reload is under way, whose word about the name servers comes first.
    var isStaging = false
    /// Whether the workers are taking what a reload has brought, and the outcome is open.
    var isAdopting = false
    var isDraining = false
    var poolCounters: [String: PoolCounters] = [:]
    /// The keys of flow tokens, those of earlier configurations among them.
    var tokenKeys: TokenKeyRing
    private let loopKey: UInt32
    private var isPublishScheduled = false
    private var nextChange: NIODeadline?
    private var ticker: Task<Void, Never>?
    private var watcher: Task<Void, Never>?
    private var stapler: Task<Void, Never>?
    var stapling = Stapling()
    var fileWatch: FileWatch
    private var generator = SystemRandomNumberGenerator()

    /// A plane for a configuration that was read and whose TLS contexts were built.
    package init(path: String, checked: CheckedConfiguration, log: EdgeLog) async throws {
        configurationPath = path
        self.checked = checked
        self.log = log
        logger = log.logger
        requestLog = RequestLog(logger: log.logger, template: checked.configuration.logging.requestLine)
        connectionLog = ConnectionLog(logger: log.logger)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        host = await HostNetwork.current(on: group.next())
        resolverSettings = checked.resolver.clientSettings(checked.configuration.resolver)
        dns = try await DNSClient(loop: group.next(), settings: resolverSettings)
        resolver = TargetResolver(client: dns)
        tokenKeys = checked.tokenKeys ?? TokenKeyRing()
        loopKey = tokenKeys.nodeKey(of: checked.configuration.nodeText)
        fileWatch = FileWatch(FileWatch.stamps(of: checked.configuration.watchedFiles))
    }

    // MARK: Start and end

    /// Resolves the pools, opens the listeners and starts to watch.
    ///
    /// - Throws: `CheckedConfiguration.Refusal` when a listener cannot be opened.
    package func start(defaultWorkers: Int) async throws {
        for settings in configuration.pools { try addPool(settings) }
        await resolveAll(within: .seconds(3))
        let snapshot = makeSnapshot()
        let workers = configuration.edge.workers > 0 ? configuration.edge.workers : defaultWorkers
        let edge = try await Edge(workers: workers, snapshot: snapshot, hooks: hooks())
        do {
            try await edge.adopt(snapshot)
        } catch {
            try? await edge.shutDown()
            throw checked.refusal(of: error)
        }
        // Not before it listens: the admin API is there already, and says whether the edge is ready.
        self.edge = edge
        // What DNS has told meanwhile.
        publish()
        checkOwnNames()
        for pool in pools.values { watch(pool) }
        ticker = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(250))
                await self?.tick()
            }
        }
        watcher = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: FileWatch.interval)
                await self?.lookAtFiles()
            }
        }
        stapler = Task { [weak self] in
            while !Task.isCancelled {
                await self?.renewStaples()
                try? await Task.sleep(for: Self.staplingInterval)
            }
        }
        logger.notice(
            "listening",
            metadata: [
                "listeners": "\(listenerWords)", "workers": "\(workers)",
                "configuration": "\(configurationPath)",
            ]
        )
    }

    private var listenerWords: String {
        configuration.listeners
            .map { "\($0.name) \($0.transport.name) \($0.address.hostText):\($0.port)" }
            .joined(separator: ", ")
    }

    /// Takes no new calls, lets the running ones end, then closes everything.
    package func stop() async throws {
        _ = try await drain()
        try await halt()
    }

    /// Takes no new calls, and waits until those that ring, and all other requests, have their answer, for as long as is
    /// configured or until the task is cancelled.
    ///
    /// - Returns: how many have none.
    func drain() async throws -> Int {
        isDraining = true
        let timeout = configuration.edge.drainTimeout
        logger.notice("draining", metadata: ["timeout": "\(timeout)", "hint": "a second SIGTERM ends at once"])
        return try await edge?.drain(within: timeout) ?? 0
    }

    /// Closes everything at once.
    package func halt() async throws {
        ticker?.cancel()
        watcher?.cancel()
        stapler?.cancel()
        for pool in pools.values { pool.cancel() }
        try await edge?.shutDown()
        edge = nil
        requestLog.close()
        try await group.shutdownGracefully()
    }

    /// The port that a listener is bound to, by its name.
    package func port(ofListener name: String) async -> UInt16? {
        guard let settings = configuration.listeners.first(where: { $0.name == name }) else { return nil }
        return await edge?.port(of: numbers.listener(settings))
    }

    /// The configuration that runs.
    var configuration: Configuration { checked.configuration }

    /// Where its listeners stand.
    var ownListeners: OwnListeners { host.own(configuration.listeners) }

    // MARK: Snapshots

    /// What the data plane is to work by now.
    func makeSnapshot() -> EdgeSnapshot {
        makeSnapshot(of: checked, host, formerListeners: formerListeners, pools: pools.mapValues(\.state))
    }

    /// What it would work by with another configuration.
    func makeSnapshot(
        of checked: CheckedConfiguration,
        _ host: HostNetwork,
        formerListeners: [ListenerSettings],
        pools: [String: PoolState]
    ) -> EdgeSnapshot {
        let now = NIODeadline.now()
        generation += 1
        nextChange = pools.values.compactMap { $0.nextChange(after: now) }.min()
        let keys = tokenKeys(with: checked)
        var builder = SnapshotBuilder(
            configuration: checked.configuration,
            formerListeners: formerListeners,
            hostAddresses: host.addresses,
            contexts: checked.contexts,
            tokens: TokenAuthenticator(currentKeyID: keys.currentID) { keys.mac($0, $1) },
            loopKey: loopKey,
            numbers: numbers,
            plans: pools.mapValues(\.plans)
        )
        let snapshot = builder.build(generation: generation, views: pools.mapValues { $0.view(now: now) })
        numbers = builder.numbers
        return snapshot
    }

    /// The keys of flow tokens by a configuration: those that it names, and behind them those that tokens in use were made
    /// with (FLW-16).
    func tokenKeys(with checked: CheckedConfiguration) -> TokenKeyRing {
        checked.tokenKeys.map { tokenKeys.followed(by: $0) } ?? tokenKeys
    }

    /// Publishes soon; changes that come together make one snapshot.
    func publish() {
        guard !isPublishScheduled, edge != nil else { return }
        isPublishScheduled = true
        Task { await self.publishNow() }
    }

    private func publishNow() async {
        isPublishScheduled = false
        // What is made now would be newer than what a reload brings; it publishes when it has ended, whichever way.
        guard let edge, !isAdopting else { return }
        do {
            try await edge.adopt(makeSnapshot())
        } catch {
            logger.error("a snapshot was not adopted", metadata: ["reason": "\(error)"])
        }
    }

    /// Follows time: holds that end, weights that ramp up, backends that have drained.
    private func tick() {
        let now = NIODeadline.now()
        followResolverFile(now: now)
        var changed = nextChange.map { $0 <= now } ?? false
        for pool in pools.values where follow(pool, to: now) { changed = true }
        if changed { publish() }
    }

    /// Notes what has become of a pool's backends by time, or by other rules; false when nothing has.
    func follow(_ pool: ManagedPool, to now: NIODeadline) -> Bool {
        let (changes, removed) = pool.state.advance(to: now)
        for change in changes { note(change, in: pool) }
        for endpoint in removed {
            pool.forget(endpoint)
            poolCounters[pool.settings.name, default: PoolCounters()].forget(endpoint)
        }
        if !removed.isEmpty { noteUse(of: pool, because: "no longer published") }
        return !changes.isEmpty || !removed.isEmpty
    }

    func note(_ change: HealthChange, in pool: ManagedPool) {
        poolCounters[pool.settings.name, default: PoolCounters()].count(change)
        logger.notice(
            "backend changed",
            metadata: [
                "pool": "\(pool.settings.name)", "backend": "\(change.backend.endpoint)",
                "from": "\(change.from.rawValue)",
                "to": "\(change.to.rawValue)", "reason": "\(change.reason)",
            ]
        )
        noteUse(of: pool, because: change.reason)
    }

    private func hooks() -> WorkerHooks {
        let requestLog = requestLog
        let connectionLog = connectionLog
        return WorkerHooks(
            resolve: { [weak self] name, loop, completion in
                Task {
                    let outcome = await self?.resolve(name) ?? .failed
                    loop.execute { completion(outcome) }
                }
            },
            observed: { [weak self] batch in
                guard let self else { return }
                Task { await self.observed(batch) }
            },
            logRequest: { requestLog.write($0) },
            logConnection: { message, details in connectionLog.write(message, details) }
        )
    }

    private func resolve(_ name: NextHopName) async -> ResolutionOutcome {
        if name.isInDialog { noteSharedName(name) }
        let policy = host.namePolicy(pools: Array(pools.values), own: ownListeners)
        return await NextHopResolution.resolve(name, by: resolver, policy: policy)
    }
}

/// How reloads went.
struct ReloadCounts: Sendable {
    var succeeded: UInt64 = 0
    var failed: UInt64 = 0
    var lastSucceeded = true
}

extension Configuration {
    /// What tells this node from others that may share its keys: its name, and the hosts that it goes by.
    fileprivate var nodeText: String { ([edge.name] + listeners.map(\.advertisedHost)).joined(separator: " ") }
}
