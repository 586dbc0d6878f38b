// SPDX-License-Identifier: Apache-2.0

package import ProxyProtocol
package import SIPMessage

/// A whole configuration that has been checked: it can hold legal values only.
package struct Configuration: Sendable, Hashable {
    package var edge = EdgeSettings()
    package var listeners: [ListenerSettings] = []
    /// TLS profiles by name.
    package var tls: [String: TLSSettings] = [:]
    package var resolver = ResolverSettings()
    /// Pools in the order of the file.
    package var pools: [PoolSettingsEntry] = []
    package var routes: [RouteSettings] = []
    package var limits = LimitSettings()
    package var admin = AdminSettings()
    package var logging = LoggingSettings()

    package init() {}
}

/// `edge`: the process as a whole.
package struct EdgeSettings: Sendable, Hashable {
    /// The name of this node.
    package var name = "localhost"
    /// Workers, one an event loop; 0: one a core.
    package var workers = 0
    /// Domains that are served; empty: whatever a route takes.
    package var domains: [String] = []
    /// How long SIGTERM waits for transactions.
    package var drainTimeout = Duration.seconds(30)
    /// Files of 32 random bytes or more that keep flow tokens valid over restarts; new tokens are made by the first.
    package var tokenKeyFiles: [String] = []
    /// Files of 32 random bytes or more that a fleet's session tickets are made with; new ones by the first (TLS-05).
    package var ticketKeyFiles: [String] = []
    /// After how long a new key takes over where there are no such files.
    package var ticketRotation = Duration.seconds(12 * 3600)
    /// Whether a reload follows when a file changes that the configuration names (TLS-09).
    package var watchesFiles = false
    package var path = PathSetting.always
    /// Fields that are taken out of messages of untrusted peers, besides the identities of RFC 3325.
    package var removeHeaders = HeaderFilter.standardNames
    /// Namespaces of Resource-Priority, in lower case, by which trusted peers mark what is held back last (RFC 4412).
    package var priorityNamespaces: [String] = []
    /// The value of Server in the edge's own responses; nil for none.
    package var serverHeader: String?
    /// The header field that tells trusted servers which domain a client's certificate proves (TLS-26).
    package var peerHeader: String?

    /// Files of keys of one kind: the current key and two others (FLW-16, TLS-05).
    package static let keyFileLimit = 3

    package init() {}
}

/// When Path is added to REGISTER (FLW-03).
package enum PathSetting: String, Sendable, Hashable, CaseIterable {
    case always
    case supported
    case off
}

/// One entry of `listeners`.
package struct ListenerSettings: Sendable, Hashable {
    package enum Role: String, Sendable, Hashable, CaseIterable {
        case access
        case inner
        case peer
    }

    /// Whose word on users' identities is taken (RFC 3325).
    package enum Trust: String, Sendable, Hashable, CaseIterable {
        /// That of own servers and of partners.
        case role
        case always
        case never
    }

    /// What becomes of a request above its source's limits.
    package enum OverLimit: String, Sendable, Hashable, CaseIterable {
        case answer
        case drop
    }

    /// What becomes of a client that proves none of the allowed domains.
    package enum AllowPeersMode: String, Sendable, Hashable, CaseIterable {
        /// Its connection is closed.
        case close
        /// Its requests are answered 403.
        case report
    }

    package var name: String
    package var address: IPAddress
    package var port: UInt16
    package var transport: SIPTransport
    /// The TLS profile's name.
    package var tls: String?
    package var role = Role.access
    /// Host, and port where one is to be named, for Via, Record-Route and Path.
    package var advertisedHost: String
    package var advertisedPort: UInt16?
    /// Whether a UDP listener may do without a TCP one at its address (TRN-23).
    package var udpOnly = false
    package var overLimit = OverLimit.answer
    package var trust = Trust.role
    /// Domains of which one must be proved by a certificate; nil: none need be (TLS-23).
    package var allowedPeers: [String]?
    package var allowPeersMode = AllowPeersMode.close
    /// From whom connections begin with a PROXY protocol header; nil: from nobody.
    package var proxyProtocol: ProxyProtocolSettings?
    /// Whether clients that take part in overload control are told how many requests to hold back (RFC 7339).
    package var controlsOverload = false

    /// Whether what comes by it about users' identities is believed.
    package var isTrusted: Bool { trust == .role ? role != .access : trust == .always }
}

/// `listeners[].proxy_protocol`: load balancers in front, which say whose connection each is.
package struct ProxyProtocolSettings: Sendable, Hashable {
    package var from: [RouteSettings.Network]
    package var versions = Set(ProxyProtocolVersion.allCases)
}

