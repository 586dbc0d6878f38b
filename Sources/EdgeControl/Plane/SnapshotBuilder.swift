// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import EdgeRuntime
internal import EdgeTLS
internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// Makes the data plane's snapshot of a configuration and what is known of its pools; decides nothing beyond.
struct SnapshotBuilder {
    let configuration: Configuration
    /// Listeners of earlier configurations.
    let formerListeners: [ListenerSettings]
    let hostAddresses: Set<IPAddress>
    let contexts: TLSContexts
    let tokens: TokenAuthenticator
    let loopKey: UInt32
    var numbers: Numbers
    /// How backends are authenticated by DANE, by pool.
    var plans: [String: [Endpoint: DANEPlan]] = [:]

    mutating func build(generation: UInt64, views: [String: PoolView]) -> EdgeSnapshot {
        let identities = configuration.listeners.map { identity($0) }
        var setups: [ListenerSetup] = []
        for (settings, identity) in zip(configuration.listeners, identities) {
            var setup = ListenerSetup(
                identity: identity,
                tls: settings.tls.flatMap { contexts.servers[$0] },
                connectionsPerSource: configuration.limits.connectionsPerSource,
                answersOverLimit: settings.overLimit == .answer
            )
            setup.allowedPeers = settings.allowedPeers.map(Set.init)
            setup.answersUnlisted = settings.allowPeersMode == .report
            setup.aliasProfile = aliasProfile(settings)
            setup.proxyProtocol = settings.proxyProtocol.map {
                ProxyProtocolPolicy(networks: $0.from.map { RouteRule.Network($0) }, versions: $0.versions)
            }
            setups.append(setup)
        }
        for pool in configuration.pools { _ = numbers.pool(pool.name) }
        let pools = slots(views)
        let proxy = ProxySnapshot(
            generation: generation,
            listeners: identities,
            formerListeners: formerListeners.map { identity($0) },
            hostAddresses: hostAddresses,
            routes: configuration.routes.map { rule($0) },
            pools: pools.map(\.view),
            policies: pools.map(\.policy),
            settings: settings,
            tokens: tokens
        )
        return EdgeSnapshot(
            proxy: proxy,
            listeners: setups,
            backends: pools.map(\.setup),
            outside: outside,
            limits: limits,
            logsRequests: configuration.logging.requestLine != nil
        )
    }

    /// The profile of a listener whose connections may carry requests back: of servers that prove who they are, and know us
    /// by one certificate (RFC 5923 sections 9.2 and 9.3).
    private func aliasProfile(_ listener: ListenerSettings) -> String? {
        guard listener.role != .access, let name = listener.tls, let profile = configuration.tls[name], profile.verify,
            profile.serverNames.isEmpty
        else { return nil }
        return name
    }

    private struct PoolSlot {
        let view: PoolView
        let policy: ForwardingPolicy
        let setup: BackendSetup
    }

    /// Pools by number; one that is no longer configured leaves an empty place.
    private mutating func slots(_ views: [String: PoolView]) -> [PoolSlot] {
        var byNumber: [UInt16: PoolSlot] = [:]
        for pool in configuration.pools {
            guard let view = views[pool.name] else { continue }
            byNumber[numbers.pool(pool.name)] = PoolSlot(
                view: view,
                policy: policy(pool),
                setup: pool.backendSetup(view.referenceDomain, contexts, plans[pool.name] ?? [:])
            )
        }
        var removed = outside
        removed.isRemoved = true
        return (0..<numbers.poolCount).map { index in
            let number = UInt16(truncatingIfNeeded: index)
            return byNumber[number]
                ?? PoolSlot(
                    view: PoolView(id: PoolID(index: number), settings: PoolSettings(name: ""), backends: []),
                    policy: ForwardingPolicy(),
                    setup: removed
                )
        }
    }

    private mutating func identity(_ settings: ListenerSettings) -> ListenerIdentity {
        ListenerIdentity(
            id: numbers.listener(settings),
            name: settings.name,
            role: ListenerIdentity.Role(rawValue: settings.role.rawValue) ?? .access,
            transport: settings.transport,
            address: settings.address,
            port: settings.port,
            advertisedHost: settings.advertisedHost,
            advertisedPort: settings.advertisedPort,
            isTrusted: settings.isTrusted,
            controlsOverload: settings.controlsOverload
        )
    }

    private mutating func rule(_ route: RouteSettings) -> RouteRule {
        let listeners = configuration.listeners.filter { route.listeners.contains($0.name) }
        let action: RouteRule.Action =
            switch route.action {
            case .pool(let name): .pool(PoolID(index: numbers.pool(name)))
            case .reject(let status, let reason): .reject(status: status, reason: reason)
            }
        return RouteRule(
            methods: route.methods,
            domains: route.domains,
            listeners: listeners.map { numbers.listener($0) },
            sources: route.sources.map { RouteRule.Network($0) },
            peers: route.peers,
            action: action
        )
    }

