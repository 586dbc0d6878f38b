// SPDX-License-Identifier: Apache-2.0

package import NIOCore
internal import NIOPosix
internal import SIPMessage

/// A small SIP server over TCP and UDP that the demonstration and the tests put behind the edge.
///
/// All of it lives on one event loop. What it says is `DemoAnswering`'s; this type holds the sockets. It can be stopped,
/// which closes its listener and cuts its connections, and started again on the same port.
package final class DemoBackend: Sendable {
    private struct State {
        var answering: DemoAnswering
        var listeners: [any Channel] = []
        var connections: [ObjectIdentifier: any Channel] = [:]
    }

    package let name: String
    package let address: String
    package let port: Int
    private let ringing: TimeAmount
    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private init(name: String, address: String, port: Int, ringing: TimeAmount, eventLoop: any EventLoop) {
        self.name = name
        self.address = address
        self.port = port
        self.ringing = ringing
        self.eventLoop = eventLoop
        let host = address.contains(":") ? "[\(address)]" : address
        let answering = DemoAnswering(name: name, contact: "sip:\(name)@\(host):\(port)")
        state = NIOLoopBoundBox.makeBoxSendingValue(State(answering: answering), eventLoop: eventLoop)
    }

    /// A backend that answers on `address` and `port`, TCP and UDP; calls ring for `ringing` first.
    /// - Throws: the system's error when the port is taken.
    package static func start(
        name: String,
        address: String,
        port: Int,
        ringing: TimeAmount = .zero,
        on eventLoop: any EventLoop
    ) async throws -> DemoBackend {
        let backend = DemoBackend(
            name: name,
            address: address,
            port: port,
            ringing: ringing,
            eventLoop: eventLoop
        )
        try await backend.start()
        return backend
    }

    /// Opens the listeners, again after `stop`.
    /// - Throws: the system's error when the port is taken.
    package func start() async throws {
        let stream = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handlers = channel.pipeline.syncOperations
                    try handlers.addHandlers([DemoStreamDecoder(), DemoBackendStreamHandler(self)])
                }
            }
            .bind(host: address, port: port).get()
        let datagrams: any Channel
        do {
            datagrams = try await DatagramBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DemoBackendDatagramHandler(self))
                    }
                }
                .bind(host: address, port: port).get()
        } catch {
            try? await stream.close()
            throw error
        }
        try await onLoop { $0.listeners = [stream, datagrams] }
    }

    /// Closes the listeners and cuts every connection, as a server that dies does.
    package func stop() async {
        let open = try? await onLoop { state in
            defer { (state.listeners, state.connections) = ([], [:]) }
            return state.listeners + state.connections.values
        }
        for channel in open ?? [] { try? await channel.close() }
    }

    /// Changes how requests are answered from now on.
    package func behave(_ behaviour: DemoAnswering.Behaviour) async throws {
        try await onLoop { $0.answering.behaviour = behaviour }
    }

    /// What it has received and knows.
    package func answering() async throws -> DemoAnswering {
        try await onLoop { $0.answering }
    }

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (inout State) -> Value) async throws -> Value {
        try await eventLoop.submit { [state] in body(&state.value) }.get()
    }
}

/// What the handlers call, on the backend's loop.
extension DemoBackend {
    fileprivate func opened(_ channel: any Channel) {
        state.value.connections[ObjectIdentifier(channel)] = channel
    }

    fileprivate func closed(_ channel: any Channel) {
        state.value.connections[ObjectIdentifier(channel)] = nil
    }

    fileprivate func receive(
        _ request: SIPMessage,
        from source: ResponseWriter.Source?,
        reply: @escaping @Sendable (ByteBuffer) -> Void
    ) {
        for action in state.value.answering.receive(request, from: source) {
            switch action {
            case .send(let bytes): reply(bytes)
            case .ring(let key):
                guard ringing > .zero else {
                    if let bytes = state.value.answering.pickUp(key) { reply(bytes) }
                    continue
                }
                eventLoop.assumeIsolated().scheduleTask(in: ringing) { [state] in
                    if let bytes = state.value.answering.pickUp(key) { reply(bytes) }
                }
            }
        }
    }
}

/// One connection to a demonstration backend.
private final class DemoBackendStreamHandler: ChannelInboundHandler {
    typealias InboundIn = SIPMessage

    private let backend: DemoBackend

    init(_ backend: DemoBackend) {
        self.backend = backend
    }

    func channelActive(context: ChannelHandlerContext) {
        backend.opened(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        backend.closed(context.channel)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = context.channel
        backend.receive(unwrapInboundIn(data), from: DemoSource.source(of: context.remoteAddress)) { bytes in
            channel.writeAndFlush(bytes, promise: nil)
        }
    }
}

/// The datagrams of a demonstration backend.
private final class DemoBackendDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let backend: DemoBackend
    private let limits = MessageLimits()

    init(_ backend: DemoBackend) {
        self.backend = backend
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard case .message(let request) = MessageParser.parse(envelope.data, framing: .datagram, limits: limits) else {
            return
        }
        // RFC 3581 section 4: back to where it came from when the sender asked for it, else to the port it names.
        var target = envelope.remoteAddress
        if request.topmostVia.returnPort == .absent { target.port = Int(request.topmostVia.effectivePort) }
        let channel = context.channel
        backend.receive(request, from: DemoSource.source(of: envelope.remoteAddress)) { [target] bytes in
            channel.writeAndFlush(AddressedEnvelope(remoteAddress: target, data: bytes), promise: nil)
        }
    }
}

/// Reads a socket's address as the message writer wants it.
private enum DemoSource {
    static func source(of address: SocketAddress?) -> ResponseWriter.Source? {
        guard
            let address,
            let text = address.ipAddress,
            let value = IPAddress(parsing: text),
            let port = address.port.flatMap(UInt16.init(exactly:))
        else { return nil }
        return ResponseWriter.Source(address: value, text: ByteBuffer(string: text), port: port)
    }
}
