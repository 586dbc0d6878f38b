// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPDNS
import SIPLocation
import TestSupport
import Testing

/// One question to a server on loopback, as bytes, without a resolver in between.
enum Asking {
    static func datagram(
        _ question: DNSQuestion,
        port: UInt16,
        withEDNS: Bool = true,
        wantsDNSSEC: Bool = false
    ) async throws -> DNSMessageCodec.Response {
        let query = try #require(
            DNSMessageCodec.query(question, id: 4711, withEDNS: withEDNS, wantsDNSSEC: wantsDNSSEC)
        )
        let bytes = try await UDPExchange.send(query, host: "127.0.0.1", port: Int(port))
        return try #require(DNSMessageCodec.response(bytes))
    }

    /// Sends all questions in one write, and collects the answers by their ids, which count from 0.
    static func stream(_ questions: [DNSQuestion], port: UInt16) async throws -> [UInt16: DNSMessageCodec.Response] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: [UInt16: DNSMessageCodec.Response].self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(DNSStreamDecoder(limit: 65_535)),
                        Collector(count: questions.count, promise: promise)
                    )
                }
            }
            .connect(host: "127.0.0.1", port: Int(port)).get()
        var bytes = ByteBuffer()
        for (id, question) in questions.enumerated() {
            let query = try #require(DNSMessageCodec.query(question, id: UInt16(id), withEDNS: true))
            bytes.writeImmutableBuffer(DNSStreamDecoder.framed(query))
        }
        try await channel.writeAndFlush(bytes)
        loop.scheduleTask(in: .seconds(5)) { promise.fail(TestSupportError("no answers in 5 s")) }
        let answers = try await promise.futureResult.get()
        try await channel.close()
        return answers
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let count: Int
        private let promise: EventLoopPromise<[UInt16: DNSMessageCodec.Response]>
        private var answers: [UInt16: DNSMessageCodec.Response] = [:]

        init(count: Int, promise: EventLoopPromise<[UInt16: DNSMessageCodec.Response]>) {
            self.count = count
            self.promise = promise
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let response = DNSMessageCodec.response(unwrapInboundIn(data)) else { return }
            answers[response.id] = response
            if answers.count == count { promise.succeed(answers) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            promise.fail(TestSupportError("closed after \(answers.count) of \(count) answers"))
        }
    }
}

extension DNSMessageCodec {
    /// The bytes of a query, with EDNS or without.
    static func query(
        _ question: DNSQuestion,
        id: UInt16,
        withEDNS: Bool,
        wantsDNSSEC: Bool = false
    ) -> ByteBuffer? {
        var options = QueryOptions()
        (options.usesEDNS, options.wantsDNSSEC) = (withEDNS, wantsDNSSEC)
        return query(question, id: id, options)
    }
}
