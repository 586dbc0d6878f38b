// SPDX-License-Identifier: Apache-2.0

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

    /// Has the worker's one listener go by these rules.
    private func adopt(_ rules: TLSContext, _ worker: Worker) {
        var snapshot = worker.snapshot
        let identity = snapshot.listeners[0].identity
        snapshot.listeners = [ListenerSetup(identity: identity, tls: rules, connectionsPerSource: 100)]
        worker.adopt(snapshot)
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
        for channel in [near, far] {
            channel.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 5061), promise: nil)
        }
        return EmbeddedLink(near: near, far: far)
    }

    @Test("Whoever a new list names is cut off within a second, and told of; others stay")
    func standing() throws {
        let bench = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer))
        adopt(try rules("none", revoking: []), bench.worker)
        let links = try [partner, stranger].map { try connect(bench.worker, as: $0) }
        for link in links { try link.run() }
        adopt(try rules("same", revoking: []), bench.worker)
        loop.advanceTime(by: .seconds(2))
        #expect(links.allSatisfy(\.near.isActive) && bench.worker.streams.values.allSatisfy { $0.phase == .ready })
        adopt(try rules("one", revoking: [partner]), bench.worker)
        loop.advanceTime(by: .seconds(1))
        #expect(!links[0].near.isActive && links[1].near.isActive)
        #expect(bench.worker.counters.limits[.certificateEnd] == 1)
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
        #expect(bench.worker.streams.count == 1 && bench.worker.counters.limits[.certificateEnd] == 1)
    }
}
