// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import EdgeTLS
package import NIOCore
package import SIPMessage
package import SIPProxy

/// One listener as the workers open it.
package struct ListenerSetup: Sendable {
    package let identity: ListenerIdentity
    /// The TLS context of a TLS listener.
    package let tls: TLSContext?
    /// Client connections that this listener's sources may hold, each.
    package let connectionsPerSource: Int
    /// Whether a request above its source's limits is answered 503 rather than dropped.
    package let answersOverLimit: Bool
    /// SIP domains, in lower case, of which a client's certificate must prove one; nil: none need be (TLS-23).
    package var allowedPeers: Set<String>?
    /// Whether the requests of those who prove none are answered 403, in place of closing their connections.
    package var answersUnlisted = false
    /// From whom connections begin with a PROXY protocol header; nil: from nobody.
    package var proxyProtocol: ProxyProtocolPolicy?
    /// The TLS profile by whose rules connections that servers offer for requests back are taken; nil: none are (RFC 5923).
    package var aliasProfile: String?

    /// Whether whoever has proved a domain may use the listener.
    func allows(_ domain: String) -> Bool { allowedPeers?.contains(domain) ?? true }

    /// The profile for offers, with what it says at present.
    var aliasTerms: AliasTerms? { aliasProfile.map { AliasTerms(profile: $0, rules: tls?.rules) } }

    package init(
        identity: ListenerIdentity,
        tls: TLSContext?,
        connectionsPerSource: Int,
        answersOverLimit: Bool = true
    ) {
        self.identity = identity
        self.tls = tls
        self.connectionsPerSource = connectionsPerSource
        self.answersOverLimit = answersOverLimit
    }
}

/// By what a peer was verified and what it was shown: a TLS profile, and a digest of what that said then.
struct AliasTerms: Hashable {
    let profile: String
    let rules: [UInt8]?
}

/// How flows to the backends of one pool are opened.
package struct BackendSetup: Sendable {
    /// The identity shown to backends over TLS, and what is trusted.
    package let tls: TLSContext?
    /// The name to ask for, which a backend's certificate must prove (RFC 5922 section 7.2); nil: what the target says.
    package let serverName: String?
    /// Whether the certificate's name is checked.
    package let verifiesName: Bool
    /// Whether a wildcard certificate may prove it.
    package let acceptsWildcards: Bool
    /// Flows to one backend that one worker may open.
    package let connections: Int
    /// Messages that may wait for a flow to one backend.
    package let queue: Int
    /// Whether the backends are known to answer the keep-alive of RFC 5626 section 4.4.1, so that silence means that a
    /// connection is dead (FLW-32).
    package var answersKeepAlive = false
    /// Names that a certificate may prove in the place of `serverName` (TLS-13).
    package var alternativeNames: [String] = []
    /// Whether connections begin with a PROXY protocol header (TRN-70).
    package var sendsProxyProtocol = false
    /// How those backends are authenticated to which DANE applies (RFC 7673).
    package var plans: [Endpoint: DANEPlan] = [:]
    /// Whose connections requests may go on, where none of ours is open.
    package var aliases = AliasUse.none
    /// Whether it stands in the place of a pool that is configured no longer, and may have connections still.
    package var isRemoved = false

    package init(
        tls: TLSContext?,
        serverName: String?,
        verifiesName: Bool,
        acceptsWildcards: Bool,
        connections: Int,
        queue: Int
    ) {
        self.tls = tls
        self.serverName = serverName
        self.verifiesName = verifiesName
        self.acceptsWildcards = acceptsWildcards
        self.connections = connections
        self.queue = queue
    }
}

/// The limits that the data plane keeps; each has its default in the configuration.
package struct EdgeLimits: Sendable, Hashable {
    package var connections = 20_000
    /// TLS handshakes of clients under way at a time, in all and of one source.
    package var handshakes = 10_000
    package var handshakesPerSource = 1_000
    package var sources = SourceLimits()
    package var overload = OverloadMonitor.Policy()
    /// Connections to access listeners by one identity that a certificate proves; 0: no limit (FLW-42).
    package var connectionsPerIdentity = 16
    /// Places by which each worker knows connections that servers have offered for requests back; 0: none.
    package var aliases = 1_000
    /// TLS handshakes with clients that one worker has under way; more connections wait to be accepted (FLW-40).
    package var handshakesPerWorker = 2_000
    package var message = MessageLimits()
    package var handshakeTimeout = TimeAmount.seconds(5)
    /// For a PROXY protocol header (TRN-65).
    package var proxyHeaderTimeout = TimeAmount.seconds(2)
    package var connectTimeout = TimeAmount.seconds(3)
    package var idleTimeout = TimeAmount.seconds(180)
    package var messageTimeout = TimeAmount.seconds(10)
    package var writeQueue = 1 << 20
    /// How long a peer whose queue has overflowed may take nothing (TRN-10).
    package var writeStall = TimeAmount.seconds(10)

    package init() {}
}

