// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOPosix
import SIPDNS
import SIPLocation
import SIPMessage
import Synchronization
import TestSupport

/// A name server that says what a test wants, over UDP and TCP on one port, and keeps what it was asked.
final class FakeDNS: Sendable {
    /// One query as it came.
    struct Query: Sendable {
        var asked: DNSResponseWriter.Asked
        let isTCP: Bool
        /// Queries before this one.
        let index: Int

        /// The answer of a zone to it.
        func reply(_ zone: Zone) -> ByteBuffer {
            bytes(of: ZoneReply.reply(to: question, in: [zone], withDNSSEC: false))
        }

        /// The same with signatures and proofs.
        func signedReply(_ zone: Zone) -> ByteBuffer {
            bytes(of: ZoneReply.reply(to: question, in: [zone], withDNSSEC: true))
        }

        func bytes(of reply: ZoneReply, isCut: Bool = false) -> ByteBuffer {
            DNSResponseWriter.write(reply, to: asked, limit: isCut ? 12 : 65_535)
        }

        var question: DNSQuestion { DNSQuestion(asked.name, asked.type) }
    }

    enum Action: Sendable {
        case answer(ByteBuffer)
        /// From another port than the one that was asked.
        case forge(ByteBuffer)
        /// The end of the TCP connection.
        case close
        /// The same, by a reset.
        case reset
        /// What the real name server on that port of the local host says; over UDP alone.
        case forward(UInt16)
    }

    typealias Script = @Sendable (Query) -> [Action]

    let port: UInt16
    private let channels: [any Channel]
    private let log: Log

    final class Log: Sendable {
        let queries = Mutex<[String]>([])
        /// TCP connections that came, and those that are open.
        let connections = Mutex((all: 0, open: 0))
        /// The ports that datagrams came from.
        let ports = Counter()
        let script: Script

        init(_ script: @escaping Script) { self.script = script }

        func take(_ bytes: ByteBuffer, isTCP: Bool) -> [Action] {
            guard case .query(let asked) = DNSQueryReader.read(bytes) else { return [] }
            let index = queries.withLock { log in
                let edns = asked.hasEDNS ? "" : " plain"
                log.append("\(isTCP ? "tcp" : "udp") \(DNSQuestion(asked.name, asked.type))\(edns)")
                return log.count - 1
            }
            return script(Query(asked: asked, isTCP: isTCP, index: index))
        }
    }

    static func start(on loop: any EventLoop, _ script: @escaping Script) async throws -> FakeDNS {
        let log = Log(script)
        let port = try FreePort.next()
        let other = try await DatagramBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
        let datagrams = try await DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Datagrams(log, other))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        let streams = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = ByteToMessageHandler(DNSStreamDecoder(limit: 65_535))
                    try channel.pipeline.syncOperations.addHandlers(decoder, Streams(log))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return FakeDNS(UInt16(port), [datagrams, streams, other], log)
    }

    private init(_ port: UInt16, _ channels: [any Channel], _ log: Log) {
        self.port = port
        self.channels = channels
        self.log = log
    }

    /// What was asked so far: `udp A name`, with ` plain` when it was without EDNS.
    var queries: [String] { log.queries.withLock { $0 } }

    var connections: (all: Int, open: Int) { log.connections.withLock { $0 } }

    /// How many different ports datagrams came from.
    var sourcePorts: Int { log.ports.distinct }

    func stop() async {
        for channel in channels { try? await channel.close() }
    }

    private final class Datagrams: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        let log: Log
        let other: any Channel

        init(_ log: Log, _ other: any Channel) {
            self.log = log
            self.other = other
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let query = unwrapInboundIn(data)
            log.ports.add(UInt16(truncatingIfNeeded: query.remoteAddress.port ?? 0))
            for action in log.take(query.data, isTCP: false) {
                switch action {
                case .answer(let bytes):
                    let envelope = AddressedEnvelope(remoteAddress: query.remoteAddress, data: bytes)
                    context.writeAndFlush(wrapOutboundOut(envelope), promise: nil)
                case .forge(let bytes):
                    other.writeAndFlush(
                        AddressedEnvelope(remoteAddress: query.remoteAddress, data: bytes),
                        promise: nil
                    )
                case .close, .reset: continue
                case .forward(let port): forward(query, to: port, by: context.channel)
                }
            }
        }

        private func forward(_ query: AddressedEnvelope<ByteBuffer>, to port: UInt16, by channel: any Channel) {
            Task {
                guard let answer = try? await UDPExchange.send(query.data, host: "127.0.0.1", port: Int(port)) else {
                    return
                }
                channel.writeAndFlush(AddressedEnvelope(remoteAddress: query.remoteAddress, data: answer), promise: nil)
            }
        }
    }

    private final class Streams: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        let log: Log

        init(_ log: Log) { self.log = log }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            for action in log.take(unwrapInboundIn(data), isTCP: true) {
                switch action {
                case .answer(let bytes):
                    context.writeAndFlush(wrapOutboundOut(DNSStreamDecoder.framed(bytes)), promise: nil)
                case .close: context.close(promise: nil)
                case .reset:
                    // Closed without waiting for anything, a socket resets its connection.
                    let socket = context.channel as? any SocketOptionProvider
                    _ = socket?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                    context.close(promise: nil)
                case .forge, .forward: continue
                }
            }
        }

        func channelActive(context: ChannelHandlerContext) {
            log.connections.withLock { $0 = ($0.all + 1, $0.open + 1) }
        }

        func channelInactive(context: ChannelHandlerContext) { log.connections.withLock { $0.open -= 1 } }
    }
}

/// Clients on loopback, and the zone that they ask for.
enum ClientBench {
    static let loop = MultiThreadedEventLoopGroup.singleton.next()

    static let text = """
        $ORIGIN z.test.
        $TTL 60
        @ 3600 IN SOA ns hostmaster 1 2 3 4 120
        @ IN NS ns
        ns IN A 127.0.0.1
        host IN A 192.0.2.1
             IN AAAA 2001:db8::1
        www IN CNAME host

        """

    static let host = DNSQuestion(DNSName("host.z.test"), .a)

    static func zone(_ more: String = "") throws -> Zone {
        try Zone(try ZoneFile.records(in: text + more, file: "z"), file: "z")
    }

    static func client(
        _ ports: [UInt16],
        timeout: TimeAmount = .seconds(2),
        _ change: (inout DNSClient.Settings) throws -> Void = { _ in }
    ) async throws -> DNSClient {
        var settings = DNSClient.Settings(servers: ports.map { DNSServer(.v4(0x7F00_0001), port: $0) })
        settings.timeout = timeout
        try change(&settings)
        return try await DNSClient(loop: loop, settings: settings)
    }

    /// A server that answers from the zone.
    static func zoneServer(_ more: String = "") async throws -> FakeDNS {
        let zone = try zone(more)
        return try await FakeDNS.start(on: loop) { [.answer($0.reply(zone))] }
    }

    /// A server that takes everything and says nothing.
    static func mute() async throws -> FakeDNS { try await FakeDNS.start(on: loop) { _ in [] } }
}
