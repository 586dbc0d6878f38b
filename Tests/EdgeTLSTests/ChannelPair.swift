// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOEmbedded

/// Two embedded channels back to back, a client's and a server's, on one event loop whose time the test moves.
final class ChannelPair {
    /// What a side has seen.
    final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        var received: [UInt8] = []
        var reads = 0
        var outcome: TLSHandshakeCompleted?
        var failures: [TLSFailure] = []
        var sawInputClosed = false
        var onOutcome: ((ChannelHandlerContext) -> Void)?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.reads += 1
            self.received += Array(self.unwrapInboundIn(data).readableBytesView)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let outcome = event as? TLSHandshakeCompleted {
                self.outcome = outcome
                self.onOutcome?(context)
            }
            if let event = event as? ChannelEvent, event == .inputClosed { self.sawInputClosed = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let failure = error as? TLSFailure { self.failures.append(failure) }
        }
    }

    let loop = EmbeddedEventLoop()
    let client: EmbeddedChannel
    let server: EmbeddedChannel
    let clientSide = Recorder()
    let serverSide = Recorder()
    /// How many bytes arrive at once; nil for all.
    var chunk: Int?
    /// What a hostile network does to each buffer.
    var damage: ((inout ByteBuffer) -> Void)?
    /// All bytes on the wire, from the client and from the server.
    private(set) var wire: (up: [UInt8], down: [UInt8]) = ([], [])

    /// A pair that is connected, with its handshake not yet begun.
    init(
        server: TLSContext,
        client: TLSContext,
        name: String? = Certificates.Set.domain,
        identity: PeerIdentityPolicy = .none,
        scope: String = "",
        allowsHalfClosure: Bool = false
    ) throws {
        self.server = EmbeddedChannel(loop: self.loop)
        self.client = EmbeddedChannel(loop: self.loop)
        let serverHandler = TLSHandler(
            context: server,
            role: .server,
            handshakeDeadline: .seconds(5),
            allowsHalfClosure: allowsHalfClosure
        )
        let clientHandler = TLSHandler(
            context: client,
            role: .client(serverName: name, identity: identity, sessionScope: scope),
            handshakeDeadline: .seconds(5),
            allowsHalfClosure: allowsHalfClosure
        )
        try self.server.pipeline.syncOperations.addHandlers([serverHandler, self.serverSide])
        try self.client.pipeline.syncOperations.addHandlers([clientHandler, self.clientSide])
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 5061)
        self.server.connect(to: address, promise: nil)
        self.client.connect(to: address, promise: nil)
    }

    deinit {
        _ = try? self.client.finish(acceptAlreadyClosed: true)
        _ = try? self.server.finish(acceptAlreadyClosed: true)
    }

    /// Carries bytes both ways until nothing moves any more.
    func run() throws {
        while true {
            self.loop.run()
            let up = try self.carry(from: self.client, to: self.server)
            let down = try self.carry(from: self.server, to: self.client)
            if up.isEmpty && down.isEmpty { return }
            self.wire.up += up
            self.wire.down += down
        }
    }

    private func carry(from source: EmbeddedChannel, to sink: EmbeddedChannel) throws -> [UInt8] {
        var carried: [UInt8] = []
        while var buffer = try source.readOutbound(as: ByteBuffer.self) {
            self.damage?(&buffer)
            carried += Array(buffer.readableBytesView)
            while buffer.readableBytes > 0, sink.isActive {
                let piece = buffer.readSlice(length: min(self.chunk ?? buffer.readableBytes, buffer.readableBytes))
                sink.pipeline.fireChannelRead(piece ?? ByteBuffer())
                sink.pipeline.fireChannelReadComplete()
                self.loop.run()
            }
        }
        return carried
    }
}
