// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

/// A server that connects to the edge over TLS, offers the connection for requests, and answers those that come on it.
final class OfferingServer: Sendable {
    private struct State {
        var requests: [String] = []
        var answers = 0
        var isClosed = false
    }

    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    /// - Parameter status: what it answers requests with.
    static func connect(_ port: Int, _ tls: TLSContext, status: UInt16 = 200) async throws -> OfferingServer {
        let state = NIOLockedValueBox(State())
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let role = TLSRole.client(serverName: nil, identity: .none)
                    let handler = TLSHandler(context: tls, role: role, handshakeDeadline: .seconds(5))
                    try channel.pipeline.syncOperations.addHandler(handler)
                    try channel.pipeline.syncOperations.addHandler(Handler(state, status))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return OfferingServer(channel, state)
    }

    private init(_ channel: any Channel, _ state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    /// The requests that came.
    var requests: [String] { state.withLockedValue { $0.requests } }

    /// Offers the connection for requests to that port of this host, in a request that the edge answers itself.
    func offer(for port: Int) async throws {
        let before = state.withLockedValue { $0.answers }
        let id = "offer\(UInt64.random(in: .min ... .max))"
        let text = Wire.options(id).replacing("TCP 127.0.0.1:9", with: "TLS core.example.test:\(port);alias")
            .replacing("Max-Forwards: 70", with: "Max-Forwards: 0")
        try await channel.writeAndFlush(ByteBuffer(string: text))
        let isAnswered = await Waiting.until(within: .seconds(5)) {
            self.state.withLockedValue { $0.answers > before || $0.isClosed }
        }
        guard isAnswered else { throw TestSupportError("the edge did not answer") }
    }

    func close() async throws { try await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let state: NIOLockedValueBox<State>
        private let status: UInt16
        private var framer = StreamFramer(limits: MessageLimits())

        init(_ state: NIOLockedValueBox<State>, _ status: UInt16) {
            self.state = state
            self.status = status
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            framer.append(unwrapInboundIn(data))
            while case .message(let bytes) = framer.next() {
                let outcome = MessageParser.parse(bytes, framing: .stream, limits: MessageLimits())
                guard case .message(let message) = outcome, message.isRequest else {
                    state.withLockedValue { $0.answers += 1 }
                    continue
                }
                state.withLockedValue { $0.requests.append(String(buffer: bytes)) }
                guard message.method != .ack else { continue }
                let response = ResponseWriter.response(
                    to: message,
                    status: status,
                    reason: "Answer",
                    tag: 1,
                    source: nil
                )
                context.writeAndFlush(wrapOutboundOut(response), promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { state.withLockedValue { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
