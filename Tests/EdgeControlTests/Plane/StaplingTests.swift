// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Fetching what is stapled, from a responder of openssl", .timeLimit(.minutes(1)))
struct StaplingTests {
    private let directory: TemporaryDirectory
    private let certificates: TestCertificates

    init() throws {
        directory = try TemporaryDirectory()
        certificates = try TestCertificates()
    }

    private func text(_ ports: TestEdge.Ports, _ leaf: TestCertificates.Leaf) -> String {
        """
        edge: { name: edge.example.test, workers: 1 }
        listeners:
          - { name: public, address: "127.0.0.1:\(ports.secure)", transport: tls, tls: public }
        tls:
          public: { certificate: \(leaf.chain), key: \(leaf.key), verify: false, ocsp_fetch: true }
        resolver: { servers: ["127.0.0.1:\(ports.names)"] }
        pools:
          voice: { target: sip:\(TestEdge.domain), allow_loopback: true, health: { probe: none } }
        routes:
          - { pool: voice }
        admin: { socket: \(ports.socket) }
        logging: { level: critical, stderr: false }

        """
    }

    /// Whether a client that insists on a staple gets through.
    private func isStapled(_ port: Int) async throws -> Bool {
        var profile = TLSProfile(trustFile: certificates.authority)
        profile.ocsp = .require
        let context = try TLSContext(clientProfile: profile)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let outcome = loop.makePromise(of: Bool.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let role = TLSRole.client(serverName: "edge.example.test", identity: .none, sessionScope: "staples")
                    let tls = TLSHandler(context: context, role: role, handshakeDeadline: .seconds(10))
                    try channel.pipeline.syncOperations.addHandlers([tls, Outcome(outcome)])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let isStapled = try await outcome.futureResult.get()
        try? await channel.close()
        return isStapled
    }

    /// Tells whether the handshake came to its end.
    private final class Outcome: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let promise: EventLoopPromise<Bool>

        init(_ promise: EventLoopPromise<Bool>) { self.promise = promise }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is TLSHandshakeCompleted { promise.succeed(true) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.succeed(false) }

        func channelInactive(context: ChannelHandlerContext) { promise.succeed(false) }
    }

    private func leaf(_ name: String, responder port: Int) throws -> TestCertificates.Leaf {
        try certificates.leaf(
            name,
            names: ["DNS:edge.example.test"],
            issuer: .intermediate,
            responder: "http://127.0.0.1:\(port)/"
        )
    }

    @Test("TLS-20: the authority is asked at the start, its answer stapled, shown as a metric, and kept by a reload")
    func fetch() async throws {
        let port = try FreePort.next()
        let leaf = try leaf("fetched", responder: port)
        let options = try certificates.responder("fetched", [(leaf, .good)]) + ["-port", String(port)]
        let responder = try ChildProcess("openssl", options, in: directory)
        defer { responder.signal(9) }
        let isListening = await Waiting.until(within: .seconds(20)) {
            responder.log.text.contains("ACCEPT") || responder.log.text.contains("waiting")
        }
        #expect(isListening, "\(responder.log.text)")
        let edge = try await TestEdge { text($0, leaf) }
        #expect(try await Waiting.until(within: .seconds(20)) { try await self.isStapled(edge.ports.secure) })
        let page = try await edge.metrics()
        let fetches = ExpositionParser.Series(name: "brana_tls_staple_fetches_total", labels: ["result": "success"])
        #expect(page.values[fetches] == 1)
        let left = ExpositionParser.Series(name: "brana_tls_staple_remaining_seconds", labels: ["file": leaf.chain])
        #expect(page.values[left].map { (3000...3600).contains($0) } == true)
        responder.signal(9)
        #expect(await edge.plane.reload().succeeded)
        #expect(try await isStapled(edge.ports.secure))
        await edge.stop()
    }

    @Test(
        "TLS-20: a responder that says revoked, or that is not there, is counted and stapled nothing of",
        arguments: [true, false]
    )
    func failure(answers: Bool) async throws {
        let port = try FreePort.next()
        let leaf = try leaf("failing", responder: port)
        let options = try certificates.responder("failing", [(leaf, .revoked)]) + ["-port", String(port)]
        let responder = answers ? try ChildProcess("openssl", options, in: directory) : nil
        defer { responder?.signal(9) }
        if let responder {
            _ = await Waiting.until(within: .seconds(20)) { responder.log.text.contains("waiting") }
        }
        let edge = try await TestEdge { text($0, leaf) }
        let failures = ExpositionParser.Series(name: "brana_tls_staple_fetches_total", labels: ["result": "failure"])
        let isCounted = try await Waiting.until(within: .seconds(20)) {
            try await edge.metrics().values[failures].map { $0 >= 1 } == true
        }
        #expect(isCounted)
        #expect(try await isStapled(edge.ports.secure) == false)
        let left = ExpositionParser.Series(name: "brana_tls_staple_remaining_seconds", labels: ["file": leaf.chain])
        #expect(try await edge.metrics().values[left] == 0)
        await edge.stop()
    }
}