    private mutating func policy(_ pool: PoolSettingsEntry) -> ForwardingPolicy {
        var policy = ForwardingPolicy()
        policy.tries = UInt8(clamping: pool.tries)
        policy.retryPercent = UInt8(clamping: pool.retryPercent)
        policy.retryCodes = pool.retryCodes
        policy.retryAfterLimit = TimeAmount(pool.retryAfterLimit)
        policy.isTrusted = pool.trust
        policy.requiresTLS = pool.requiresTLS
        policy.acceptsAnySource = pool.acceptsAnySource
        policy.controlsOverload = pool.controlsOverload
        // Without a certificate of ours nobody may use the connection (RFC 5923 section 9.2).
        if pool.tls.flatMap({ configuration.tls[$0] })?.certificate != nil {
            policy.aliasOffer = AliasOffer(rawValue: pool.connectionReuse.rawValue) ?? .never
        }
        if let via = configuration.listeners.first(where: { $0.name == pool.via }) {
            let id = numbers.listener(via)
            for transport in SIPTransport.allCases { policy.listeners[transport] = id }
        }
        return policy
    }

    private var outside: BackendSetup {
        // They use no connections that others offer: what an authority of some listener's own says is not enough for
        // whoever is verified by the system's authorities (TLS-39).
        BackendSetup(
            tls: contexts.standard,
            serverName: nil,
            verifiesName: true,
            acceptsWildcards: false,
            connections: 1,
            queue: 256
        )
    }

    private var settings: ProxySettings {
        var settings = ProxySettings()
        settings.transactions = configuration.limits.transactions
        settings.transactionsPerSource = configuration.limits.transactionsPerSource
        settings.transactionsPerConnection = configuration.limits.transactionsPerConnection
        settings.trustedSources = sourceLimits.trusted
        settings.rememberedRequests = configuration.limits.rememberedRequests
        settings.pathMode = PathMode(rawValue: configuration.edge.path.rawValue) ?? .always
        settings.domains = configuration.edge.domains
        settings.removedHeaders = HeaderFilter(configuration.edge.removeHeaders)
        if let server = configuration.edge.serverHeader {
            settings.serverLine = ByteBuffer(string: "Server: \(server)\r\n")
        }
        settings.priorityNamespaces = configuration.edge.priorityNamespaces.map { Array($0.utf8) }
        settings.peerHeader = configuration.edge.peerHeader.map(PeerHeader.init)
        settings.loopKey = loopKey
        return settings
    }

    private var limits: EdgeLimits {
        let from = configuration.limits
        var limits = EdgeLimits()
        limits.connections = from.connections
        limits.handshakes = from.handshakes
        limits.handshakesPerSource = from.handshakesPerSource
        limits.overload.shedLag = TimeAmount(from.shedLag)
        limits.overload.refuseLag = TimeAmount(from.refuseLag)
        limits.sources = sourceLimits
        limits.connectionsPerIdentity = from.connectionsPerIdentity
        limits.aliases = from.aliases
        limits.handshakesPerWorker = from.handshakesPerWorker
        limits.message.message = from.messageSize
        limits.message.headerSection = from.headerSize
        limits.handshakeTimeout = TimeAmount(from.handshakeTimeout)
        limits.proxyHeaderTimeout = TimeAmount(from.proxyHeaderTimeout)
        limits.connectTimeout = TimeAmount(from.connectTimeout)
        limits.idleTimeout = TimeAmount(from.idleTimeout)
        limits.messageTimeout = TimeAmount(from.messageTimeout)
        limits.writeQueue = from.writeQueue
        return limits
    }

    private var sourceLimits: SourceLimits {
        let (rates, ban) = (configuration.limits.rates, configuration.limits.ban)
        var limits = SourceLimits()
        limits.register = rates.register
        limits.invite = rates.invite
        limits.other = rates.other
        limits.options = rates.options
        limits.bytes = rates.bytes
        limits.handshakes = rates.handshakes
        limits.connection = rates.connection
        limits.identity = rates.identity
        limits.total = rates.total
        limits.networkFactor = rates.networkFactor
        limits.burst = TimeAmount(rates.burst)
        limits.banAfter = ban.after
        limits.banFailures = ban.failures
        limits.banWindow = TimeAmount(ban.within)
        limits.banTime = TimeAmount(ban.time)
        // A load balancer is never limited or banned for what its clients do (TRN-69).
        let fronts = configuration.listeners.flatMap { $0.proxyProtocol?.from ?? [] }
        limits.trusted = (configuration.limits.trusted + fronts).map { RouteRule.Network($0) }
        return limits
    }
}

extension RouteRule.Network {
    fileprivate init(_ network: RouteSettings.Network) {
        self.init(address: network.address, prefixLength: network.prefixLength)
    }
}
