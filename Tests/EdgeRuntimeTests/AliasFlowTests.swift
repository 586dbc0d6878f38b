// SPDX-License-Identifier: Apache-2.0

import BackendPool
import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import Testing

@testable import EdgeRuntime
@testable import EdgeTLS

/// A worker that can open no connection of its own, and servers that have opened theirs to it.
@Suite("Requests on connections that servers have opened, in virtual time (RFC 5923)")
struct AliasFlowTests {
    private let loop = EmbeddedEventLoop()
    /// The address 203.0.113.7.
    private static let address = IPAddress.v4(0xCB00_7107)

    private func worker(
        _ role: ListenerIdentity.Role = .peer,
        aliases: AliasUse = .of(profile: "trunk"),
        limit: Int = 1000
    ) -> Worker {
        var limits = EdgeLimits()
        limits.aliases = limit
        return EmbeddedWorker(
            on: loop,
            listener: EmbeddedWorker.listener(role),
            connections: 0,
            aliasProfile: "trunk",
            aliases: aliases,
            limits: limits
        ).worker
    }

    /// A server's connection that is up, over TLS by a certificate for that name unless there is none.
    private func peer(
        _ worker: Worker,
        proving name: String? = "example.org",
        beside others: [String] = [],
        usesTLS: Bool = true,
        validFor seconds: Int64 = 86_400
    ) throws -> EmbeddedChannel {
        let listener = try #require(worker.snapshot.listeners.first).identity
        let context = worker.clientContext(listener, worker.makeFlowID(), address: Self.address, port: 51000)
        let limits = MessageLimits()
        let flow = StreamFlow(worker: worker, context: context, usesTLS: usesTLS, limits: limits, now: loop.now)
        worker.streams[context.id] = flow
        let channel = EmbeddedChannel(handler: flow, loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5060)).wait()
        guard usesTLS else { return channel }
        let identity = name.map { name in
            let all = ([name] + others).map { Array($0.utf8) }
            let names = CertificateNames(hasAlternativeNames: true, dnsNames: all)
            return PeerIdentity(subject: "CN=\(name)", issuer: "CN=ca", names: names, notAfter: 4_000_000_000)
        }
        channel.pipeline.fireUserInboundEventTriggered(
            TLSHandshakeCompleted(version: .tls13, cipher: "x", serverName: nil, resumed: false, peer: identity)
        )
        if identity != nil {
            flow.certificate = CertificateLife(notAfter: seconds, wallClock: 0, now: loop.now)
        }
        return channel
    }

    /// A server's request, which the edge answers itself.
    private func say(_ channel: EmbeddedChannel, _ via: String = "TLS peer.example.org;alias") throws {
        let id = UInt64.random(in: 1 ... .max)
        let text = Wire.options("s\(id)").replacing("TCP 127.0.0.1:9", with: via)
            .replacing("Max-Forwards: 70", with: "Max-Forwards: 0")
        try channel.writeInbound(ByteBuffer(string: text))
        loop.run()
        #expect(try sent(channel)?.hasPrefix("SIP/2.0 ") == true)
    }

    private func sent(_ channel: EmbeddedChannel) throws -> String? {
        try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
    }

    /// Sends a request to a server by that name and port, for which nobody waits.
    private func ask(
        _ worker: Worker,
        _ domain: String = "example.org",
        port: UInt16 = 5061,
        _ method: String = "OPTIONS"
    ) {
        let endpoint = Endpoint(transport: .tls, address: Self.address, port: port)
        let target = BackendTarget(endpoint: endpoint, pool: nil, domain: domain)
        worker.flows(to: target).send(ByteBuffer(string: Wire.request(method, "a")), attempt: nil)
        loop.run()
    }

    private func wait(_ seconds: Int64) { for _ in 0..<seconds { loop.advanceTime(by: .seconds(1)) } }

    @Test("V-ALIAS: a request to a domain and place that the peer has proved goes on its connection, and to others not")
    func vector() throws {
        let worker = worker()
        let channel = try peer(worker)
        ask(worker)
        #expect(try sent(channel) == nil, "it has offered nothing yet")
        try say(channel)
        ask(worker)
        #expect(try sent(channel)?.hasPrefix("OPTIONS sip:test@example.test") == true)
        #expect(worker.counters.aliasedRequests == 1 && worker.aliases.count == 1)
        ask(worker, "example.net")
        ask(worker, port: 5062)
        #expect(try sent(channel) == nil && worker.counters.aliasedRequests == 1)
    }

    @Test("TLS-37, TLS-40: nothing without certificate, in clear text, without alias, or by a Via of TCP")
    func ignored() throws {
        let worker = worker()
        for (name, usesTLS, via) in [
            (nil, true, "TLS peer.example.org;alias"), ("example.org", false, "TLS peer.example.org;alias"),
            ("example.org", true, "TLS peer.example.org"), ("example.org", true, "TCP peer.example.org;alias"),
        ] {
            let channel = try peer(worker, proving: name, usesTLS: usesTLS)
            try say(channel, via)
            ask(worker)
            #expect(try sent(channel) == nil && worker.aliases.isEmpty, "\(via)")
        }
        // What offers nothing to others, and what may use nothing of theirs.
        let closed = self.worker(aliases: .none)
        let channel = try peer(closed)
        try say(channel)
        ask(closed)
        #expect(try sent(channel) == nil)
    }

    @Test(
        "TLS-23, TLS-39: of several names in a certificate those alone lead to its connection that may use the listener"
    )
    func allowedNames() throws {
        let worker = worker()
        var snapshot = worker.snapshot
        snapshot.listeners[0].allowedPeers = ["example.org"]
        worker.adopt(snapshot)
        let channel = try peer(worker, proving: "example.net", beside: ["example.org", "example.com"])
        try say(channel)
        #expect(worker.aliases.count == 1)
        for name in ["example.net", "example.com"] { ask(worker, name) }
        #expect(try sent(channel) == nil)
        ask(worker)
        #expect(try sent(channel) != nil)
    }

    @Test("TLS-38: the port of Via counts, else 5061, whatever its host is; four ports of a connection at most")
    func ports() throws {
        let worker = worker()
        let channel = try peer(worker)
        try say(channel, "TLS elsewhere.example.net:5071;alias")
        ask(worker)
        #expect(try sent(channel) == nil)
        ask(worker, port: 5071)
        #expect(try sent(channel) != nil)
        for port in 5072...5079 { try say(channel, "TLS 192.0.2.9:\(port);alias") }
        #expect(worker.aliases.count == AliasTable.portsPerFlow)
    }

    @Test("TLS-42, TLS-43: the newest connection is used, when it ends the one before it, and then none")
    func replacement() throws {
        let worker = worker()
        let channels = try (0..<2).map { _ in try peer(worker) }
        for channel in channels { try say(channel) }
        ask(worker)
        #expect(try sent(channels[0]) == nil && sent(channels[1]) != nil && channels[0].isActive)
        try channels[1].close().wait()
        loop.run()
        ask(worker, "example.org", "CANCEL")
        #expect(try sent(channels[0])?.hasPrefix("CANCEL") == true)
        try channels[0].close().wait()
        loop.run()
        #expect(worker.aliases.isEmpty)
        ask(worker)
        #expect(worker.counters.aliasedRequests == 2 && worker.counters.drops[.deadFlow] == 1)
    }

    @Test("TLS-09, TLS-32: nothing new goes on a connection a minute before its peer's certificate ends")
    func expiry() throws {
        let worker = worker()
        let channel = try peer(worker, validFor: 150)
        try say(channel)
        wait(85)
        ask(worker)
        #expect(try sent(channel) != nil)
        wait(10)
        #expect(worker.aliases.isEmpty && channel.isActive)
        ask(worker)
        try say(channel)
        ask(worker)
        #expect(try sent(channel) == nil)
    }

    @Test("limits.aliases: an offer too many is counted and not taken until there is room, and its request served")
    func limit() throws {
        let worker = worker(limit: 1)
        let channels = try (0..<2).map { _ in try peer(worker) }
        for channel in channels + channels { try say(channel) }
        #expect(worker.counters.limits[.aliases] == 2 && worker.aliases.count == 1)
        ask(worker)
        #expect(try sent(channels[0]) != nil)
        try channels[0].close().wait()
        try say(channels[1])
        ask(worker)
        #expect(try sent(channels[1]) != nil && worker.counters.limits[.aliases] == 2)
    }

    @Test("A snapshot whose listener takes no offers any more, or no such peers, ends their use; connections stay")
    func reload() throws {
        let changes: [(inout ListenerSetup) -> Void] = [
            { $0.aliasProfile = nil }, { $0.allowedPeers = ["example.net"] },
        ]
        for change in changes {
            let worker = worker()
            let channel = try peer(worker)
            try say(channel)
            worker.adopt(worker.snapshot)
            #expect(worker.aliases.count == 1)
            var snapshot = worker.snapshot
            change(&snapshot.listeners[0])
            worker.adopt(snapshot)
            ask(worker)
            #expect(try worker.aliases.isEmpty && channel.isActive && sent(channel) == nil)
        }
    }

    @Test("limits.aliases: none at all ends the use of those that are known; connections stay")
    func reloadToNone() throws {
        let worker = worker()
        let channel = try peer(worker)
        try say(channel)
        var snapshot = worker.snapshot
        snapshot.limits.aliases = 0
        worker.adopt(snapshot)
        #expect(worker.aliases.isEmpty && channel.isActive)
    }

    @Test("TRN-43: a server that answers nothing for ten seconds is asked on its connection no more, until it speaks")
    func mute() throws {
        let worker = worker()
        let channel = try peer(worker)
        try say(channel)
        // Here nobody waits for an answer, as the core does.
        let flow = try #require(worker.streams.values.first)
        flow.asked(now: loop.now)
        ask(worker)
        #expect(try sent(channel) != nil)
        wait(11)
        ask(worker)
        #expect(try sent(channel) == nil)
        try say(channel)
        ask(worker)
        #expect(try sent(channel) != nil)
    }

    @Test("What waits for a slow connection leaves when it takes bytes again, and fails when that is gone")
    func slow() throws {
        for isClosed in [false, true] {
            let worker = worker()
            let channel = try peer(worker)
            try say(channel)
            channel.isWritable = false
            ask(worker)
            let target = try #require(worker.backends.keys.first)
            #expect(try sent(channel) == nil && worker.flows(to: target).waitingCount == 1)
            if isClosed {
                try channel.close().wait()
            } else {
                channel.isWritable = true
                channel.pipeline.fireChannelWritabilityChanged()
            }
            loop.run()
            #expect(worker.flows(to: target).waitingCount == 0)
            if !isClosed { #expect(try sent(channel) != nil) }
            #expect(worker.counters.drops[.deadFlow] == (isClosed ? 1 : 0))
        }
    }
}
