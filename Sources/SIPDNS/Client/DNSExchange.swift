// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix
internal import SIPLocation
internal import SIPMessage

/// One question to one server: UDP from a fresh socket, TCP when the answer is cut, without EDNS when the server does
/// not know it (LOC-66, LOC-67).
struct DNSExchange: Sendable {
    let loop: any EventLoop
    let question: DNSQuestion
    let server: SocketAddress
    let timeout: TimeAmount

    /// The answer; a failure when there is none in time.
    func run() -> EventLoopFuture<DNSAnswer> {
        whole(withEDNS: true).flatMap { response -> EventLoopFuture<DNSMessageCodec.Response> in
            // FORMERR (1), NOTIMP (4) and BADVERS (16) are what a server without our EDNS says.
            [1, 4, 16].contains(response.code)
                ? self.whole(withEDNS: false) : self.loop.makeSucceededFuture(response)
        }
        .map { ResponseReader(question: self.question, server: "\(self.server)").answer(from: $0, now: .now()) }
        .flatMapErrorThrowing { error in
            let kind: DNSAnswer.Failure = (error as? ExchangeFailure) == .bogus ? .bogus : .timeout
            return DNSAnswer(outcome: .failure(kind), timeToLive: .zero, receivedAt: .now(), server: "\(self.server)")
        }
    }

    enum ExchangeFailure: Error {
        case timeout
        case bogus
        case closed
    }

    /// The answer by UDP, or by TCP when that is cut; nothing cut is ever used.
    private func whole(withEDNS: Bool) -> EventLoopFuture<DNSMessageCodec.Response> {
        datagram(withEDNS: withEDNS).flatMap { response -> EventLoopFuture<DNSMessageCodec.Response> in
            guard response.isTruncated else { return self.loop.makeSucceededFuture(response) }
            return self.stream(withEDNS: withEDNS).flatMapThrowing { response in
                guard !response.isTruncated else { throw ExchangeFailure.bogus }
                return response
            }
        }
    }

    private func datagram(withEDNS: Bool) -> EventLoopFuture<DNSMessageCodec.Response> {
        let id = UInt16.random(in: .min ... .max)
        guard let query = DNSMessageCodec.query(question, id: id, withEDNS: withEDNS) else {
            return loop.makeFailedFuture(ExchangeFailure.bogus)
        }
        let promise = loop.makePromise(of: DNSMessageCodec.Response.self)
        let handler = NIOLoopBound(
            DatagramAnswers(id: id, question: question, server: server, promise: promise),
            eventLoop: loop
        )
        let any: SocketAddress.Family = server.protocol == .inet6 ? .six : .four
        let channel = DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .bind(to: any.unspecified)
        return exchange(over: channel, promise) { channel in
            channel.writeAndFlush(AddressedEnvelope(remoteAddress: self.server, data: query))
        }
    }

    private func stream(withEDNS: Bool) -> EventLoopFuture<DNSMessageCodec.Response> {
        let id = UInt16.random(in: .min ... .max)
        guard let query = DNSMessageCodec.query(question, id: id, withEDNS: withEDNS) else {
            return loop.makeFailedFuture(ExchangeFailure.bogus)
        }
        let promise = loop.makePromise(of: DNSMessageCodec.Response.self)
        let handler = NIOLoopBound(StreamAnswers(id: id, question: question, promise: promise), eventLoop: loop)
        let channel = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .connect(to: server)
        return exchange(over: channel, promise) { channel in
            var framed = ByteBuffer()
            framed.writeInteger(UInt16(truncatingIfNeeded: query.readableBytes))
            framed.writeImmutableBuffer(query)
            return channel.writeAndFlush(framed)
        }
    }

    /// Sends once the channel is open, waits for the promise or the timeout, and closes the channel.
    private func exchange(
        over opening: EventLoopFuture<any Channel>,
        _ promise: EventLoopPromise<DNSMessageCodec.Response>,
        send: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<DNSMessageCodec.Response> {
        let deadline = loop.scheduleTask(in: timeout) { promise.fail(ExchangeFailure.timeout) }
        opening.whenFailure { promise.fail($0) }
        return opening.flatMap { channel in
            send(channel).whenFailure { promise.fail($0) }
            return promise.futureResult.always { _ in
                deadline.cancel()
                channel.close(promise: nil)
            }
        }
    }
}

extension SocketAddress {
    /// An address family's wildcard, with a port of the kernel's choice.
    enum Family {
        case four
        case six

        var unspecified: SocketAddress {
            self == .four ? SocketAddress(.v4(0), port: 0) : SocketAddress(.v6(high: 0, low: 0), port: 0)
        }
    }
}
