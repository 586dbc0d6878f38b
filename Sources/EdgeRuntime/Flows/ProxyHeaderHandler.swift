// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import ProxyProtocol

/// Takes the PROXY protocol header off a connection, before TLS and before anything else is set up for it (TRN-68).
final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Why no header was had.
    enum Failure: Sendable, Hashable {
        case invalid(ProxyHeaderFault)
        case timeout
    }

    private let versions: Set<ProxyProtocolVersion>
    private let limit: TimeAmount
    /// Sets up what comes behind it, now that it is known whose connection it is.
    private let accept: (ProxyHeader) -> Void
    private let refuse: (Failure) -> Void
    private var bytes = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var isDone = false

    /// - Parameters:
    ///   - versions: those that are accepted.
    ///   - limit: the time that the header may take.
    ///   - accept: called once, when the header has come.
    ///   - refuse: called once instead, before the connection is closed; not when the other side closes it.
    init(
        _ versions: Set<ProxyProtocolVersion>,
        within limit: TimeAmount,
        accept: @escaping (ProxyHeader) -> Void,
        refuse: @escaping (Failure) -> Void
    ) {
        self.versions = versions
        self.limit = limit
        self.accept = accept
        self.refuse = refuse
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: limit) {
            let (handler, context) = bound.value
            handler.fail(.timeout, context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return context.fireChannelRead(data) }
        var read = unwrapInboundIn(data)
        bytes.writeBuffer(&read)
        switch ProxyHeaderReader.read(bytes, versions) {
        case .needMore: return
        case .invalid(let fault): fail(.invalid(fault), context)
        case .header(let header): pass(header, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isDone = true
        deadline?.cancel()
        context.fireChannelInactive()
    }

    private func pass(_ header: ProxyHeader, _ context: ChannelHandlerContext) {
        isDone = true
        deadline?.cancel()
        accept(header)
        // It may have been refused for its source.
        guard context.channel.isActive else { return }
        bytes.moveReaderIndex(forwardBy: header.length)
        let rest = bytes
        bytes = ByteBuffer()
        if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func fail(_ failure: Failure, _ context: ChannelHandlerContext) {
        guard !isDone else { return }
        isDone = true
        deadline?.cancel()
        bytes = ByteBuffer()
        refuse(failure)
        context.close(promise: nil)
    }
}

/// Says at the beginning of a connection to a backend that it is the edge's own (TRN-70).
///
/// It stands in front of TLS, whose ClientHello follows.
final class LocalProxyHeaderHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        var header = context.channel.allocator.buffer(capacity: 16)
        ProxyHeaderWriter.local(into: &header)
        context.writeAndFlush(wrapOutboundOut(header), promise: nil)
        context.fireChannelActive()
    }
}
