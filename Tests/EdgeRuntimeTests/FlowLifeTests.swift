// SPDX-License-Identifier: Apache-2.0

import BackendPool
import Glibc
import NIOCore
import NIOEmbedded
import SIPMessage
import SIPProxy
import Telemetry
import Testing

@testable import EdgeRuntime
@testable import EdgeTLS

@Suite("How long flows live, in virtual time")
struct FlowLifeTests {
    private let loop = EmbeddedEventLoop()

    /// A client's flow that is up.
    private func client(_ worker: Worker, usesTLS: Bool = false) throws -> (StreamFlow, EmbeddedChannel) {
        let listener = try #require(worker.snapshot.listeners.first).identity
        let context = worker.clientContext(listener, worker.makeFlowID(), address: .v4(0xCB00_7107), port: 51000)
        let limits = MessageLimits()
        let flow = StreamFlow(worker: worker, context: context, usesTLS: usesTLS, limits: limits, now: loop.now)
        worker.streams[context.id] = flow
        return (flow, try up(flow))
    }

    private func up(_ flow: StreamFlow) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: flow, loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 5060)).wait()
        return channel
    }

    private func send(_ text: String, on channel: EmbeddedChannel) throws {
        try channel.writeInbound(ByteBuffer(string: text))
        loop.run()
    }

    private func wait(_ seconds: Int64) { for _ in 0..<seconds { loop.advanceTime(by: .seconds(1)) } }

    /// An INVITE that waits for DNS, which never answers here.
    private let waiting = Wire.request("INVITE", "ring", extra: "Route: <sip:core.example.net;lr>\r\n")

    @Test("FLW-36: a client that was granted a Flow-Timer of 120 s is closed after 150 s of silence, not after 149")
    func flowTimer() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.access)).worker
        let (granted, first) = try client(worker)
        let (_, second) = try client(worker)
        worker.perform(.limitIdle(granted.context.id, .seconds(150)))
        wait(100)
        try send("\r\n\r\n", on: first)
        wait(149)
        #expect(first.isActive && !second.isActive)
        wait(2)
        #expect(!first.isActive && worker.counters.limits[.idleTimeout] == 2)
    }

    @Test("TLS-09: a connection is closed when its peer's certificate expires, whether it is used or not")
    func certificateEnd() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.access)).worker
        let (proven, first) = try client(worker)
        let (_, second) = try client(worker)
        proven.certificate = CertificateLife(notAfter: 1_000_020, wallClock: 1_000_000, now: loop.now)
        wait(19)
        #expect(first.isActive)
        wait(2)
        #expect(!first.isActive && second.isActive && worker.counters.limits[.certificateEnd] == 1)
    }

    @Test("TLS-32: the connection whose peer's certificate ends soon serves until another stands, then closes unused")
    func certificateReplaced() throws {
        let worker = EmbeddedWorker(on: loop, connections: 0).worker
        let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
        let flows = worker.flows(to: target)
        let old = worker.makeStream(to: target)
        old.certificate = CertificateLife(notAfter: 1_000_200, wallClock: 1_000_000, now: loop.now)
        let first = try up(old)
        let request = ByteBuffer(string: Wire.options("one"))
        wait(145)
        flows.send(request, attempt: nil)
        loop.run()
        #expect(try first.isActive && sent(first) != nil, "there is no other yet")
        let second = try up(worker.makeStream(to: target))
        flows.send(request, attempt: nil)
        wait(2)
        #expect(try sent(second) != nil && sent(first) == nil)
        #expect(!first.isActive && second.isActive && worker.counters.limits[.certificateEnd] == 0)
    }

    @Test(
        "TLS-32: a connection retires a minute before its peer's certificate expires, or at the end when that is near"
    )
    func certificateLife() {
        let now = loop.now
        let long = CertificateLife(notAfter: 1_000_600, wallClock: 1_000_000, now: now)
        #expect(long.retiresAt == now + .seconds(540) && long.endsAt == now + .seconds(600))
        let short = CertificateLife(notAfter: 1_000_120, wallClock: 1_000_000, now: now)
        #expect(short.retiresAt == short.endsAt && short.endsAt == now + .seconds(120))
        for notAfter in [Int64.min, 0, 999_999] {
            #expect(CertificateLife(notAfter: notAfter, wallClock: 1_000_000, now: now).endsAt == now)
        }
        #expect(CertificateLife(notAfter: .max, wallClock: -1, now: now).endsAt > now + .hours(24 * 365))
    }

    @Test("TRN-45: a silent connection is kept for 31 s, and for as long as a call on it waits")
    func ringing() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.inner)).worker
        let (_, idle) = try client(worker)
        let (flow, busy) = try client(worker)
        try send(waiting, on: busy)
        #expect(worker.core.busyFlows == [flow.context.id])
        wait(31)
        #expect(idle.isActive)
        wait(220)
        #expect(!idle.isActive && busy.isActive && worker.counters.limits[.idleTimeout] == 1)
    }

    @Test("TRN-45: a connection to a backend of a pool is not closed for its silence")
    func backend() throws {
        let worker = EmbeddedWorker(on: loop).worker
        let channel = try backendChannel(worker)
        wait(200)
        #expect(channel.isActive)
    }

    @Test("TRN-08: a client that sends nothing more is closed when nothing is due to it any more")
    func halfClosed() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.inner)).worker
        let (_, idle) = try client(worker)
        idle.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        loop.run()
        #expect(!idle.isActive)
        let (flow, channel) = try client(worker)
        try send(waiting, on: channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        wait(2)
        #expect(channel.isActive)
        // Nobody can be asked anything there any more (RFC 5626 section 5.3.1).
        let bytes = ByteBuffer(string: Wire.options("in"))
        #expect(worker.sendHere(bytes, on: flow.context.id, datagram: nil) == .flowGone)
        worker.core.quiesce(now: loop.now)
        worker.core.receive(try cancel(), on: flow.context, now: loop.now)
        worker.runActions()
        loop.run()
        #expect(!channel.isActive)
    }

    @Test("FLW-17, OVL-63: an ACK for a flow that is gone, of this worker or of none, is dropped and counted")
    func ackToGoneFlow() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.inner)).worker
        let (flow, channel) = try client(worker)
        let bytes = ByteBuffer(string: Wire.request("ACK", "gone"))
        worker.perform(.sendOnFlow(flow.context.id, datagram: nil, nil, bytes))
        #expect(worker.counters.drops[.deadFlow] == 0)
        try channel.close().wait()
        loop.run()
        worker.perform(.sendOnFlow(flow.context.id, datagram: nil, nil, bytes))
        #expect(worker.counters.drops[.deadFlow] == 1)
        worker.perform(.sendOnFlow(FlowID(worker: 9, serial: 1), datagram: nil, nil, bytes))
        #expect(worker.counters.drops[.deadFlow] == 2)
        // Who waits for an attempt is told instead.
        let attempt = AttemptID(slot: 1, nonce: 1)
        worker.perform(.sendOnFlow(flow.context.id, datagram: nil, attempt, bytes))
        #expect(worker.counters.drops[.deadFlow] == 2)
    }

    /// The CANCEL of what waits, which brings its final.
    private func cancel() throws -> SIPMessage {
        let text = waiting.replacing("INVITE", with: "CANCEL")
        let outcome = MessageParser.parse(ByteBuffer(string: text), framing: .stream, limits: MessageLimits())
        guard case .message(let message) = outcome else { throw ChannelError.badInterfaceAddressFamily }
        return message
    }

    // MARK: Backends

    private func backendChannel(_ worker: Worker) throws -> EmbeddedChannel {
        let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
        let flows = worker.flows(to: target)
        let flow = worker.makeStream(to: target)
        let channel = try up(flow)
        #expect(flows.count == 1)
        return channel
    }

    private func sent(_ channel: EmbeddedChannel) throws -> String? {
        try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
    }

    @Test("FLW-32: a backend that is not known to answer is sent nothing, and its connection stays")
    func unknown() throws {
        let worker = EmbeddedWorker(on: loop).worker
        let channel = try backendChannel(worker)
        wait(230)
        #expect(try channel.isActive && sent(channel) == nil)
    }

    @Test("FLW-32: one that is gets an empty line after 95 to 120 s, and is closed 10 s later unless something comes")
    func known() throws {
        let worker = EmbeddedWorker(on: loop, connections: 0, answersKeepAlive: true).worker
        let channel = try backendChannel(worker)
        for isAnswered in [true, true, false] {
            wait(94)
            #expect(try channel.isActive && sent(channel) == nil)
            var ping: String?
            for _ in 95...121 where ping == nil {
                wait(1)
                ping = try sent(channel)
            }
            #expect(ping == "\r\n\r\n")
            wait(8)
            #expect(channel.isActive)
            if isAnswered { try send("\r\n", on: channel) }
        }
        wait(3)
        #expect(!channel.isActive && worker.counters.limits[.keepAlive] == 1)
    }

    @Test("FLW-28: the pings of a backend that is pinged too are answered, and its answers are no halves of one")
    func bothPing() throws {
        let worker = EmbeddedWorker(on: loop, connections: 0, answersKeepAlive: true).worker
        let channel = try backendChannel(worker)
        func nextPing() throws -> String? {
            for _ in 0..<121 {
                wait(1)
                if let text = try sent(channel) { return text }
            }
            return nil
        }
        for number in 1...3 {
            #expect(try nextPing() == "\r\n\r\n")
            // Its own ping crosses ours, or follows its answer; that comes in two pieces, too.
            let pieces = [["\r\n\r\n", "\r\n"], ["\r", "\n", "\r\n\r\n"], ["\r\n\r\n\r\n"]][number - 1]
            for piece in pieces { try send(piece, on: channel) }
            #expect(try sent(channel) == "\r\n", "\(number)")
            #expect(try sent(channel) == nil)
            wait(20)
            try send("\r\n\r\n", on: channel)
            #expect(try sent(channel) == "\r\n")
        }
        #expect(channel.isActive && worker.counters.limits[.keepAlive] == 0)
    }

    @Test("FLW-32: a connection that proves dead is replaced at once, by one, and what is sent then goes there")
    func replaced() throws {
        let worker = EmbeddedWorker(on: loop, connections: 1, answersKeepAlive: true).worker
        let target = BackendTarget(endpoint: EmbeddedWorker.backend, pool: nil)
        var opened: [StreamFlow] = []
        worker.openConnection = { _, flow, _ in opened.append(flow) }
        let flows = worker.flows(to: target)
        flows.send(ByteBuffer(string: Wire.options("one")), attempt: nil)
        let first = try up(try #require(opened.first))
        loop.run()
        let (one, two) = (Wire.options("one"), Wire.options("two"))
        #expect(try sent(first) == one)
        #expect(opened.count == 1)
        wait(131)
        #expect(!first.isActive && worker.counters.limits[.keepAlive] == 1)
        #expect(opened.count == 2 && flows.count == 0)
        let second = try up(opened[1])
        flows.send(ByteBuffer(string: Wire.options("two")), attempt: nil)
        loop.run()
        #expect(try sent(second) == two)
        #expect(opened.count == 2 && flows.count == 1)
    }

    @Test("FLW-32: pings are spread over 95 to 120 s, and silence of 10 s after one is the end")
    func pulse() {
        var generator = SystemRandomNumberGenerator()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var times: Set<Int> = []
        for _ in 0..<200 {
            var pulse = KeepAlivePulse()
            var second = 0
            while pulse.advance(to: start + .seconds(Int64(second)), lastRead: start, using: &generator) == .none {
                second += 1
                guard second < 200 else { break }
            }
            times.insert(second)
            let pinged = start + .seconds(Int64(second))
            #expect(pulse.advance(to: pinged + .seconds(9), lastRead: start, using: &generator) == .none)
            #expect(pulse.advance(to: pinged + .seconds(10), lastRead: start, using: &generator) == .close)
        }
        #expect(times.allSatisfy { (95...120).contains($0) } && times.count > 15)
    }

    @Test("TRN-42: requests for one server share its flows, but not with another pool's or another name's")
    func sharing() {
        let worker = EmbeddedWorker(on: loop).worker
        let endpoint = Endpoint(transport: .tls, address: .v4(0xC000_0201), port: 5061)
        let targets = [
            BackendTarget(endpoint: endpoint, pool: .init(index: 0)),
            BackendTarget(endpoint: endpoint, pool: .init(index: 1)),
            BackendTarget(endpoint: endpoint, pool: nil, domain: "a.example"),
            BackendTarget(endpoint: endpoint, pool: nil, domain: "b.example"),
        ]
        let flows = targets.map { worker.flows(to: $0) }
        #expect(Set(flows.map(ObjectIdentifier.init)).count == 4)
        #expect(zip(targets, flows).allSatisfy { worker.flows(to: $0) === $1 })
    }

    // MARK: Limits

    private func peer(_ name: String) -> TLSHandshakeCompleted {
        let names = CertificateNames(hasAlternativeNames: true, dnsNames: [Array(name.utf8)])
        let identity = PeerIdentity(subject: "CN=\(name)", issuer: "CN=ca", names: names, notAfter: .max)
        return TLSHandshakeCompleted(version: .tls13, cipher: "x", serverName: nil, resumed: false, peer: identity)
    }

    @Test(
        "FLW-26: the token of a client on an access listener says whom its certificate proves, those of servers do not"
    )
    func identityInToken() throws {
        for role in [ListenerIdentity.Role.access, .peer] {
            let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(role), hasTokens: true).worker
            let (flow, channel) = try client(worker, usesTLS: true)
            channel.pipeline.fireUserInboundEventTriggered(peer("phone.example.test"))
            let (bytes, keys) = (flow.context.token, worker.snapshot.proxy.tokens)
            guard case .valid(let token) = FlowToken.open(bytes, ByteRange(0, bytes.readableBytes), by: keys) else {
                Issue.record("it is a token")
                continue
            }
            let expected = FlowToken.Identity(of: ["phone.example.test"], keyID: 1, by: keys)
            #expect(expected != nil && token.identity == (role == .access ? expected : nil))
            worker.renewTokens()
            #expect(flow.context.token == bytes)
        }
    }

    @Test("FLW-42: one identity has 16 connections; the next is refused, another identity and servers are not")
    func identities() throws {
        for role in [ListenerIdentity.Role.access, .peer] {
            let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(role)).worker
            let channels = try (0..<17).map { _ in
                let (_, channel) = try client(worker, usesTLS: true)
                channel.pipeline.fireUserInboundEventTriggered(peer("phone.example.test"))
                return channel
            }
            #expect(channels.count(where: \.isActive) == (role == .access ? 16 : 17))
            #expect(worker.counters.limits[.connectionsPerIdentity] == (role == .access ? 1 : 0))
            let (_, other) = try client(worker, usesTLS: true)
            other.pipeline.fireUserInboundEventTriggered(peer("other.example.test"))
            #expect(other.isActive)
            try channels[0].close().wait()
            let (_, next) = try client(worker, usesTLS: true)
            next.pipeline.fireUserInboundEventTriggered(peer("phone.example.test"))
            #expect(next.isActive)
        }
    }

    @Test("OVL-22: a handshake ends once, though its client is refused for its identity afterwards")
    func handshakesEndOnce() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.access)).worker
        var secure = ConnectionLimiter.Handshakes()
        secure.isSecure = true
        for _ in 0..<17 {
            let (flow, channel) = try client(worker, usesTLS: true)
            let address = flow.context.remoteAddress
            #expect(worker.limiter.admit(address, total: 100, perSource: 100, secure, now: loop.now) == nil)
            worker.handshakeBegan()
            channel.pipeline.fireUserInboundEventTriggered(peer("phone.example.test"))
        }
        #expect(worker.counters.limits[.connectionsPerIdentity] == 1)
        #expect(worker.limiter.handshakes == 0 && worker.admission.underWay == 0 && worker.limiter.total == 16)
    }

    @Test("FLW-42: connection 1,001 of one address is refused, and other addresses are not affected")
    func sources() {
        let limiter = ConnectionLimiter()
        let (one, two) = (IPAddress.v4(1), IPAddress.v4(2))
        let refused = (0..<1001).filter { _ in limiter.admit(one, total: 20_000, perSource: 1000) != nil }
        #expect(refused == [1000] && limiter.admit(two, total: 20_000, perSource: 1000) == nil)
    }

    // Bounded: the pacing itself, at one handshake a millisecond; real handshakes are in the load rig.
    @Test("FLW-40: 2,000 clients at once: never more handshakes than the limit, and all are served")
    func avalanche() {
        var admission = HandshakeAdmission()
        let limit = 128
        var (waiting, served, most, isAccepting) = (2000, 0, 0, true)
        for _ in 0..<60_000 where served < 2000 {
            // One turn of the loop accepts up to 16, even when it is said in between that it is enough.
            if isAccepting {
                for _ in 0..<min(16, waiting) {
                    waiting -= 1
                    if admission.began(limit: limit) { isAccepting = false }
                    most = max(most, admission.underWay)
                }
            }
            guard admission.underWay > 0 else { continue }
            served += 1
            if admission.ended(limit: limit) { isAccepting = true }
        }
        #expect(served == 2000 && most <= limit && most > limit / 2 && admission.underWay == 0 && isAccepting)
    }

    // Bounded: the memory of what a flow itself holds, by which 50,000 of them fit; the soak is the load rig's.
    @Test("FLW-41: an idle flow holds less than 2 KiB beside TLS and the channel")
    func memory() throws {
        let worker = EmbeddedWorker(on: loop, listener: EmbeddedWorker.listener(.access)).worker
        let (flow, channel) = try client(worker)
        try send(Wire.options("one"), on: channel)
        while try sent(channel) != nil {}
        // Neither what was received nor what was sent is kept; the rest is the instance and its two texts.
        let context = flow.context
        typealias UsableSize = @convention(c) (UnsafeMutableRawPointer?) -> Int
        let symbol = try #require(dlsym(nil, "malloc_usable_size"))
        let instance = unsafeBitCast(symbol, to: UsableSize.self)(Unmanaged.passUnretained(flow).toOpaque())
        let held = instance + context.token.storageCapacity + context.remoteText.storageCapacity
        #expect(flow.pendingBytes == 0 && instance > 100 && held < 2048, "\(held)")
    }
}
