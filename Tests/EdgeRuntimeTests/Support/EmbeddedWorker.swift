// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy

@testable import EdgeRuntime

/// A worker without sockets, listeners and pools, whose time stands still, and what it logs of connections.
struct EmbeddedWorker {
    /// A backend at a documentation address (RFC 5737).
    static let backend = Endpoint(transport: .tcp, address: .v4(0xC000_0201), port: 5060)
    static let udpBackend = Endpoint(transport: .udp, address: .v4(0xC000_0201), port: 5060)

    let worker: Worker
    private let log = NIOLockedValueBox<[String]>([])

    var lines: [String] { log.withLockedValue { $0 } }

    /// A TCP listener at a documentation address.
    static func listener(_ role: ListenerIdentity.Role) -> ListenerIdentity {
        ListenerIdentity(
            id: ListenerID(index: 0),
            name: "l",
            role: role,
            transport: .tcp,
            address: .v4(0xC000_0205),
            port: 5060,
            advertisedHost: "192.0.2.5",
            advertisedPort: 5060
        )
    }

    /// - Parameters:
    ///   - listener: one that is there, though it listens nowhere.
    ///   - connections: to one backend; none can be opened on this loop.
    ///   - queue: messages that may wait for one.
    ///   - aliasProfile: what the listener takes offered connections by.
    ///   - aliases: which of them requests may use.
    ///   - hasTokens: whether there is a key for flow tokens.
    init(
        on loop: EmbeddedEventLoop,
        index: WorkerIndex = 0,
        listener: ListenerIdentity? = nil,
        connections: Int = 1,
        queue: Int = 1,
        answersKeepAlive: Bool = false,
        aliasProfile: String? = nil,
        aliases: AliasUse = .none,
        hasTokens: Bool = false,
        limits: EdgeLimits = EdgeLimits()
    ) {
        var setup = BackendSetup(
            tls: nil,
            serverName: nil,
            verifiesName: false,
            acceptsWildcards: false,
            connections: connections,
            queue: queue
        )
        setup.answersKeepAlive = answersKeepAlive
        setup.aliases = aliases
        let listeners = listener.map { [$0] } ?? []
        let proxy = ProxySnapshot(
            generation: 1,
            listeners: listeners,
            routes: [],
            pools: [],
            policies: [],
            settings: ProxySettings(),
            tokens: TokenAuthenticator(currentKeyID: 1) { _, bytes in
                hasTokens ? (bytes.reduce(7) { $0 &* 31 &+ UInt64($1) }, 1) : nil
            }
        )
        let log = log
        worker = Worker(
            index: index,
            eventLoop: loop,
            snapshot: EdgeSnapshot(
                proxy: proxy,
                listeners: listeners.map {
                    var setup = ListenerSetup(identity: $0, tls: nil, connectionsPerSource: 100)
                    setup.aliasProfile = aliasProfile
                    return setup
                },
                backends: [],
                outside: setup,
                limits: limits,
                logsRequests: false
            ),
            serialBase: 1,
            limiter: ConnectionLimiter(),
            hooks: WorkerHooks(
                resolve: { _, _, _ in },
                observed: { _ in },
                logRequest: { _ in },
                logConnection: { message, details in
                    let line = [message] + details.map { "\($0)=\($1)" }
                    log.withLockedValue { $0.append(line.joined(separator: " ")) }
                }
            )
        )
    }
}
