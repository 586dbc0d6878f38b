// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import TestSupport
import Testing

@testable import EdgeRuntime

@Suite("TLS to backends", .timeLimit(.minutes(1)))
struct BackendTLSTests {
    /// An edge that trusts its one backend, and opens so many connections to it at most.
    private static func start(connections: Int) async throws -> (AnsweringServer, EdgeBench) {
        let store = try TestCertificates()
        let leaf = try store.leaf("backend", names: ["IP:127.0.0.1"])
        let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key)
        let backend = try await AnsweringServer.start(tls: try TLSContext(serverProfile: profile))
        let own = try TLSContext(clientProfile: TLSProfile(trustFile: store.authority, verify: true))
        return (backend, try await EdgeBench.start(backends: [backend.port], connections: connections, tls: own))
    }

    @Test(
        "TLS-54: a backend that refuses our lack of a certificate is logged with peer, side, reason and detail, in TLS 1.3 too",
        arguments: [TLSVersion.tls12, .tls13]
    )
    func refused(version: TLSVersion) async throws {
        let store = try TestCertificates()
        let leaf = try store.leaf("backend", names: ["IP:127.0.0.1"])
        let profile = TLSProfile(
            certificateChainFile: leaf.chain,
            privateKeyFile: leaf.key,
            trustFile: store.authority,
            verify: true,
            require: true,
            minimumVersion: version,
            maximumVersion: version
        )
        let backend = try await AnsweringServer.start(tls: try TLSContext(serverProfile: profile))
        let own = try TLSContext(clientProfile: TLSProfile(trustFile: store.authority, verify: true))
        let bench = try await EdgeBench.start(backends: [backend.port], tls: own)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("tls"))
        let isLogged = await Waiting.until(within: .seconds(5)) { !bench.lines.isEmpty }
        #expect(isLogged)
        let line = bench.lines.first ?? ""
        // In TLS 1.3 the handshake was over for us when the backend saw that no certificate came.
        #expect(line.hasPrefix(version == .tls13 ? "TLS connection failed " : "TLS handshake failed "))
        #expect(line.contains("peer=127.0.0.1:\(backend.port) side=backend reason=peer_alert detail="))
        #expect(version == .tls12 || line.contains("certificate required"), "\(line)")
        let counted = try await bench.count { counters in
            let table = version == .tls13 ? counters.tlsFailures : counters.handshakeFailures
            return table[.backend, .peerAlert]
        }
        #expect(counted > 0 && backend.received.isEmpty)
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "TLS-28: a backend that does not ask for the pool's certificate is used and counted",
        arguments: [false, true]
    )
    func unasked(asks: Bool) async throws {
        let store = try TestCertificates()
        let leaf = try store.leaf("backend", names: ["IP:127.0.0.1"])
        let own = try store.leaf("edge", names: ["DNS:edge.example.test"])
        func profile(_ leaf: TestCertificates.Leaf, verify: Bool) -> TLSProfile {
            TLSProfile(
                certificateChainFile: leaf.chain,
                privateKeyFile: leaf.key,
                trustFile: store.authority,
                verify: verify
            )
        }
        let backend = try await AnsweringServer.start(tls: TLSContext(serverProfile: profile(leaf, verify: asks)))
        let bench = try await EdgeBench.start(
            backends: [backend.port],
            connections: 1,
            tls: TLSContext(clientProfile: profile(own, verify: true))
        )
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("asked"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(try await bench.count { $0.poolEvents[0, .unasked] } == (asks ? 0 : 1))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TLS-10: a backend whose certificate is not valid is told of and sent nothing, and the next one serves")
    func nextTarget() async throws {
        let store = try TestCertificates()
        var backends: [AnsweringServer] = []
        for issuer in [TestCertificates.Issuer.otherAuthority, .authority] {
            let leaf = try store.leaf("b\(backends.count)", names: ["IP:127.0.0.1"], issuer: issuer)
            let profile = TLSProfile(certificateChainFile: leaf.chain, privateKeyFile: leaf.key)
            backends.append(try await AnsweringServer.start(tls: try TLSContext(serverProfile: profile)))
        }
        let own = try TLSContext(clientProfile: TLSProfile(trustFile: store.authority, verify: true))
        let bench = try await EdgeBench.start(backends: backends.map(\.port), tls: own)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("next"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        #expect(backends[0].received.isEmpty && backends[1].received.count == 1)
        #expect(try await bench.count { $0.handshakeFailures[.backend, .certificateInvalid] } == 1)
        try await bench.stop()
        for backend in backends { try await backend.stop() }
    }

    @Test("TLS-34: after a backend's close_notify the next request goes by a new connection, and is answered")
    func closeNotify() async throws {
        let (backend, bench) = try await Self.start(connections: 1)
        let client = try await WireConnection.connect(bench.port)
        client.send(Wire.options("before"))
        #expect(await client.wait(for: "SIP/2.0 200"))
        try await backend.closeConnections()
        let isGone = try await Waiting.until(within: .seconds(5)) {
            try await bench.backendLoad().connections == 0
        }
        #expect(isGone && backend.connectionCount == 1)
        client.send(Wire.options("after"))
        #expect(await client.wait(for: "SIP/2.0 200", times: 2))
        #expect(backend.connectionCount == 2 && backend.received.count == 2)
        // It said goodbye as it should, so nothing failed.
        #expect(try await bench.count { $0.tlsFailures[.backend, .truncated] } == 0)
        try await bench.stop()
        try await backend.stop()
    }

    @Test(
        "TLS-32: a worker opens no more connections to a backend than the pool allows, however many requests there are"
    )
    func connectionLimit() async throws {
        let (backend, bench) = try await Self.start(connections: 2)
        let client = try await WireConnection.connect(bench.port)
        for number in 1...200 { client.send(Wire.options("many\(number)")) }
        #expect(await client.wait(for: "SIP/2.0 200", times: 200))
        #expect((1...2).contains(backend.connectionCount))
        try await bench.stop()
        try await backend.stop()
    }

    @Test("TLS-35: what ends an established connection is counted and logged, but not an end without a close_notify")
    func truncated() throws {
        let loop = EmbeddedEventLoop()
        let worker = EmbeddedWorker(on: loop)
        for reason in TLSFailure.Reason.allCases {
            let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
            let flow = StreamFlow(
                worker: worker.worker,
                context: worker.worker.backendContext(
                    worker.worker.makeFlowID(),
                    target,
                    listener: ListenerID(index: 0)
                ),
                usesTLS: false,
                limits: MessageLimits(),
                now: loop.now
            )
            let channel = EmbeddedChannel(handler: flow, loop: loop)
            channel.pipeline.fireChannelActive()
            let failure = TLSFailure(reason: reason, words: "words", serverName: nil, side: .client)
            channel.pipeline.fireErrorCaught(failure)
            #expect(!channel.isActive)
        }
        let all = TLSFailure.Reason.allCases
        let lines = all.filter { $0 != .truncated }.map {
            "TLS connection failed peer=192.0.2.1:5060 side=backend reason=\($0.rawValue) detail=words meaning=\($0.words)"
        }
        #expect(worker.lines == lines)
        #expect(worker.worker.counters.tlsFailures[.backend, .truncated] == 1)
    }
}
