// SPDX-License-Identifier: Apache-2.0

import EdgeControl
import TestSupport

/// Backends that DNS publishes as one pool, and what a test puts in front of them: an edge and a caller.
struct PublishedPool {
    typealias Server = (priority: Int, weight: Int, port: Int)

    static let origin = "pool.example.test"

    let backends: [DemoBackend]

    init(_ count: Int) async throws { backends = try await Caller.backends(count) }

    /// Each backend with the same priority and weight.
    var servers: [Server] { backends.map { (priority: 10, weight: 10, port: $0.port) } }

    /// A zone with these servers, each backend's unless said otherwise.
    func zone(_ servers: [Server]? = nil, ttl: Int = 1, serial: Int = 1) -> String {
        NameServer.zone(
            Self.origin,
            naptr: "SIP+D2T",
            srv: "_sip._tcp",
            servers ?? self.servers,
            ttl: ttl,
            serial: serial
        )
    }

    /// An edge in front of the pool that asks these name servers.
    func edge(asking nameServers: [Int]) throws -> EdgeText {
        var edge = try EdgeText(target: "sip:\(Self.origin)")
        edge.nameServers = nameServers
        return edge
    }

    /// Starts an edge, and waits until so many backends are up.
    func run(_ edge: EdgeText, up count: Int, in directory: TemporaryDirectory) async throws -> Brana {
        let brana = try await Brana.run(edge.text, in: directory)
        try await brana.waitUntilUp(count)
        return brana
    }

    /// A caller that has registered.
    func caller(_ edge: EdgeText) async throws -> DemoCaller {
        let caller = try Caller.make(edge, domain: Self.origin)
        let failures = await caller.register()
        guard failures.isEmpty else { throw TestSupportError("not registered: \(failures)") }
        return caller
    }

    func stop() async {
        for backend in backends { await backend.stop() }
    }
}
