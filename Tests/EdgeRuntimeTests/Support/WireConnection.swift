// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SIPMessage
import TestSupport

/// One TCP connection as a test drives it: bytes out, and everything that came back.
final class WireConnection: Sendable {
    private struct State {
        var received = ""
        var isClosed = false
        var failure: String?
    }

    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - header: bytes that are sent together with the first others, before TLS.
    ///   - staysOpen: whether it does not close when the edge says that nothing follows.
    ///   - tls: by what the edge is trusted; nil: in clear text.
    static func connect(
        _ port: Int,
        of host: String = "127.0.0.1",
        from source: String = "127.0.0.1",
        header: [UInt8] = [],
        staysOpen: Bool = false,
        tls: TLSContext? = nil
    ) async throws -> WireConnection {
        let state = NIOLockedValueBox(State())
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(to: SocketAddress(ipAddress: source, port: 0))
            .channelOption(.allowRemoteHalfClosure, value: staysOpen)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if !header.isEmpty { try channel.pipeline.syncOperations.addHandler(Preamble(header)) }
                    if let tls {
                        let role = TLSRole.client(serverName: nil, identity: .none)
                        let handler = TLSHandler(context: tls, role: role, handshakeDeadline: .seconds(5))
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Recorder(state))
                }
            }
            .connect(host: host, port: port).get()
        return WireConnection(channel, state)
    }

    private init(_ channel: any Channel, _ state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    var text: String { state.withLockedValue { $0.received } }
    var isClosed: Bool { state.withLockedValue { $0.isClosed } }
    /// Why it broke; nil while it has not, and when it was closed as it should be.
    var failure: String? { state.withLockedValue { $0.failure } }

    func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

    func send(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }

    /// Reads nothing more, as a peer whose process hangs.
    func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

    /// Waits until `part` has come so many times.
    func wait(for part: String, times: Int = 1, within limit: Duration = .seconds(5)) async -> Bool {
        await Waiting.until(within: limit) { self.text.ranges(of: part).count >= times }
    }

    func waitUntilClosed(within limit: Duration = .seconds(5)) async -> Bool {
        await Waiting.until(within: limit) { self.isClosed }
    }

    func close() async throws { try await channel.close() }

    /// Sends nothing more, and still reads.
    func closeOutput() async throws { try await channel.close(mode: .output).get() }

    /// Puts bytes in front of the first write.
    private final class Preamble: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var header: [UInt8]

        init(_ header: [UInt8]) {
            self.header = header
        }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            var bytes = ByteBuffer(bytes: header)
            header = []
            bytes.writeImmutableBuffer(unwrapOutboundIn(data))
            context.write(wrapOutboundOut(bytes), promise: promise)
        }
    }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let state: NIOLockedValueBox<State>

        init(_ state: NIOLockedValueBox<State>) {
            self.state = state
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            state.withLockedValue { $0.received += text }
        }

        func channelInactive(context: ChannelHandlerContext) { state.withLockedValue { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            state.withLockedValue { $0.failure = "\(error)" }
            context.close(promise: nil)
        }
    }
}

/// Requests as text.
enum Wire {
    /// The response to a request that came as text.
    static func answer(to text: String, _ status: UInt16 = 200, _ reason: String = "OK") throws -> String {
        let outcome = MessageParser.parse(ByteBuffer(string: text), framing: .datagram, limits: MessageLimits())
        guard case .message(let request) = outcome else { throw TestSupportError("not a request: \(text)") }
        return String(buffer: ResponseWriter.response(to: request, status: status, reason: reason, tag: 1, source: nil))
    }

    static func options(_ id: String, body: String = "", extra: String = "") -> String {
        request("OPTIONS", id, body: body, extra: extra)
    }

    /// A request; with `tag`, one within a dialog.
    static func request(
        _ method: String,
        _ id: String,
        body: String = "",
        extra: String = "",
        tag: String? = nil
    )
        -> String
    {
        """
        \(method) sip:test@example.test SIP/2.0\r
        Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(id)\(tag == nil ? "" : "-\(method)");rport\r
        Max-Forwards: 70\r
        From: <sip:a@example.test>;tag=\(id)\r
        To: <sip:test@example.test>\(tag.map { ";tag=\($0)" } ?? "")\r
        Call-ID: \(id)@wire.test\r
        CSeq: 1 \(method)\r
        \(extra)Content-Length: \(body.utf8.count)\r
        \r
        \(body)
        """
    }
}
