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

/// Rates that several connections share: those of one certificate's owner, and those of all clients.
@Suite("Rates that connections share")
struct SharedRateTests {
    private let loop = EmbeddedEventLoop()

    private func worker(_ change: (inout SourceLimits) -> Void) -> Worker {
        var limits = EdgeLimits()
        limits.sources.burst = .seconds(3)
        change(&limits.sources)
        return EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.peer), limits: limits).worker
    }

    /// A client at an address of its own whose certificate proves `name`, or that has shown none.
    private func client(
        _ worker: Worker,
        _ last: UInt32,
        name: String?,
        notAfter: Int64 = .max
    ) throws -> (StreamFlow, EmbeddedChannel) {
        let listener = try #require(worker.snapshot.listeners.first).identity
        let context = worker.clientContext(listener, worker.makeFlowID(), address: .v4(0xCB00_7100 | last), port: 51000)
        let limits = MessageLimits()
        let flow = StreamFlow(worker: worker, context: context, usesTLS: true, limits: limits, now: loop.now)
        worker.streams[context.id] = flow
        let channel = EmbeddedChannel(handler: flow, loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5060)).wait()
        let peer = name.map { name in
            let names = CertificateNames(hasAlternativeNames: true, dnsNames: [Array(name.utf8)])
            return PeerIdentity(subject: "CN=\(name)", issuer: "CN=ca", names: names, notAfter: notAfter)
        }
        let completed = TLSHandshakeCompleted(version: .tls13, cipher: "x", serverName: nil, resumed: false, peer: peer)
        channel.pipeline.fireUserInboundEventTriggered(completed)
        return (flow, channel)
    }

    private func ask(_ worker: Worker, _ flow: StreamFlow, times: Int) -> [Admission?] {
        (0..<times).map { _ in worker.admission(of: 300, .other, on: flow.context, now: loop.now) }
    }

    @Test("OVL-21: the connections of one certificate's owner share a rate, wherever they come from")
    func identity() throws {
        let worker = worker { $0.identity = 1 }
        let (first, channel) = try client(worker, 1, name: "partner.example.net")
        let (second, _) = try client(worker, 2, name: "partner.example.net")
        let (other, _) = try client(worker, 1, name: "other.example.net")
        let (nameless, _) = try client(worker, 1, name: nil)
        #expect(ask(worker, first, times: 2) == [.admitted, .admitted])
        #expect(ask(worker, second, times: 3) == [.admitted, .refused, .refused])
        #expect(ask(worker, other, times: 3) == [.admitted, .admitted, .admitted])
        #expect(ask(worker, nameless, times: 9).allSatisfy { $0 == .admitted })
        #expect(worker.counters.limits[.rateIdentity] == 2)
        // A new connection is worth no more than the one before it.
        try channel.close().wait()
        let (third, _) = try client(worker, 3, name: "partner.example.net")
        #expect(ask(worker, third, times: 1) == [.refused])
        loop.advanceTime(by: .seconds(1))
        #expect(ask(worker, third, times: 2) == [.admitted, .refused])
    }

    @Test("OVL-21: all clients share a rate, and none is banned when others have used it up")
    func total() throws {
        let worker = worker {
            $0.total = 1
            $0.banAfter = 1
        }
        let (first, _) = try client(worker, 1, name: nil)
        let (second, _) = try client(worker, 2, name: nil)
        #expect(ask(worker, first, times: 3) == [.admitted, .admitted, .admitted])
        #expect(ask(worker, second, times: 3) == [.refused, .refused, .refused])
        #expect(worker.counters.limits[.rateTotal] == 3 && worker.counters.limits[.ban] == 0)
        // What ends calls, or belongs to one, is not kept out by others.
        let inDialog = worker.admission(of: 300, .other, isNew: false, on: second.context, now: loop.now)
        #expect(inDialog == .admitted)
        loop.advanceTime(by: .seconds(1))
        #expect(ask(worker, second, times: 2) == [.admitted, .refused])
    }

    @Test("TLS-09: a client that resumes with a certificate which has expired meanwhile is not served")
    func expired() throws {
        let worker = worker { _ in }
        let (flow, channel) = try client(worker, 1, name: "partner.example.net", notAfter: 1)
        #expect(!channel.isActive && worker.streams[flow.context.id] == nil)
        #expect(worker.counters.limits[.certificateEnd] == 1)
    }

    @Test("OVL-21: what is refused for its source uses up nothing of what all clients share")
    func sourceBeforeTotal() throws {
        let worker = worker {
            $0.other = 1
            $0.total = 2
        }
        let (first, _) = try client(worker, 1, name: nil)
        let (second, _) = try client(worker, 2, name: nil)
        #expect(ask(worker, first, times: 9).count { $0 == .admitted } == 3)
        #expect(ask(worker, second, times: 9).count { $0 == .admitted } == 3)
        #expect(worker.counters.limits[.rateOther] == 12 && worker.counters.limits[.rateTotal] == 0)
    }

    @Test("TLS-23: above its rate a peer that is not on the list reaches no transaction, not by CANCEL either")
    func unlistedAboveRate() throws {
        let worker = worker { $0.other = 1 }
        let (flow, channel) = try client(worker, 1, name: "partner.example.net")
        flow.isUnlisted = true
        for number in 1...6 {
            channel.pipeline.fireChannelRead(ByteBuffer(string: Wire.options("u\(number)")))
            channel.pipeline.fireChannelReadComplete()
        }
        loop.run()
        var answers = ""
        while let sent = try channel.readOutbound(as: ByteBuffer.self) { answers += String(buffer: sent) }
        #expect(answers.ranges(of: "SIP/2.0 403").count == 3 && !answers.contains("SIP/2.0 503"), "\(answers)")
        #expect(worker.counters.drops[.overLimit] == 3)
    }

    @Test("OVL-21: owners of certificates are known no longer than their buckets take to fill")
    func forgotten() {
        var buckets = IdentityBuckets()
        let share = buckets.join("a")
        _ = buckets.join("b")
        buckets.leave(share, now: loop.now)
        buckets.forget(after: .seconds(3), now: loop.now + .seconds(3))
        #expect(buckets.count == 2)
        buckets.forget(after: .seconds(3), now: loop.now + .seconds(4))
        #expect(buckets.count == 1)
    }
}
