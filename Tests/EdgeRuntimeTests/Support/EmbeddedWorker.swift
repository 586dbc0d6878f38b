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

    init(on loop: EmbeddedEventLoop) {
        let setup = BackendSetup(
            tls: nil,
            serverName: nil,
            verifiesName: false,
            acceptsWildcards: false,
            connections: 1,
            queue: 1
        )
        let proxy = ProxySnapshot(
            generation: 1,
            listeners: [],
            routes: [],
            pools: [],
            policies: [],
            settings: ProxySettings(),
            tokens: TokenAuthenticator(currentKeyID: 1) { _, _ in nil }
        )
        let log = log
        worker = Worker(
            index: 0,
            eventLoop: loop,
            snapshot: EdgeSnapshot(
                proxy: proxy,
                listeners: [],
                backends: [],
                outside: setup,
                limits: EdgeLimits(),
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
