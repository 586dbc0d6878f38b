// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTP1

/// One HTTP request on a connection of its own, and its response.
struct HTTPExchange: Sendable {
    /// What came back.
    struct Reply: Sendable {
        let status: Int
        let body: ByteBuffer
    }

    /// The response is longer than was allowed.
    struct TooLong: Error, CustomStringConvertible {
        let description: String
    }

    let method: HTTPMethod
    let path: String
    let host: String
    var contentType: String?
    var body = ByteBuffer()
    /// Bytes that the response may have.
    var limit = Int.max

    /// Makes a connection that is about to open carry it.
    func addHandlers(
        to pipeline: ChannelPipeline.SynchronousOperations,
        _ promise: EventLoopPromise<Reply>
    ) throws {
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(HTTPExchangeHandler(self, promise))
    }

    var head: HTTPRequestHead {
        var headers: HTTPHeaders = [
            "host": host, "connection": "close", "content-length": "\(body.readableBytes)",
        ]
        if let contentType { headers.add(name: "content-type", value: contentType) }
        return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
    }
}

/// Sends the request and collects its response.
private final class HTTPExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let exchange: HTTPExchange
    private let promise: EventLoopPromise<HTTPExchange.Reply>
    private var status = 0
    private var body = ByteBuffer()

    init(_ exchange: HTTPExchange, _ promise: EventLoopPromise<HTTPExchange.Reply>) {
        self.exchange = exchange
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
        if exchange.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(exchange.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let part):
            guard body.readableBytes + part.readableBytes <= exchange.limit else {
                let words = "the response has more than \(exchange.limit) bytes"
                promise.fail(HTTPExchange.TooLong(description: words))
                return context.close(promise: nil)
            }
            body.writeImmutableBuffer(part)
        case .end:
            promise.succeed(HTTPExchange.Reply(status: status, body: body))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
}
