// SPDX-License-Identifier: Apache-2.0

package import BackendPool
package import NIOCore
package import SIPMessage

/// How Brana presents itself on one listener, and towards backends through it.
package struct ListenerIdentity: Sendable, Hashable {
    /// Who is on the other side.
    package enum Role: String, Sendable, Hashable, CaseIterable {
        /// Users' devices; nothing they ask for is relayed anywhere but to pools and dialogs.
        case access
        /// Our own servers.
        case inner
        /// Another organisation's servers.
        case peer
    }

    package let id: ListenerID
    package let name: String
    package let role: Role
    package let transport: SIPTransport
    /// The address that is bound; unspecified for a wildcard.
    package let address: IPAddress
    package let port: UInt16
    /// The host that Via, Record-Route and Path name: a name, or an address in URI form.
    package let advertisedHost: String
    /// The port to name; nil when the host's DNS records say it.
    package let advertisedPort: UInt16?
    /// Whether what comes by it about users' identities is believed, and what they hide may be told there.
    package let isTrusted: Bool
    /// Whether clients that take part in overload control are told how many requests to hold back (RFC 7339).
    package let controlsOverload: Bool

    /// Without `isTrusted` the role decides: own servers and partners are trusted.
    package init(
        id: ListenerID,
        name: String,
        role: Role,
        transport: SIPTransport,
        address: IPAddress,
        port: UInt16,
        advertisedHost: String,
        advertisedPort: UInt16?,
        isTrusted: Bool? = nil,
        controlsOverload: Bool = false
    ) {
        self.id = id
        self.name = name
        self.role = role
        self.transport = transport
        self.address = address
        self.port = port
        self.advertisedHost = advertisedHost
        self.advertisedPort = advertisedPort
        self.isTrusted = isTrusted ?? (role != .access)
        self.controlsOverload = controlsOverload
    }
}

extension ListenerIdentity {
    /// Whether clients come in there.
    package var isAccess: Bool { role == .access }

    /// Whether its socket speaks the family of an address; one at :: speaks both.
    package func reaches(_ other: IPAddress) -> Bool {
        let own = address.unmapped
        return own.isIPv6 == other.unmapped.isIPv6 || (own.isIPv6 && own.isUnspecified)
    }

    /// Whether datagrams to an endpoint can leave from its address (TRN-52).
    package func sends(to endpoint: Endpoint) -> Bool {
        transport == .udp && endpoint.transport == .udp && reaches(endpoint.address)
    }
}

/// One route rule; the first whose conditions all hold decides.
///
/// An empty condition always holds.
package struct RouteRule: Sendable, Hashable {
    package enum Action: Sendable, Hashable {
        case pool(PoolID)
        case reject(status: UInt16, reason: String)
    }

    /// An address range.
    package struct Network: Sendable, Hashable {
        package let address: IPAddress
        package let prefixLength: UInt8

        package init(address: IPAddress, prefixLength: UInt8) {
            self.address = address
            self.prefixLength = prefixLength
        }
    }

    /// Method names as they stand in requests.
    package var methods: [String]
    /// Hosts of the Request-URI, in lower case.
    package var domains: [String]
    package var listeners: [ListenerID]
    package var sources: [Network]
    /// Verified identities of the peer.
    package var peers: [String]
    package var action: Action

    package init(
        methods: [String] = [],
        domains: [String] = [],
        listeners: [ListenerID] = [],
        sources: [Network] = [],
        peers: [String] = [],
        action: Action
    ) {
        self.methods = methods
        self.domains = domains
        self.listeners = listeners
        self.sources = sources
        self.peers = peers
        self.action = action
    }
}

/// To whose servers Via offers the connections that lead there for requests back (RFC 5923 section 8.1).
package enum AliasOffer: String, Sendable, Hashable, CaseIterable {
    /// To our own: towards those of others, who get more rights by it than at their listener, only `always` does.
    case auto
    case always
    case never
}

/// How requests are forwarded to one pool.
package struct ForwardingPolicy: Sendable, Hashable {
    /// Candidates that one request may try (PRX-58); a few more where these took nothing of it (`ProxyCore.extraTries`).
    package var tries: UInt8 = 3
    /// Per cent of a pool's new requests that may be tried anew after they have reached a backend (`RetryBudgets`); 100
    /// bounds nothing.
    package var retryPercent: UInt8 = 10
    /// Status codes besides 503 that move on to the next candidate (PRX-55).
    package var retryCodes: [UInt16] = []
    /// The longest Retry-After that is honoured (LOC-49).
    package var retryAfterLimit = TimeAmount.seconds(300)
    /// Whether responses to datagrams may come from any address: trunks with several (TRN-37).
    package var acceptsAnySource = false
    /// Whether backends may ask to be spared, over TLS (RFC 7339).
    package var controlsOverload = false
    /// Whether Via offers connections to its backends over TLS for their requests.
    package var aliasOffer = AliasOffer.never
    /// Whether requests go to backends over TLS or not at all (PRX-91).
    package var requiresTLS = false
    /// The listener that Via, Record-Route and Path name towards this pool, by transport.
    package var listeners: [SIPTransport: ListenerID] = [:]
    /// Whether its backends are believed and confided in like our own servers.
    package var isTrusted = true

    package init() {}
}

