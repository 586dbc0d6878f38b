// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPDNS
import SIPMessage
import TestSupport
import Testing

@testable import EdgeControl

@Suite("Asking a responder that has a name", .timeLimit(.minutes(1)))
struct OCSPClientTests {
    /// Answers whatever comes over HTTP.
    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }

    @Test("TLS-20: a responder is asked at its next address when one is not there")
    func addresses() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let loop = group.next()
        let responder = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Responder()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(responder.localAddress?.port)
        let zone = """
            $ORIGIN o.example.test.
            $TTL 300
            @ IN SOA ns.o.example.test. hostmaster.example.test. ( 1 3600 600 86400 120 )
              IN NS ns
            ns IN A 127.0.0.1
            two IN A 127.0.0.9
            two IN A 127.0.0.1
            none IN A 127.0.0.9

            """
        let server = try await ZoneServer.start(
            [.text(zone, name: "o.zone")],
            port: UInt16(try FreePort.next()),
            loop: loop
        )
        let names = DNSServer(.v4(0x7F00_0001), port: UInt16(server.port))
        let client = OCSPClient(group: group, dns: try await DNSClient(loop: loop, settings: .init(servers: [names])))
        #expect(try await client.ask("http://two.o.example.test:\(port)/", [1]) == Array("yes".utf8))
        let none = try? await client.ask("http://none.o.example.test:\(port)/", [1])
        #expect(none == nil)
        await server.stop()
        try await responder.close()
    }
}
