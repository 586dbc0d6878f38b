// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import SIPDNS
import SIPLocation
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What a reload changes, and what it leaves", .timeLimit(.minutes(1)))
struct ReloadEffectTests {
    @Test("TLS-09: a new handshake sees the new certificate, and a connection that began with the old one lives on")
    func certificate() async throws {
        let bench = try await ReloadBench.start()
        let certificates = try TestCertificates()
        let renewed = try certificates.leaf("renewed", names: ["DNS:renewed.example.test"])
        let old = try await bench.edge.connect(to: bench.edge.ports.secure, securely: true)
        #expect(try await old.ask() == 200)
        #expect(try shownSubject(bench).contains("edge.demo.test"))
        let report = try await bench.reload { ($0.certificate, $0.key) = (renewed.chain, renewed.key) }
        #expect(report.succeeded, "\(report.problems)")
        #expect(try shownSubject(bench).contains("renewed"))
        #expect(try await old.ask() == 200)
        await old.close()
        await bench.stop()
    }

    /// The subject of the certificate that the TLS listener shows now.
    private func shownSubject(_ bench: ReloadBench) throws -> String {
        let address = "127.0.0.1:\(bench.edge.ports.secure)"
        let (_, text) = try TestCertificates.run("openssl", ["s_client", "-connect", address])
        return text.split(separator: "\n").first { $0.hasPrefix("subject=") }.map(String.init) ?? text
    }

    @Test("A listener that is removed takes nobody more, and the connections that it accepted go on")
    func listener() async throws {
        let port = try FreePort.next()
        let spare = "{ name: spare, address: \"127.0.0.1:\(port)\", transport: tcp }"
        let bench = try await ReloadBench.start { $0.listeners = [spare] }
        let accepted = try await bench.edge.connect(to: port)
        #expect(try await accepted.ask() == 200)
        let report = try await bench.reload { $0.listeners = [] }
        #expect(report.succeeded, "\(report.problems)")
        await #expect(throws: NIOConnectionError.self) { try await bench.edge.connect(to: port) }
        #expect(try await accepted.ask() == 200)
        let back = try await bench.reload { $0.listeners = [spare] }
        #expect(back.succeeded, "\(back.problems)")
        let again = try await bench.edge.connect(to: port)
        #expect(try await again.ask() == 200)
        await accepted.close()
        await again.close()
        await bench.stop()
    }

    @Test("A changed route takes effect, also on a connection that stands")
    func route() async throws {
        let bench = try await ReloadBench.start()
        let connection = try await bench.edge.connect(to: bench.edge.ports.plain)
        #expect(try await connection.ask() == 200)
        let rejects = try await bench.reload {
            $0.routes.insert("{ when: { methods: [OPTIONS] }, reject: { status: 405 } }", at: 0)
        }
        #expect(rejects.succeeded, "\(rejects.problems)")
        #expect(try await connection.ask() == 405)
        #expect(try await connection.ask("MESSAGE") == 200)
        #expect(try await bench.reload { _ in }.succeeded)
        #expect(try await connection.ask() == 200)
        await connection.close()
        await bench.stop()
    }

    @Test("TRN-04: a lowered message_size refuses with 513 what was taken before, on connections from then on")
    func messageSize() async throws {
        let bench = try await ReloadBench.start()
        let before = try await bench.edge.connect(to: bench.edge.ports.plain)
        #expect(try await before.ask("MESSAGE", body: 8000) == 200)
        let report = try await bench.reload { $0.limits = "{ message_size: 4KiB, header_size: 2KiB }" }
        #expect(report.succeeded, "\(report.problems)")
        let after = try await bench.edge.connect(to: bench.edge.ports.plain)
        #expect(try await after.ask("MESSAGE", body: 1000) == 200)
        #expect(try await after.ask("MESSAGE", body: 8000) == 513)
        await before.close()
        await after.close()
        await bench.stop()
    }

    @Test("A new pool is resolved with the name servers of the new configuration, before the reload is over")
    func resolver() async throws {
        let silent = try await SilentPort.open()
        let bench = try await ReloadBench.start { [silent] in $0.resolver = silent.port }
        let report = try await bench.reload {
            $0.resolver = bench.edge.ports.names
            $0.pools = ["named: { target: sip:\(TestEdge.domain), allow_loopback: true, health: { probe: none } }"]
        }
        #expect(report.succeeded, "\(report.problems)")
        let pools = try await bench.edge.plane.poolReports()
        #expect(pools.map(\.name) == ["voice", "named"])
        #expect(pools.map(\.backends.count) == [1, 1])
        await bench.stop()
        try await silent.close()
    }

    @Test("Reloads that are asked for together happen one after the other: one refused late takes nothing of the next")
    func together() async throws {
        let silent = try await SilentPort.open()
        let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let bench = try await ReloadBench.start()
        var slow = bench.text
        slow.resolver = silent.port
        slow.pools = ["named: { target: sip:\(TestEdge.domain), allow_loopback: true, health: { probe: none } }"]
        slow.listeners = ["{ name: taken, address: \"127.0.0.1:\(taken.localAddress?.port ?? 0)\", transport: tcp }"]
        try bench.edge.rewrite(slow.text(bench.edge.ports))
        async let first = bench.edge.plane.reload()
        // It has read its file when it asks the name server that never answers.
        try await silent.wait()
        let second = try await bench.reload { $0.name = "second.example.test" }
        let refused = await first
        #expect(!refused.succeeded)
        #expect(refused.problems.count == 1 && refused.problems[0].contains("in use"), "\(refused.problems)")
        #expect(second.succeeded, "\(second.problems)")
        let status = try await bench.edge.plane.status()
        #expect(status.name == "second.example.test" && status.pools.map(\.name) == ["voice"])
        try await taken.close()
        await bench.stop()
        try await silent.close()
    }

