// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// A backend over TCP or TLS that takes everything, and answers nothing or all of it with 200: what it was sent is what counts.
final class RecordingBackend: Sendable {
    let port: Int
    private let channel: any Channel
    private let connections: NIOLockedValueBox<[ByteBuffer]>
    private let proven: NIOLockedValueBox<[Int: [String]]>

    static func start(answers: Bool = false, tls: TLSContext? = nil) async throws -> RecordingBackend {
        let connections = NIOLockedValueBox<[ByteBuffer]>([])
        let proven = NIOLockedValueBox<[Int: [String]]>([:])
        let port = try FreePort.next()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let place = connections.withLockedValue { all in
                        all.append(ByteBuffer())
                        return all.count - 1
                    }
                    let unanswered = NIOLockedValueBox(ByteBuffer())
                    let recorder = ByteRecorder { bytes in
                        _ = connections.withLockedValue { $0[place].writeImmutableBuffer(bytes) }
                        guard answers else { return }
                        let (whole, rest) = unanswered.withLockedValue { waiting in
                            waiting.writeImmutableBuffer(bytes)
                            return Rows.messages(in: waiting)
                        }
                        unanswered.withLockedValue { $0 = rest }
                        for message in whole { channel.writeAndFlush(Self.answer(to: message), promise: nil) }
                    }
                    if let tls {
                        let handler = TLSHandler(context: tls, role: .server, handshakeDeadline: .seconds(5))
                        try channel.pipeline.syncOperations.addHandler(handler)
                        recorder.takeHandshake = { completed in
                            proven.withLockedValue { $0[place] = completed.peer?.sipDomains ?? [] }
                        }
                    }
                    try channel.pipeline.syncOperations.addHandler(recorder)
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return RecordingBackend(port, channel, connections, proven)
    }

    private static func answer(to request: ByteBuffer) -> ByteBuffer {
        let rows = Rows(request)
        let kept = ["via", "from", "to", "call-id", "cseq"].flatMap { rows.all($0).map(\.row) }
        let lines = ["SIP/2.0 200 OK"] + kept + ["Content-Length: 0", "", ""]
        return ByteBuffer(string: lines.joined(separator: "\r\n"))
    }

    private init(
        _ port: Int,
        _ channel: any Channel,
        _ connections: NIOLockedValueBox<[ByteBuffer]>,
        _ proven: NIOLockedValueBox<[Int: [String]]>
    ) {
        self.port = port
        self.channel = channel
        self.connections = connections
        self.proven = proven
    }

    /// For each connection that something came on, what the peer's certificate proved and the messages, which stay.
    var byConnection: [(proven: [String], messages: [Rows])] {
        let names = proven.withLockedValue { $0 }
        return connections.withLockedValue { all in
            all.enumerated().map { (names[$0] ?? [], Rows.messages(in: $1).whole.map { Rows($0) }) }
                .filter { !$0.messages.isEmpty }
        }
    }

    /// The messages that came since the last call, connection by connection, and whether bytes are left that are none.
    func take() -> (messages: [ByteBuffer], hasRest: Bool) {
        connections.withLockedValue { all in
            var (messages, hasRest) = ([] as [ByteBuffer], false)
            for place in all.indices {
                let (whole, rest) = Rows.messages(in: all[place])
                messages += whole
                hasRest = hasRest || rest.readableBytes > 0
                all[place] = rest
            }
            return (messages, hasRest)
        }
    }

    func stop() async throws { try await channel.close() }
}

/// Hands on every byte that comes.
final class ByteRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let take: (ByteBuffer) -> Void
    /// Called when TLS stands.
    var takeHandshake: (TLSHandshakeCompleted) -> Void = { _ in }

    init(_ take: @escaping (ByteBuffer) -> Void) {
        self.take = take
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(unwrapInboundIn(data)) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let completed = event as? TLSHandshakeCompleted { takeHandshake(completed) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
