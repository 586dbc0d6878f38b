// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import NIOCore
internal import NIOEmbedded
internal import SIPMessage
internal import SIPProxy
internal import Telemetry
internal import TestSupport
internal import Testing

@testable internal import EdgeRuntime
@testable internal import EdgeTLS

/// Clients with certificates, and a revocation list that comes when they are connected.
@Suite("TLS-09: connections and a revocation list that comes later, in virtual time")
struct RevocationTests {
    private let loop = EmbeddedEventLoop()
    private let store: TestCertificates
    private let own: TestCertificates.Leaf
    private let partner: TestCertificates.Leaf
    private let stranger: TestCertificates.Leaf

    init() throws {
        store = try TestCertificates()
        own = try store.leaf("edge", names: ["DNS:edge.example.test"])
        partner = try store.leaf("partner", names: ["DNS:partner.example.test"])
        stranger = try store.leaf("stranger", names: ["DNS:stranger.example.test"])
    }

    private func profile(_ leaf: TestCertificates.Leaf, list: String? = nil) -> TLSProfile {
        TLSProfile(
            certificateChainFile: leaf.chain,
            privateKeyFile: leaf.key,
            trustFile: store.authority,
            verify: true,
            require: list != nil,
            crlFile: list
        )
    }

    private func rules(_ name: String, revoking leafs: [TestCertificates.Leaf]) throws -> TLSContext {
        let list = try store.revocationList(name, revoking: leafs)
        return try TLSContext(serverProfile: profile(own, list: list))
    }

    /// Has the worker's one listener go by these rules, under its number or, when it has moved, another one.
    private func adopt(_ rules: TLSContext, number: UInt8 = 0, _ worker: Worker) {
        var snapshot = worker.snapshot
        let before = snapshot.listeners[0].identity
        let identity = ListenerIdentity(
            id: ListenerID(index: number),
            name: before.name,
            role: before.role,
            transport: before.transport,
            address: before.address,
            port: before.port &+ UInt16(number),
            advertisedHost: before.advertisedHost,
            advertisedPort: before.advertisedPort
        )
        snapshot.listeners = [ListenerSetup(identity: identity, tls: rules, connectionsPerSource: 100)]
        worker.adopt(snapshot)
    }

    /// Has the worker's pools go by these rules, one each; nil: by none, for the pool is gone.
    private func adopt(pools: [TLSContext?], _ worker: Worker) {
        var snapshot = worker.snapshot
        snapshot.backends = pools.map { rules in
            var setup = BackendSetup(
                tls: rules,
                serverName: nil,
                verifiesName: false,
                acceptsWildcards: false,
                connections: 0,
                queue: 1
            )
            setup.isRemoved = rules == nil
            return setup
        }
        worker.adopt(snapshot)
    }

    /// A connection of the worker's to the one backend of a pool, which shows a certificate of its own.
    private func connect(
        _ worker: Worker,
        to target: BackendTarget,
        showing leaf: TestCertificates.Leaf
    ) throws
        -> EmbeddedLink
    {
        let rules = try #require(worker.snapshot.setup(for: target).tls)
        _ = worker.flows(to: target)
        let flow = worker.makeStream(to: target)
        let near = EmbeddedChannel(loop: loop)
        let role = TLSRole.client(serverName: "backend.example.test", identity: .none)
        try near.pipeline.syncOperations.addHandler(
            TLSHandler(context: rules, role: role, handshakeDeadline: .seconds(60))
        )
        try near.pipeline.syncOperations.addHandler(flow)
        let far = EmbeddedChannel(loop: loop)
        var profile = profile(leaf)
        profile.verify = false
        let server = try TLSContext(serverProfile: profile)
        try far.pipeline.syncOperations.addHandler(
            TLSHandler(context: server, role: .server, handshakeDeadline: .seconds(60))
        )
        return try connected(EmbeddedLink(near: near, far: far))
    }