    @Test("After a reload that is refused late, the pools that it would have replaced are watched as before")
    func watched() async throws {
        let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let probe = "{ probe: options, interval: 100ms, timeout: 500ms, fall: 2, rise: 1 }"
        let bench = try await ReloadBench.start { $0.probe = probe }
        #expect(try await isHealth("up", of: bench))
        let refused = try await bench.reload {
            // The pool would be another one.
            $0.target = "sip:\(TestEdge.domain)"
            $0.listeners = [
                "{ name: taken, address: \"127.0.0.1:\(taken.localAddress?.port ?? 0)\", transport: tcp }"
            ]
        }
        #expect(!refused.succeeded && refused.problems.first?.contains("in use") == true, "\(refused.problems)")
        await bench.backend.stop()
        #expect(try await isHealth("down", of: bench))
        try await bench.backend.start()
        #expect(try await isHealth("up", of: bench))
        try await taken.close()
        await bench.stop()
    }

    @Test("LOC-61: a reload that changes `dnssec` and is refused late leaves the answers that DNS has given")
    func cachedAnswers() async throws {
        let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let pool = "named: { target: sip:\(TestEdge.domain), allow_loopback: true, health: { probe: none } }"
        let bench = try await ReloadBench.start { $0.pools = [pool] }
        let dns = await bench.edge.plane.dns
        let before = try await dns.cachedAnswers().get()
        #expect(before.contains { $0.question.name == DNSName(TestEdge.domain) && $0.answer.security == .unchecked })
        let refused = try await bench.reload {
            ($0.pools, $0.dnssec) = ([pool], "trust-ad")
            $0.listeners = [
                "{ name: taken, address: \"127.0.0.1:\(taken.localAddress?.port ?? 0)\", transport: tcp }"
            ]
        }
        #expect(!refused.succeeded)
        let left = Set(try await dns.cachedAnswers().get().map(\.answer))
        #expect(left.isSuperset(of: before.map(\.answer)))
        let adopted = try await bench.reload { ($0.pools, $0.dnssec) = ([pool], "trust-ad") }
        #expect(adopted.succeeded, "\(adopted.problems)")
        #expect(try await dns.cachedAnswers().get().allSatisfy { $0.answer.security != .unchecked })
        try await taken.close()
        await bench.stop()
    }

    private func isHealth(_ health: String, of bench: ReloadBench) async throws -> Bool {
        try await Waiting.until(within: .seconds(5)) {
            try await bench.edge.plane.poolReports().first?.backends.map(\.health) == [health]
        }
    }
}

/// A port that takes datagrams and never answers, as a name server that is down behind a firewall.
final class SilentPort: Sendable {
    private let channel: any Channel
    private let listener: NIOLoopBound<Listener>
    private let heard: EventLoopFuture<Void>
    let port: Int

    private init(_ channel: any Channel, _ listener: NIOLoopBound<Listener>, _ heard: EventLoopFuture<Void>) {
        self.channel = channel
        self.listener = listener
        self.heard = heard
        port = channel.localAddress?.port ?? 0
    }

    static func open() async throws -> SilentPort {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let heard = loop.makePromise(of: Void.self)
        // A test that nobody asks ends too.
        loop.scheduleTask(in: .seconds(20)) { heard.fail(TestSupportError("nobody has asked")) }
        let listener = try await loop.submit { NIOLoopBound(Listener(heard), eventLoop: loop) }.get()
        let channel = try await DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(listener.value)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return SilentPort(channel, listener, heard.futureResult)
    }

    /// Waits for the first datagram.
    func wait() async throws { try await heard.get() }

    /// Answers what was asked, and whatever is asked from now on, that it cannot say (SERVFAIL).
    func giveUp() async throws {
        let listener = listener
        try await channel.eventLoop.submit { listener.value.giveUp() }.get()
    }

    func close() async throws { try await channel.close() }

    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>
        private let heard: EventLoopPromise<Void>
        private var held: [AddressedEnvelope<ByteBuffer>] = []
        private var hasGivenUp = false
        private var context: ChannelHandlerContext?

        init(_ heard: EventLoopPromise<Void>) {
            self.heard = heard
        }

        func giveUp() {
            hasGivenUp = true
            for query in held { refuse(query) }
            held = []
        }

        private func refuse(_ query: AddressedEnvelope<ByteBuffer>) {
            var answer = query
            // QR and RD; RCODE 2.
            answer.data.setBytes([0x81, 0x82], at: answer.data.readerIndex + 2)
            context?.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }
        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            heard.succeed()
            let query = unwrapInboundIn(data)
            if hasGivenUp { refuse(query) } else { held.append(query) }
        }

        func channelInactive(context: ChannelHandlerContext) { heard.succeed() }
    }
}
