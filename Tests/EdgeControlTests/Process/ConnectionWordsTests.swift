// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import SIPDNS
import TestSupport
import Testing

@testable import EdgeControl

@Suite("What commands say of connections that came to nothing", .timeLimit(.minutes(1)))
struct ConnectionWordsTests {
    private let group = MultiThreadedEventLoopGroup.singleton

    private func explanation(_ target: String, named server: String? = nil) async throws -> String {
        var check = try #require(TLSCheck(target: target))
        check.timeout = .seconds(1)
        if let server {
            check.lookup = ResolutionReport.Options(target: target)
            check.lookup?.server = server
        }
        let report = try await check.run()
        #expect(report.exitStatus == 2)
        let last = try #require(report.lines.last)
        #expect(!last.contains("errno") && !last.contains("descriptor") && !last.contains("Failure("), "\(last)")
        return try #require(report.explanation)
    }

    /// A server that takes connections and does the same with the first bytes of each.
    private func server(_ answer: @escaping @Sendable (any Channel) -> Void) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstBytes(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
    }

    @Test("A closed port refuses the connection")
    func refused() async throws {
        #expect(try await explanation("127.0.0.1:\(FreePort.next())") == "connection refused")
    }

    @Test("A server that closes, one that keeps silent and one that answers in clear text are no TLS servers")
    func plain() async throws {
        let rows: [(answer: @Sendable (any Channel) -> Void, words: String)] = [
            ({ $0.close(promise: nil) }, "closed the connection in the handshake; is it TLS?"),
            ({ _ in }, "did not answer within 1 s in the handshake; is it TLS?"),
            (
                { $0.writeAndFlush(ByteBuffer(string: "SIP/2.0 400 Bad Request\r\n\r\n"), promise: nil) },
                "what the peer sends is not TLS"
            ),
        ]
        for row in rows {
            let server = try await server(row.answer)
            let port = try #require(server.localAddress?.port)
            let words = try await explanation("127.0.0.1:\(port)")
            #expect(words.hasPrefix(row.words), "\(words)")
            try await server.close()
        }
    }

    @Test("A name that DNS does not know, and one that it knows no address of")
    func names() async throws {
        let zone = """
            $ORIGIN words.example.test.
            $TTL 300
            @ IN SOA ns.words.example.test. hostmaster.example.test. ( 1 3600 600 86400 120 )
              IN NS ns
            ns IN A 127.0.0.1

            """
        let source = ZoneSource.text(zone, name: "words.zone")
        let names = try await ZoneServer.start([source], port: UInt16(FreePort.next()), loop: group.next())
        let server = "127.0.0.1:\(names.port)"
        #expect(try await explanation("nobody.words.example.test", named: server) == "no such name")
        #expect(try await explanation("words.example.test", named: server) == "the name has no address")
        await names.stop()
    }

    @Test("The admin socket: nobody there, a path that is too long, something else behind it")
    func socket() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("else.sock")
        let rows = [
            (directory.file("none.sock"), "(no such file or directory)"),
            ("/" + String(repeating: "a", count: 200), "(the path is too long for a socket)"),
            (path, "is it Brana?"),
        ]
        let other = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstBytes { $0.close(promise: nil) })
                }
            }
            .bind(unixDomainSocketPath: path)
            .get()
        for (socket, words) in rows {
            do {
                _ = try await AdminClient(socket: socket).get("/api/v1/status")
                Issue.record("\(socket) answered")
            } catch {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
        try await other.close()
    }
}

/// Does something when the first bytes have come.
private final class FirstBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: @Sendable (any Channel) -> Void

    init(_ answer: @escaping @Sendable (any Channel) -> Void) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { answer(context.channel) }
}