/// When Path is added to REGISTER (FLW-03).
package enum PathMode: String, Sendable, Hashable, CaseIterable {
    case always
    case supported
    case off
}

/// Timers and limits of the core.
package struct ProxySettings: Sendable {
    package var t1 = TimeAmount.milliseconds(500)
    package var t2 = TimeAmount.seconds(4)
    package var t4 = TimeAmount.seconds(5)
    package var timerC = TimeAmount.seconds(185)
    /// Server transactions of one worker (TXN-46).
    package var transactions = 200_000
    /// The same of one client's address, and of one client's connection, on access listeners; 0: no limit.
    package var transactionsPerSource = 40_000
    package var transactionsPerConnection = 10_000
    /// Sources to which what holds for one source does not apply.
    package var trustedSources: [RouteRule.Network] = []
    /// INVITEs that have ended and one worker remembers for `explain`, and as many other requests; 0: none.
    package var rememberedRequests = 10_000
    package var pathMode = PathMode.always
    /// Served domains and aliases, in lower case; empty: whatever a route rule takes.
    package var domains: [String] = []
    /// The Server line of the edge's own responses; empty: they tell nothing of what software it is (MSG-58).
    package var serverLine = ByteBuffer()
    /// A secret that keeps loop parts of other nodes apart from ours.
    package var loopKey: UInt32 = 0
    /// Flow-Timer to grant (FLW-22).
    package var flowTimer: UInt32 = 120
    /// What is taken out of messages of untrusted peers.
    package var removedHeaders = HeaderFilter()
    /// What tells trusted servers whom a client's certificate proves; nil: nothing does (TLS-26).
    package var peerHeader: PeerHeader?
    /// Namespaces of Resource-Priority, in lower case, by which trusted peers mark what is held back last (OVL-11).
    package var priorityNamespaces: [[UInt8]] = []
    /// ACKs and responses of one worker that may wait for a next hop's addresses.
    package var statelessResolutions = 1_000

    package init() {}

    /// Whether what holds for one source does not apply to this one.
    func trusts(_ address: IPAddress) -> Bool { trustedSources.contains { $0.contains(address) } }
}

/// The immutable view that a worker works by: adopted whole, used by a request from start to end (design decision 7).
package struct ProxySnapshot: Sendable {
    package var generation: UInt64
    package var listeners: [ListenerIdentity]
    /// Listeners of earlier configurations: dialogs that came by them still carry their Record-Route.
    package var formerListeners: [ListenerIdentity]
    /// The addresses of this host: those of a listener that is bound to all of them.
    package var hostAddresses: Set<IPAddress>
    package var routes: [RouteRule]
    /// Indexed by `PoolID.index`.
    package var pools: [PoolView]
    /// Indexed like `pools`.
    package var policies: [ForwardingPolicy]
    package var settings: ProxySettings
    package var tokens: TokenAuthenticator

    package init(
        generation: UInt64,
        listeners: [ListenerIdentity],
        formerListeners: [ListenerIdentity] = [],
        hostAddresses: Set<IPAddress> = [],
        routes: [RouteRule],
        pools: [PoolView],
        policies: [ForwardingPolicy],
        settings: ProxySettings,
        tokens: TokenAuthenticator
    ) {
        self.generation = generation
        self.listeners = listeners
        self.formerListeners = formerListeners
        self.hostAddresses = hostAddresses
        self.routes = routes
        self.pools = pools
        self.policies = policies
        self.settings = settings
        self.tokens = tokens
    }

    /// By what rules requests go to a pool's backends; the defaults for next hops outside pools, and for a pool that this
    /// snapshot no longer has.
    @inline(__always)
    func policy(of pool: PoolID?) -> ForwardingPolicy {
        guard let pool, Int(pool.index) < policies.count else { return ForwardingPolicy() }
        return policies[Int(pool.index)]
    }
}

/// The MAC under flow tokens and pool marks; the function comes from the TLS library.
package struct TokenAuthenticator: Sendable {
    /// The key that new tokens are made with.
    package let currentKeyID: UInt8
    /// The first 128 bits of HMAC-SHA-256 over the bytes, by the key of that id; nil when there is no such key.
    package let mac: @Sendable (_ keyID: UInt8, _ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64)?

    package init(
        currentKeyID: UInt8,
        mac: @escaping @Sendable (UInt8, UnsafeRawBufferPointer) -> (UInt64, UInt64)?
    ) {
        self.currentKeyID = currentKeyID
        self.mac = mac
    }
}
