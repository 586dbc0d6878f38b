// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

/// A backend over TCP that answers every request with 200, or is silent, and keeps what it received.
final class AnsweringServer: Sendable {
    private struct State {
        var received: [String] = []
        var connections: [any Channel] = []
    }

    let port: Int
    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    static func start(
        isSilent: Bool = false,
        host: String = "127.0.0.1",
        port wanted: Int? = nil,
        tls: TLSContext? = nil
    ) async throws -> AnsweringServer {
        let state = NIOLockedValueBox(State())
        let port = try wanted ?? FreePort.next()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    state.withLockedValue { $0.connections.append(channel) }
                    if let tls {
                        let handler = TLSHandler(context: tls, role: .server, handshakeDeadline: .seconds(5))
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(state, isSilent: isSilent))
                }
            }
            .bind(host: host, port: port).get()
        return AnsweringServer(port, channel, state)
    }

    private init(_ port: Int, _ channel: any Channel, _ state: NIOLockedValueBox<State>) {
        self.port = port
        self.channel = channel
        self.state = state
    }

    /// The requests that came, whole.
    var received: [String] { state.withLockedValue { $0.received } }
    var connectionCount: Int { state.withLockedValue { $0.connections.count } }

    func stop() async throws {
        try await channel.close()
        for connection in state.withLockedValue({ $0.connections }) { try? await connection.close() }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let state: NIOLockedValueBox<State>
        private let isSilent: Bool
        private var framer = StreamFramer(limits: MessageLimits())

        init(_ state: NIOLockedValueBox<State>, isSilent: Bool) {
            self.state = state
            self.isSilent = isSilent
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            framer.append(unwrapInboundIn(data))
            while case .message(let bytes) = framer.next() {
                state.withLockedValue { $0.received.append(String(buffer: bytes)) }
                guard !isSilent,
                    case .message(let request) = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits())
                else { continue }
                let response = ResponseWriter.response(to: request, status: 200, reason: "OK", tag: 1, source: nil)
                context.writeAndFlush(wrapOutboundOut(response), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
