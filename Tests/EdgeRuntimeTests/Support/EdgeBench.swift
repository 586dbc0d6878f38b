// SPDX-License-Identifier: Apache-2.0

import BackendPool
import EdgeRuntime
import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport

/// An edge on loopback with one TCP listener and one pool of backends over TCP or TLS, without any control plane.
final class EdgeBench: Sendable {
    let edge: Edge
    let port: Int
    /// Of all listeners.
    let ports: [Int]
    private let log: NIOLockedValueBox<[String]>

    /// An edge whose pool has one backend a port, each of a priority of its own.
    static func start(
        workers: Int = 1,
        backends ports: [Int],
        connectionsPerSource: Int = 1000,
        queue: Int = 1024,
        connections: Int = 2,
        firstResponse: FirstResponseLimits? = FirstResponseLimits(),
        role: ListenerIdentity.Role = .inner,
        tls: TLSContext? = nil,
        fronts: ProxyProtocolPolicy? = nil,
        sendsProxyProtocol: Bool = false,
        settings: ProxySettings = ProxySettings(),
        adjust: (inout EdgeLimits) -> Void = { _ in }
    ) async throws -> EdgeBench {
        let places = ports.enumerated().map { index, port in
            Place(name: "b\(index + 1)", priority: UInt16(index + 1), port: port)
        }
        return try await start(
            workers: workers,
            places: places,
            connectionsPerSource: connectionsPerSource,
            queue: queue,
            connections: connections,
            firstResponse: firstResponse,
            role: role,
            tls: tls,
            fronts: fronts,
            sendsProxyProtocol: sendsProxyProtocol,
            settings: settings,
            adjust: adjust
        )
    }

    /// One backend as DNS publishes it; two of one name, priority and port are addresses of one target.
    struct Place {
        var name: String
        var priority: UInt16 = 1
        var address = IPAddress.v4(0x7F00_0001)
        var port: Int
        var addressOrder: UInt8 = 0
    }

    static func start(
        workers: Int = 1,
        places: [Place],
        connectionsPerSource: Int = 1000,
        queue: Int = 1024,
        connections: Int = 2,
        firstResponse: FirstResponseLimits? = FirstResponseLimits(),
        listening transport: SIPTransport = .tcp,
        at address: IPAddress = .v4(0x7F00_0001),
        beside others: [SIPTransport] = [],
        role: ListenerIdentity.Role = .inner,
        controlsOverload: Bool = false,
        speaking backendTransport: SIPTransport? = nil,
        outside: BackendSetup? = nil,
        names: [String: ResolutionOutcome] = [:],
        tls: TLSContext? = nil,
        fronts: ProxyProtocolPolicy? = nil,
        sendsProxyProtocol: Bool = false,
        settings: ProxySettings = ProxySettings(),
        adjust: (inout EdgeLimits) -> Void = { _ in },
        change: (inout EdgeSnapshot) -> Void = { _ in }
    ) async throws -> EdgeBench {
        var limits = EdgeLimits()
        adjust(&limits)
        var setup = BackendSetup(
            tls: tls,
            serverName: nil,
            verifiesName: false,
            acceptsWildcards: false,
            connections: connections,
            queue: queue
        )
        setup.sendsProxyProtocol = sendsProxyProtocol
        let ports = try (0...others.count).map { _ in try FreePort.next() }
        let listeners = zip(ports, [transport] + others).enumerated().map { place, listener in
            Self.listener(UInt8(place), address, UInt16(listener.0), listener.1, role, controlsOverload)
        }
        let spoken = backendTransport ?? (tls == nil ? .tcp : .tls)
        var snapshot = EdgeSnapshot(
            proxy: proxy(listeners, places, spoken, firstResponse, settings),
            listeners: listeners.map {
                var listener = ListenerSetup(identity: $0, tls: nil, connectionsPerSource: connectionsPerSource)
                listener.proxyProtocol = fronts
                return listener
            },
            backends: [setup],
            outside: outside ?? setup,
            limits: limits,
            logsRequests: false
        )
        change(&snapshot)
        let log = NIOLockedValueBox<[String]>([])
        let hooks = WorkerHooks(
            resolve: { name, loop, completion in loop.execute { completion(names[name.host] ?? .failed) } },
            observed: { _ in },
            logRequest: { _ in },
            logConnection: { message, details in
                let line = [message] + details.map { "\($0)=\($1)" }
                log.withLockedValue { $0.append(line.joined(separator: " ")) }
            }
        )
        let edge = try await Edge(workers: workers, snapshot: snapshot, hooks: hooks)
        try await edge.adopt(snapshot)
        return EdgeBench(edge: edge, ports: ports, log: log)
    }

    private init(edge: Edge, ports: [Int], log: NIOLockedValueBox<[String]>) {
        self.edge = edge
        self.ports = ports
        port = ports[0]
        self.log = log
    }

    /// A sum over the workers.
    func count(_ number: (WorkerCounters) -> UInt64) async throws -> UInt64 {
        try await edge.statistics().reduce(0) { $0 + number($1.counters) }
    }

    /// Connections to backends that are up, and messages that wait for one.
    func backendLoad() async throws -> (connections: Int, waiting: Int) {
        try await edge.statistics().reduce((0, 0)) { sum, worker in
            (
                sum.0 + worker.backendFlows.values.reduce(0, +),
                sum.1 + worker.backendQueues.values.reduce(0, +)
            )
        }
    }

    /// What was logged of connections.
    var lines: [String] { log.withLockedValue { $0 } }

    /// Bytes that clients have sent.
    func clientBytes() async throws -> UInt64 { try await count { $0.bytesIn[.client] } }

    func limitHits(_ limit: LimitLabel) async throws -> UInt64 { try await count { $0.limits[limit] } }

    func stop() async throws { try await edge.shutDown() }

    private static func listener(
        _ index: UInt8,
        _ address: IPAddress,
        _ port: UInt16,
        _ transport: SIPTransport,
        _ role: ListenerIdentity.Role,
        _ controlsOverload: Bool
    ) -> ListenerIdentity {
        ListenerIdentity(
            id: ListenerID(index: index),
            name: "public",
            role: role,
            transport: transport,
            address: address,
            port: port,
            advertisedHost: "127.0.0.1",
            advertisedPort: port,
            controlsOverload: controlsOverload
        )
    }

    private static func proxy(
        _ listeners: [ListenerIdentity],
        _ places: [Place],
        _ transport: SIPTransport,
        _ firstResponse: FirstResponseLimits?,
        _ settings: ProxySettings
    ) -> ProxySnapshot {
        let pool = PoolID(index: 0)
        let backends = places.map { place in
            let endpoint = Endpoint(transport: transport, address: place.address, port: UInt16(place.port))
            return BackendView(
                id: BackendID(pool: pool, endpoint: endpoint),
                name: place.name,
                priority: place.priority,
                weight: 10,
                addressOrder: place.addressOrder,
                state: .up,
                isUsable: true
            )
        }
        let poolSettings = PoolSettings(name: "voice", firstResponse: firstResponse)
        return ProxySnapshot(
            generation: 1,
            listeners: listeners,
            routes: [RouteRule(action: .pool(pool))],
            pools: [PoolView(id: pool, settings: poolSettings, backends: backends)],
            policies: [ForwardingPolicy()],
            settings: settings,
            tokens: TokenAuthenticator(currentKeyID: 1) { _, bytes in
                // A stand-in for HMAC: these tests are about flows, not about forgery.
                var hash: UInt64 = 0xCBF2_9CE4_8422_2325
                for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
                return (hash, ~hash)
            }
        )
    }
}
