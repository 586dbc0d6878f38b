// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Waits for the datagram that answers: from the server that was asked, with the id and the question (RFC 5452 section
/// 9).
///
/// Others are ignored, so a forger gains nothing by being first. An error of the socket ends the wait: it is connected,
/// so that one comes when nobody listens there.
final class DatagramAnswers: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let expected: ExpectedAnswer
    private let server: SocketAddress
    private let promise: EventLoopPromise<DNSMessageCodec.Response>

    init(
        _ expected: ExpectedAnswer,
        from server: SocketAddress,
        promise: EventLoopPromise<DNSMessageCodec.Response>
    ) {
        self.expected = expected
        self.server = server
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard envelope.remoteAddress == server, let response = DNSMessageCodec.response(envelope.data),
            expected.accepts(response)
        else { return }
        promise.succeed(response)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
}

/// Waits for the answer on a TCP connection, where two octets of length come before each message (RFC 1035 section
/// 4.2.2).
final class StreamAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let expected: ExpectedAnswer
    private let promise: EventLoopPromise<DNSMessageCodec.Response>
    private var received = ByteBuffer()

    init(_ expected: ExpectedAnswer, promise: EventLoopPromise<DNSMessageCodec.Response>) {
        self.expected = expected
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        guard let length: UInt16 = received.getInteger(at: received.readerIndex),
            received.readableBytes >= Int(length) + 2,
            let message = received.getSlice(at: received.readerIndex + 2, length: Int(length))
        else { return }
        guard let response = DNSMessageCodec.response(message), expected.accepts(response) else {
            return promise.fail(DNSExchange.ExchangeFailure.malformed)
        }
        promise.succeed(response)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(DNSExchange.ExchangeFailure.closed) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
}
