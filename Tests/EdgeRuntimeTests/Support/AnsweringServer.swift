// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

/// A backend over TCP or TLS that answers every request with 200, or is silent, and keeps what it received.
final class AnsweringServer: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var messages: [ByteBuffer] = []
        var received: [String] = []
        var byConnection: [[String]] = []
        var isReading = true
        var connections: [any Channel] = []
    }

    let port: Int
    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    /// - Parameter receiveBuffer: bytes that the kernel takes in for it; nil for the system's choice.
    static func start(
        isSilent: Bool = false,
        host: String = "127.0.0.1",
        port wanted: Int? = nil,
        receiveBuffer: Int? = nil,
        tls: TLSContext? = nil
    ) async throws -> AnsweringServer {
        let state = NIOLockedValueBox(State())
        let port = try wanted ?? FreePort.next()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (number, isReading) = state.withLockedValue { state in
                        state.connections.append(channel)
                        state.byConnection.append([])
                        return (state.connections.count - 1, state.isReading)
                    }
                    if let tls {
                        let handler = TLSHandler(context: tls, role: .server, handshakeDeadline: .seconds(5))
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(state, number, isSilent: isSilent))
                    try channel.syncOptions?.setOption(.autoRead, value: isReading)
                }
            }
        // What is accepted inherits it.
        if let receiveBuffer {
            _ = bootstrap.serverChannelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        let channel = try await bootstrap.bind(host: host, port: port).get()
        return AnsweringServer(port, channel, state)
    }

    private init(_ port: Int, _ channel: any Channel, _ state: NIOLockedValueBox<State>) {
        self.port = port
        self.channel = channel
        self.state = state
    }

    /// All bytes that came, of all connections.
    var bytes: [UInt8] { state.withLockedValue { $0.bytes } }
    /// The requests that came, whole.
    var received: [String] { state.withLockedValue { $0.received } }
    /// The same as they came.
    var messages: [ByteBuffer] { state.withLockedValue { $0.messages } }
    /// The same, apart by the connections that they came on.
    var receivedByConnection: [[String]] { state.withLockedValue { $0.byConnection } }
    var connectionCount: Int { state.withLockedValue { $0.connections.count } }

    /// Stops to read, on every connection that is and will be, as a process that hangs; or goes on.
    func setReading(_ isReading: Bool) async throws {
        let connections = state.withLockedValue { state in
            state.isReading = isReading
            return state.connections
        }
        for connection in connections { try await connection.setOption(.autoRead, value: isReading).get() }
    }

    /// Answers a request that came, once more or by hand, on its connection.
    func answer(_ index: Int, _ status: UInt16, _ reason: String) async throws {
        let (text, place) = state.withLockedValue { state in
            let text = state.received[index]
            return (text, state.byConnection.firstIndex { $0.contains(text) } ?? 0)
        }
        let outcome = MessageParser.parse(ByteBuffer(string: text), framing: .stream, limits: MessageLimits())
        guard case .message(let request) = outcome else { throw TestSupportError("not a request: \(text)") }
        let bytes = ResponseWriter.response(to: request, status: status, reason: reason, tag: 1, source: nil)
        let connection = state.withLockedValue { $0.connections[place] }
        try await connection.writeAndFlush(bytes)
    }

    /// Sends something of its own on the latest connection.
    func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

    func send(_ bytes: ByteBuffer) async throws {
        guard let connection = state.withLockedValue({ $0.connections.last }) else {
            throw TestSupportError("nobody has connected")
        }
        try await connection.writeAndFlush(bytes)
    }

    /// Closes every connection with what it has not read, and reads from new ones.
    func closeUnread() async throws {
        state.withLockedValue { $0.isReading = true }
        try await closeConnections()
    }

    /// Closes every connection as it should be, and takes new ones.
    func closeConnections() async throws {
        for connection in state.withLockedValue({ $0.connections }) { try? await connection.close() }
    }

    func stop() async throws {
        try await channel.close()
        try await closeConnections()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let state: NIOLockedValueBox<State>
        private let number: Int
        private let isSilent: Bool
        private var framer = StreamFramer(limits: MessageLimits())

        init(_ state: NIOLockedValueBox<State>, _ number: Int, isSilent: Bool) {
            self.state = state
            self.number = number
            self.isSilent = isSilent
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            state.withLockedValue { $0.bytes += bytes.readableBytesView }
            framer.append(bytes)
            while case .message(let bytes) = framer.next() {
                state.withLockedValue { state in
                    state.messages.append(bytes)
                    state.received.append(String(buffer: bytes))
                    state.byConnection[number].append(String(buffer: bytes))
                }
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
