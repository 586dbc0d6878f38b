// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Speaks to a running edge over its admin socket; what the commands use.
package struct AdminClient: Sendable {
    /// What came back.
    package struct Reply: Sendable {
        package let status: Int
        package let body: String
    }

    /// Nobody answers at the socket.
    package struct Unreachable: Error, CustomStringConvertible {
        package let description: String
    }

    package let socket: String

    package init(socket: String) {
        self.socket = socket
    }

    package func get(_ path: String) async throws -> Reply { try await send(.GET, path) }

    package func post(_ path: String) async throws -> Reply { try await send(.POST, path) }

    private func send(_ method: HTTPMethod, _ path: String) async throws -> Reply {
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.next().makePromise(of: Reply.self)
        let connecting = ClientBootstrap(group: promise.futureResult.eventLoop)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(ReplyHandler(method, path, promise))
                }
            }
            .connect(unixDomainSocketPath: socket)
        connecting.whenFailure { error in
            let hint = "is Brana running, and may you use its socket? --socket names another one"
            promise.fail(Unreachable(description: "cannot reach Brana at \(socket) (\(Self.words(error))); \(hint)"))
        }
        return try await promise.futureResult.get()
    }
}

extension AdminClient {
    /// What went wrong in the system's words alone.
    private static func words(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}

/// Sends one request and collects its response.
private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let method: HTTPMethod
    private let path: String
    private let promise: EventLoopPromise<AdminClient.Reply>
    private var status = 0
    private var body = ByteBuffer()

    init(_ method: HTTPMethod, _ path: String, _ promise: EventLoopPromise<AdminClient.Reply>) {
        self.method = method
        self.path = path
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers: HTTPHeaders = ["host": "brana", "connection": "close", "content-length": "0"]
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let part): body.writeImmutableBuffer(part)
        case .end:
            promise.succeed(AdminClient.Reply(status: status, body: String(buffer: body)))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
}