/// Everything that the data plane works by, immutable and complete; adopted by every worker (design decision 7).
package struct EdgeSnapshot: Sendable {
    package var proxy: ProxySnapshot
    package var listeners: [ListenerSetup]
    /// Indexed by `PoolID.index`.
    package var backends: [BackendSetup]
    /// What applies to next hops outside every pool.
    package var outside: BackendSetup
    package var limits: EdgeLimits
    /// Whether requests are logged.
    package var logsRequests: Bool

    package init(
        proxy: ProxySnapshot,
        listeners: [ListenerSetup],
        backends: [BackendSetup],
        outside: BackendSetup,
        limits: EdgeLimits,
        logsRequests: Bool
    ) {
        self.proxy = proxy
        self.listeners = listeners
        self.backends = backends
        self.outside = outside
        self.limits = limits
        self.logsRequests = logsRequests
    }

    /// How flows to `target` are opened.
    func setup(for target: BackendTarget) -> BackendSetup {
        guard let pool = target.pool, Int(pool.index) < backends.count else { return outside }
        return backends[Int(pool.index)]
    }

    /// The listener of that id; nil when the snapshot has it no longer.
    func listener(_ id: ListenerID) -> ListenerSetup? {
        listeners.first { $0.identity.id == id }
    }
}

extension BackendSetup {
    /// The name that the peer must prove (RFC 5922 section 4): the pool's, else the one that was asked for, else its
    /// address.
    package func name(of target: BackendTarget) -> String {
        serverName ?? target.domain ?? target.endpoint.address.description
    }

    /// Adds what a connection to `target` begins with, before SIP: the PROXY protocol header and TLS, where there are.
    ///
    /// - Throws: `MissingTLSProfile` when there is no TLS context for a backend over TLS.
    package func addHandlers(
        to pipeline: ChannelPipeline.SynchronousOperations,
        for target: BackendTarget,
        deadline: TimeAmount
    ) throws {
        if sendsProxyProtocol { try pipeline.addHandler(LocalProxyHeaderHandler()) }
        guard target.endpoint.transport == .tls else { return }
        guard let tls = tlsHandler(to: target, deadline: deadline) else { throw MissingTLSProfile() }
        try pipeline.addHandler(tls)
    }

    /// A TLS handler for a connection to `target`; nil when there is no TLS context.
    private func tlsHandler(to target: BackendTarget, deadline: TimeAmount) -> TLSHandler? {
        guard let tls else { return nil }
        return TLSHandler(context: tls, role: role(towards: target), handshakeDeadline: deadline)
    }

    /// Whom `target` is asked to be, and what it must prove.
    package func role(towards target: BackendTarget) -> TLSRole {
        let (service, plan) = (name(of: target), plans[target.endpoint])
        let associations = plan?.records.map(CertificateAssociation.init) ?? []
        // Where TLSA records speak for the certificate, it is the target's; else the service's, as without DANE (TLS-50).
        let first = associations.isEmpty ? service : plan?.target ?? service
        var others = alternativeNames
        if let plan { others.append(associations.isEmpty ? plan.target : service) }
        var policy = PeerIdentityPolicy.none
        if verifiesName {
            policy = .verify(domain: first, acceptsWildcards: acceptsWildcards, alternatives: others)
        }
        policy.associations = associations
        // What one name has proved does not speak for another.
        let scope = "\(target.endpoint) \(([first] + others).joined(separator: " "))"
        return .client(serverName: first, identity: policy, sessionScope: scope)
    }
}

extension CertificateAssociation {
    package init(_ record: TLSAData) {
        self.init(usage: record.usage, selector: record.selector, matching: record.matching, data: record.data)
    }
}
