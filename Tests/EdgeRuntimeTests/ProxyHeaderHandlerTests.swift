// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import ProxyProtocol
import SIPMessage
import Testing

@testable import EdgeRuntime

@Suite("The PROXY protocol header in front of a connection")
struct ProxyHeaderHandlerTests {
    private let channel = EmbeddedChannel()
    private let seen = Seen()
    private let line = "PROXY TCP4 203.0.113.7 198.51.100.10 51000 5061\r\n"

    private final class Seen {
        var headers: [ProxyHeader] = []
        var failures: [ProxyHeaderHandler.Failure] = []
    }

    /// What a connection is set up with once its header has come: what it reads and writes is as it came.
    private final class Behind: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
    }

    init() throws {
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.10", port: 40000)).wait()
        let (seen, channel) = (seen, channel)
        let handler = ProxyHeaderHandler(
            [.v1],
            within: .seconds(2),
            accept: { header in
                seen.headers.append(header)
                try? channel.pipeline.syncOperations.addHandler(Behind())
            },
            refuse: { seen.failures.append($0) }
        )
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    @Test("TRN-68: bytes behind the header in the same read belong to the stream, and so does all that follows")
    func rest() throws {
        try channel.writeInbound(ByteBuffer(string: line + "first"))
        try channel.writeInbound(ByteBuffer(string: "second"))
        #expect(seen.headers.map(\.source?.port) == [51000])
        #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "first"))
        #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "second"))
        #expect(throws: ChannelPipelineError.self) {
            _ = try channel.pipeline.syncOperations.handler(type: ProxyHeaderHandler.self)
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(channel.isActive && seen.failures.isEmpty)
    }

    @Test("TRN-65: a header comes byte by byte; nothing else passes before it")
    func pieces() throws {
        for byte in line.utf8 {
            #expect(seen.headers.isEmpty)
            try channel.writeInbound(ByteBuffer(bytes: [byte]))
        }
        #expect(seen.headers.count == 1)
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    }

    @Test("TRN-65, limits.proxy_header_timeout: a header that does not come whole in time ends the connection")
    func deadline() throws {
        try channel.writeInbound(ByteBuffer(string: String(line.prefix(15))))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1999))
        #expect(channel.isActive && seen.failures.isEmpty)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive && seen.failures == [.timeout] && seen.headers.isEmpty)
    }

    @Test("TRN-64: what is no header ends the connection at once")
    func invalid() throws {
        try channel.writeInbound(ByteBuffer(string: "OPTIONS sip:a SIP/2.0\r\n"))
        #expect(!channel.isActive && seen.failures == [.invalid(.signature)] && seen.headers.isEmpty)
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
    }

    @Test("TRN-65: a connection that its front closes before the header is told of to nobody")
    func closed() throws {
        try channel.writeInbound(ByteBuffer(string: "PROXY "))
        try channel.close().wait()
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(seen.headers.isEmpty && seen.failures.isEmpty)
    }
}
