// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Answers queries that come as datagrams.
final class ZoneDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let service: ZoneService

    init(service: ZoneService) {
        self.service = service
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let query = unwrapInboundIn(data)
        guard let (bytes, delay) = service.respond(to: query.data, overTCP: false) else { return }
        let answer = AddressedEnvelope(remoteAddress: query.remoteAddress, data: bytes)
        guard delay > .zero else { return context.write(wrapOutboundOut(answer), promise: nil) }
        let channel = context.channel
        context.eventLoop.scheduleTask(in: delay) { channel.writeAndFlush(answer, promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    // A datagram that cannot be sent is lost like any other; the asker asks again.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Answers queries on one TCP connection, any number, one behind the other (RFC 7766 section 6.2.1.1).
final class ZoneStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let service: ZoneService
    private var counts = false

    init(service: ZoneService) {
        self.service = service
    }

    func channelActive(context: ChannelHandlerContext) {
        guard service.connections < service.limits.connections else {
            service.report(.connectionRefused(limit: service.limits.connections))
            return context.close(promise: nil)
        }
        counts = true
        service.connections += 1
    }

    func channelInactive(context: ChannelHandlerContext) {
        if counts { service.connections -= 1 }
        counts = false
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard counts, let (bytes, delay) = service.respond(to: unwrapInboundIn(data), overTCP: true) else { return }
        let framed = DNSStreamDecoder.framed(bytes)
        guard delay > .zero else { return context.write(wrapOutboundOut(framed), promise: nil) }
        let channel = context.channel
        context.eventLoop.scheduleTask(in: delay) { channel.writeAndFlush(framed, promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
