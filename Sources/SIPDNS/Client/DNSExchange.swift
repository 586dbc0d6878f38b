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
    var options = DNSMessageCodec.QueryOptions()
    /// Whether the case of the name is drawn for each query.
    var mixesCase = false

    enum ExchangeFailure: Error {
        case timeout
        case malformed
        case closed
        /// The connection has ended, after it had answered others.
        case dropped
        /// It belongs to settings that are in use no more.
        case retired
    }

    /// Codes by which a server without our EDNS refuses: FORMERR, NOTIMP and BADVERS (RFC 6891 section 7).
    static let codesWithoutEDNS: Set<UInt16> = [1, 4, 16]

    /// The response; an error when there is none in time.
    func run() -> EventLoopFuture<DNSMessageCodec.Response> {
        whole().flatMap { response -> EventLoopFuture<DNSMessageCodec.Response> in
            guard Self.codesWithoutEDNS.contains(response.code) else { return loop.makeSucceededFuture(response) }
            var plain = self
            plain.options.usesEDNS = false
            return plain.whole()
        }
    }

    /// The answer by UDP, or by TCP when that is cut; nothing cut is ever used.
    private func whole() -> EventLoopFuture<DNSMessageCodec.Response> {
        datagram().flatMap { response -> EventLoopFuture<DNSMessageCodec.Response> in
            guard response.isTruncated else { return loop.makeSucceededFuture(response) }
            return stream().flatMapThrowing { response in
                guard !response.isTruncated else { throw ExchangeFailure.malformed }
                return response
            }
        }
    }

    /// A query, and what its answer must repeat.
    private func query() -> (bytes: ByteBuffer, expected: ExpectedAnswer)? {
        let id = UInt16.random(in: .min ... .max)
        guard var bytes = DNSMessageCodec.query(question, id: id, options) else { return nil }
        guard mixesCase else { return (bytes, ExpectedAnswer(id: id, question: question, rawQuestion: nil)) }
        var generator = SystemRandomNumberGenerator()
        DNSMessageCodec.mixCase(of: &bytes, using: &generator)
        let raw = DNSMessageCodec.rawQuestion(of: bytes)
        return (bytes, ExpectedAnswer(id: id, question: question, rawQuestion: raw))
    }

    private func datagram() -> EventLoopFuture<DNSMessageCodec.Response> {
        guard let (bytes, expected) = query() else { return loop.makeFailedFuture(ExchangeFailure.malformed) }
        let promise = loop.makePromise(of: DNSMessageCodec.Response.self)
        let handler = NIOLoopBound(DatagramAnswers(expected, from: server, promise: promise), eventLoop: loop)
        // The socket is connected: only this server's datagrams come in, and a port where nobody listens says so.
        let channel = DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .connect(to: server)
        return exchange(over: channel, promise) { channel in
            channel.writeAndFlush(AddressedEnvelope(remoteAddress: server, data: bytes))
        }
    }

    private func stream() -> EventLoopFuture<DNSMessageCodec.Response> {
        guard let (bytes, expected) = query() else { return loop.makeFailedFuture(ExchangeFailure.malformed) }
        let promise = loop.makePromise(of: DNSMessageCodec.Response.self)
        let handler = NIOLoopBound(StreamAnswers(expected, promise: promise), eventLoop: loop)
        let channel = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .connect(to: server)
        return exchange(over: channel, promise) { channel in channel.writeAndFlush(DNSStreamDecoder.framed(bytes)) }
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