/// `resolver`: where names are asked for.
package struct ResolverSettings: Sendable, Hashable {
    package struct Server: Sendable, Hashable {
        package var address: IPAddress
        package var port: UInt16
        package var transport = Transport.udp
        /// Whom a server of DNS over TLS must prove to be; nil for its address.
        package var name: String?

        package init(address: IPAddress, port: UInt16, transport: Transport = .udp, name: String? = nil) {
            self.address = address
            self.port = port
            self.transport = transport
            self.name = name
        }
    }

    package enum Transport: Sendable, Hashable {
        /// UDP, with TCP for what does not fit.
        case udp
        /// DNS over TLS (RFC 7858).
        case tls
    }

    package enum DNSSEC: String, Sendable, Hashable, CaseIterable {
        case off
        case trustAD = "trust-ad"
        case validate
    }

    /// Name servers; empty: those of /etc/resolv.conf.
    package var servers: [Server] = []
    package var timeout = Duration.seconds(1)
    package var attempts = 2
    package var minimumTTL = Duration.seconds(1)
    package var maximumTTL = Duration.seconds(86_400)
    package var stale = Duration.seconds(86_400)
    /// Authorities that servers of DNS over TLS are verified against, as an absolute path; nil for the system's.
    package var ca: String?
    package var dnssec = DNSSEC.off
    /// DS or DNSKEY records, as an absolute path.
    package var trustAnchor: String?
    /// Records that stand for what DNS says, as an absolute path.
    package var overrides: String?
    /// Whether the case of the names in queries is drawn.
    package var mixesCase = false

    package init() {}
}

/// One entry of `routes`.
package struct RouteSettings: Sendable, Hashable {
    package enum Action: Sendable, Hashable {
        case pool(String)
        case reject(status: UInt16, reason: String)
    }

    package struct Network: Sendable, Hashable {
        package var address: IPAddress
        package var prefixLength: UInt8
    }

    package var methods: [String] = []
    package var domains: [String] = []
    package var listeners: [String] = []
    package var sources: [Network] = []
    package var peers: [String] = []
    package var action: Action
}

/// `limits`: what one process takes at most.
package struct LimitSettings: Sendable, Hashable {
    package var connections = 20_000
    package var connectionsPerSource = 1_000
    /// TLS handshakes of clients under way, in all and of one source.
    package var handshakes = 10_000
    package var handshakesPerSource = 1_000
    package var connectionsPerIdentity = 16
    package var handshakesPerWorker = 2_000
    /// Places by which each worker knows connections that servers have offered for requests back.
    package var aliases = 1_000
    package var transactions = 200_000
    /// Those of one client's address, and on one client's connection, at one worker; 0: no limit.
    package var transactionsPerSource = 40_000
    package var transactionsPerConnection = 10_000
    /// What each worker remembers for `brana explain`: so many INVITEs, and as many other requests.
    package var rememberedRequests = 10_000
    package var handshakeTimeout = Duration.seconds(5)
    package var proxyHeaderTimeout = Duration.seconds(2)
    package var connectTimeout = Duration.seconds(3)
    package var idleTimeout = Duration.seconds(180)
    package var messageTimeout = Duration.seconds(10)
    package var messageSize = 256 * 1024
    package var headerSize = 32 * 1024
    package var writeQueue = 1024 * 1024
    /// How late an event loop may be before it turns new requests away, and before it refuses connections.
    package var shedLag = Duration.milliseconds(100)
    package var refuseLag = Duration.milliseconds(500)
    /// Sources that no rate holds for and that are never banned.
    package var trusted: [RouteSettings.Network] = []
    package var rates = RateSettings()
    package var ban = BanSettings()

    package init() {}
}

/// `limits.rates`: what one source may ask for a second; 0: no limit.
package struct RateSettings: Sendable, Hashable {
    package var register = 0
    package var invite = 0
    package var other = 0
    package var options = 0
    package var bytes = 0
    package var handshakes = 0
    package var connection = 0
    package var identity = 0
    package var total = 0
    /// How many times as much a /24 or /48 may.
    package var networkFactor = 10
    package var burst = Duration.seconds(5)

    package init() {}
}

/// `limits.ban`: when a source is shut out for a time; 0: never.
package struct BanSettings: Sendable, Hashable {
    package var after = 0
    package var failures = 0
    package var within = Duration.seconds(10)
    package var time = Duration.seconds(300)

    package init() {}
}

/// `admin`: where the running edge is asked and steered.
package struct AdminSettings: Sendable, Hashable {
    package struct Address: Sendable, Hashable {
        package var address: IPAddress
        package var port: UInt16
    }

    package var socket = "/run/brana/admin.sock"
    /// A loopback address for HTTP.
    package var http: Address?

    package init() {}
}

/// `logging`.
package struct LoggingSettings: Sendable, Hashable {
    package struct Syslog: Sendable, Hashable {
        package var socket = "/dev/log"
        package var facility = "local0"
        package var appName = "brana"

        package init() {}
    }

    package var level = "info"
    package var stderr = true
    package var syslog: Syslog?
    /// The template of the line that each request gets; nil for none.
    package var requestLine: RequestLineTemplate?

    package init() {}
}
