// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

/// What happens to data once a connection is established, and how it ends.
@Suite("TLS data and closing")
struct DataTests {
    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private func pair(_ version: TLSVersion = .tls13, allowsHalfClosure: Bool = false) throws -> ChannelPair {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.server, version: version))
        let client = try TLSContext(
            clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true, version: version)
        )
        let pair = try ChannelPair(server: server, client: client, allowsHalfClosure: allowsHalfClosure)
        try pair.run()
        #expect(pair.clientSide.outcome != nil && pair.serverSide.outcome != nil)
        return pair
    }

    /// Bytes that do not repeat within a record.
    private func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    @Test(
        "One mebibyte goes both ways unchanged, in pieces of any size",
        arguments: TLSVersion.modern,
        [nil, 1460]
    )
    func large(version: TLSVersion, chunk: Int?) throws {
        let pair = try self.pair(version)
        pair.chunk = chunk
        let up = self.pattern(1 << 20)
        let down = Array(up.reversed())
        pair.client.writeAndFlush(ByteBuffer(bytes: up), promise: nil)
        pair.server.writeAndFlush(ByteBuffer(bytes: down), promise: nil)
        try pair.run()
        #expect(pair.serverSide.received == up && pair.clientSide.received == down)
    }

    @Test("Data arrives byte by byte", arguments: TLSVersion.modern)
    func byByte(version: TLSVersion) throws {
        let pair = try self.pair(version)
        pair.chunk = 1
        let data = self.pattern(3000)
        pair.client.writeAndFlush(ByteBuffer(bytes: data), promise: nil)
        try pair.run()
        #expect(pair.serverSide.received == data)
    }

    @Test(
        "OVL-46: records of one byte each cost one read upwards for all that came together",
        arguments: TLSVersion.modern
    )
    func tinyRecords(version: TLSVersion) throws {
        let pair = try self.pair(version)
        var wire = ByteBuffer()
        for byte in self.pattern(5000) {
            pair.client.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil)
            while var sent = try pair.client.readOutbound(as: ByteBuffer.self) { wire.writeBuffer(&sent) }
        }
        let reads = pair.serverSide.reads
        pair.server.pipeline.fireChannelRead(wire)
        #expect(pair.serverSide.received == self.pattern(5000) && pair.serverSide.reads == reads + 1)
    }

    @Test("Writes before one flush become one record and one write; promises are kept")
    func coalescing() throws {
        let pair = try self.pair()
        let promises = (0..<3).map { _ in pair.loop.makePromise(of: Void.self) }
        for promise in promises { pair.client.write(ByteBuffer(repeating: 0x41, count: 500), promise: promise) }
        #expect(try pair.client.readOutbound(as: ByteBuffer.self) == nil)
        pair.client.flush()
        let sent = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        #expect(sent.readableBytes == 1500 + 22)
        #expect(try pair.client.readOutbound(as: ByteBuffer.self) == nil)
        for promise in promises { try promise.futureResult.wait() }
        pair.server.pipeline.fireChannelRead(sent)
        #expect(pair.serverSide.received.count == 1500 && pair.serverSide.reads == 1)
    }

    @Test("Several records in one read go up as one buffer")
    func oneRead() throws {
        let pair = try self.pair()
        var wire = ByteBuffer()
        for _ in 0..<10 {
            pair.client.writeAndFlush(ByteBuffer(repeating: 0x42, count: 100), promise: nil)
            var sent = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
            wire.writeBuffer(&sent)
        }
        pair.server.pipeline.fireChannelRead(wire)
        #expect(pair.serverSide.received.count == 1000 && pair.serverSide.reads == 1)
    }

    @Test("What waits before the handshake leaves after it, in order, when it was flushed")
    func waitsForHandshake() throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.server))
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let pair = try ChannelPair(server: server, client: client)
        let promise = pair.loop.makePromise(of: Void.self)
        pair.client.write(ByteBuffer(string: "one "), promise: promise)
        pair.client.write(ByteBuffer(string: "two"), promise: nil)
        pair.client.flush()
        pair.client.write(ByteBuffer(string: " three"), promise: nil)
        try pair.run()
        try promise.futureResult.wait()
        pair.client.flush()
        try pair.run()
        #expect(pair.serverSide.received == Array("one two three".utf8))
    }

    @Test("An empty write keeps its promise")
    func emptyWrite() throws {
        let pair = try self.pair()
        let promise = pair.loop.makePromise(of: Void.self)
        pair.client.writeAndFlush(ByteBuffer(), promise: promise)
        try promise.futureResult.wait()
    }

    @Test("A close says close_notify, and the other side closes too (TLS-33)", arguments: TLSVersion.modern)
    func fairClose(version: TLSVersion) throws {
        let pair = try self.pair(version)
        pair.client.writeAndFlush(ByteBuffer(string: "last"), promise: nil)
        pair.client.close(promise: nil)
        try pair.run()
        #expect(pair.serverSide.received == Array("last".utf8) && pair.serverSide.sawInputClosed)
        #expect(!pair.client.isActive && !pair.server.isActive)
        #expect(pair.serverSide.failures.isEmpty && pair.clientSide.failures.isEmpty)
    }

    @Test("After a close_notify nothing can be written")
    func writeAfterClose() throws {
        let pair = try self.pair()
        pair.client.close(promise: nil)
        let promise = pair.loop.makePromise(of: Void.self)
        pair.client.writeAndFlush(ByteBuffer(string: "late"), promise: promise)
        #expect(throws: ChannelError.ioOnClosedChannel) { try promise.futureResult.wait() }
    }

    @Test("An end without close_notify is reported as truncated (TLS-35)")
    func truncated() throws {
        let pair = try self.pair()
        pair.server.pipeline.fireChannelInactive()
        #expect(pair.serverSide.failures.map(\.reason) == [.truncated])
    }

    @Test("What comes after a close_notify is not passed on")
    func afterCloseNotify() throws {
        let pair = try self.pair(allowsHalfClosure: true)
        pair.client.writeAndFlush(ByteBuffer(string: "extra"), promise: nil)
        let extra = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        pair.client.close(promise: nil)
        try pair.run()
        pair.server.pipeline.fireChannelRead(extra)
        #expect(pair.serverSide.received.isEmpty)
    }

    @Test(
        "A damaged record ends the connection, and what came before it is kept",
        arguments: TLSVersion.modern
    )
    func damagedRecord(version: TLSVersion) throws {
        let pair = try self.pair(version)
        pair.client.writeAndFlush(ByteBuffer(string: "good"), promise: nil)
        var wire = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        pair.client.writeAndFlush(ByteBuffer(string: "evil"), promise: nil)
        var damaged = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        damaged.setInteger(
            UInt8(0xFF) ^ (damaged.getInteger(at: damaged.writerIndex - 1) ?? 0),
            at: damaged.writerIndex - 1
        )
        wire.writeBuffer(&damaged)
        pair.server.pipeline.fireChannelRead(wire)
        #expect(pair.serverSide.received == Array("good".utf8))
        #expect(pair.serverSide.failures.map(\.reason) == [.protocolViolation] && !pair.server.isActive)
        let alert = try #require(try pair.server.readOutbound(as: ByteBuffer.self))
        pair.client.pipeline.fireChannelRead(alert)
        #expect(pair.clientSide.failures.map(\.reason) == [.peerAlert])
    }

    @Test("Closing from inside an event of the handler does no harm")
    func reentrantClose() throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.server))
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.all.store.authority, verify: true))
        let pair = try ChannelPair(server: server, client: client)
        pair.serverSide.onOutcome = { $0.close(promise: nil) }
        pair.client.writeAndFlush(ByteBuffer(string: "hello"), promise: nil)
        try pair.run()
        #expect(!pair.server.isActive && !pair.client.isActive && pair.serverSide.received.isEmpty)
    }
}