    private func connected(_ link: EmbeddedLink) throws -> EmbeddedLink {
        for channel in [link.near, link.far] {
            channel.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 5061), promise: nil)
        }
        return link
    }

    private func connect(_ worker: Worker, as leaf: TestCertificates.Leaf) throws -> EmbeddedLink {
        let setup = try #require(worker.snapshot.listeners.first)
        let context = worker.clientContext(setup.identity, worker.makeFlowID(), address: .v4(0xCB00_7107), port: 51000)
        let limits = MessageLimits()
        let flow = StreamFlow(worker: worker, context: context, usesTLS: true, limits: limits, now: loop.now)
        worker.streams[context.id] = flow
        let near = EmbeddedChannel(loop: loop)
        let server = TLSHandler(context: try #require(setup.tls), role: .server, handshakeDeadline: .seconds(60))
        try near.pipeline.syncOperations.addHandler(server)
        try near.pipeline.syncOperations.addHandler(flow)
        let far = EmbeddedChannel(loop: loop)
        let client = TLSHandler(
            context: try TLSContext(clientProfile: profile(leaf)),
            role: .client(serverName: "edge.example.test", identity: .none),
            handshakeDeadline: .seconds(60)
        )
        try far.pipeline.syncOperations.addHandler(client)
        return try connected(EmbeddedLink(near: near, far: far))
    }

    @Test("Whoever a new list names is cut off at once, and told of; others stay")
    func standing() throws {
        let bench = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer))
        adopt(try rules("none", revoking: []), bench.worker)
        let links = try [partner, stranger].map { try connect(bench.worker, as: $0) }
        for link in links { try link.run() }
        adopt(try rules("same", revoking: []), bench.worker)
        loop.advanceTime(by: .seconds(2))
        #expect(links.allSatisfy(\.near.isActive) && bench.worker.streams.values.allSatisfy { $0.phase == .ready })
        let waiting = ByteBuffer(string: Wire.options("waiting"))
        for flow in bench.worker.streams.values { flow.enqueue(waiting) }
        adopt(try rules("one", revoking: [partner]), bench.worker)
        #expect(!links[0].near.isActive && links[1].near.isActive)
        loop.run()
        for link in links { try link.run() }
        let received = try links.map { try $0.far.readInbound(as: ByteBuffer.self) }
        #expect(received == [nil, waiting] && bench.worker.streams.count == 1)
        #expect(bench.worker.counters.limits[.revoked] == 1 && bench.worker.counters.limits[.certificateEnd] == 0)
        #expect(
            bench.lines == [
                "connection's certificate is revoked peer=203.0.113.7:51000 side=client identities=partner.example.test"
            ]
        )
    }

    @Test("A list that comes during the handshake counts too")
    func underWay() throws {
        let bench = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer))
        adopt(try rules("none", revoking: []), bench.worker)
        let links = try [partner, stranger].map { try connect(bench.worker, as: $0) }
        adopt(try rules("one", revoking: [partner]), bench.worker)
        for link in links { try link.run() }
        loop.run()
        #expect(!links[0].near.isActive && links[1].near.isActive)
        #expect(bench.worker.streams.count == 1 && bench.worker.counters.limits[.revoked] == 1)
    }

    @Test("The connections that a listener accepted before it moved are closed by the lists of those that are there")
    func listenerGone() throws {
        let bench = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer))
        adopt(try rules("none", revoking: []), bench.worker)
        let links = try [partner, stranger, own].map { try connect(bench.worker, as: $0) }
        for link in links.prefix(2) { try link.run() }
        let later = try rules("one", revoking: [partner])
        adopt(later, number: 1, bench.worker)
        loop.run()
        #expect(!links[0].near.isActive && links[1].near.isActive)
        adopt(later, number: 2, bench.worker)
        adopt(try rules("two", revoking: [partner, stranger, own]), number: 2, bench.worker)
        loop.run()
        #expect(!links[1].near.isActive && bench.lines.count == 2)
        // Its handshake ends only now.
        try links[2].run()
        loop.run()
        #expect(!links[2].near.isActive && bench.worker.streams.isEmpty)
    }

    @Test("So are they when it goes, and another one has had the list for long")
    func listMoves() throws {
        let bench = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer))
        adopt(try TLSContext(serverProfile: profile(own)), bench.worker)
        let link = try connect(bench.worker, as: partner)
        try link.run()
        let list = try store.revocationList("pools", revoking: [partner])
        adopt(pools: [try TLSContext(clientProfile: profile(own, list: list))], bench.worker)
        loop.run()
        #expect(link.near.isActive, "its own listener has no list")
        adopt(try TLSContext(serverProfile: profile(own)), number: 1, bench.worker)
        loop.run()
        #expect(!link.near.isActive)
    }

    @Test("Connections to the backends of a pool that is gone are closed by the lists of those that are there")
    func poolGone() throws {
        let bench = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer))
        func rules(_ name: String, _ leafs: [TestCertificates.Leaf]) throws -> TLSContext {
            let list = try store.revocationList(name, revoking: leafs)
            return try TLSContext(clientProfile: profile(own, list: list))
        }
        let none = try rules("none", [])
        adopt(pools: [none, none], bench.worker)
        let endpoint = Endpoint(transport: .tls, address: .v4(0xC000_0201), port: 5061)
        let targets = [0, 1].map { BackendTarget(endpoint: endpoint, pool: PoolID(index: $0)) }
        let links = try zip(targets, [stranger, partner]).map { try connect(bench.worker, to: $0, showing: $1) }
        for link in links { try link.run() }
        #expect(bench.worker.streams.values.allSatisfy { $0.phase == .ready })
        adopt(pools: [none, nil], bench.worker)
        #expect(links[0].near.isActive && links[1].near.isActive)
        adopt(pools: [try rules("one", [partner]), nil], bench.worker)
        #expect(links[0].near.isActive && !links[1].near.isActive)
        #expect(bench.worker.flows(to: targets[0]).count == 1)
        loop.run()
        #expect(bench.worker.flows(to: targets[1]).count == 0)
    }
}
