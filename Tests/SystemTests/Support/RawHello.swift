// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import TestSupport

/// A ClientHello as a scanner writes it: whatever suites, and versions that no library of today offers (RFC 8446 section
/// 4.1.2, RFC 5246 section 7.4.1.2).
struct RawHello {
    /// The version of its body, which is the highest wanted below 1.3.
    var version: UInt16 = 0x0303
    var suites: [UInt16]
    /// The versions of the extension; nil: no such extension, and no key share either.
    var versions: [UInt16]?
    /// Compression methods; TLS wants the one that does nothing.
    var compressions: [UInt8] = [0]
    /// Further extensions, as they stand.
    var extensions: [UInt8] = []

    /// Its handshake message.
    var message: [UInt8] {
        var body = Self.two(version) + (0..<32).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) } + [0]
        body += Self.counted(suites.flatMap(Self.two))
        body += [UInt8(compressions.count)] + compressions
        body += Self.counted(allExtensions)
        return [1] + Self.three(body.count) + body
    }

    /// The message in one record.
    var record: [UInt8] { Self.record(22, message) }

    static func record(_ type: UInt8, _ content: [UInt8], version: UInt16 = 0x0301) -> [UInt8] {
        [type] + two(version) + counted(content)
    }

    private var allExtensions: [UInt8] {
        // X25519 and P-256; ECDSA, PSS and PKCS #1 with SHA-256, and SHA-1 for what is old.
        var all = Self.field(10, Self.counted([0x00, 0x1D, 0x00, 0x17]))
        all += Self.field(11, [1, 0])
        all += Self.field(13, Self.counted([4, 3, 8, 4, 4, 1, 2, 3, 2, 1]))
        if let versions {
            let list = versions.flatMap(Self.two)
            all += Self.field(43, [UInt8(list.count)] + list)
            // Any 32 bytes are a key of X25519.
            let share = [0x00, 0x1D] + Self.counted([UInt8](repeating: 9, count: 32))
            all += Self.field(51, Self.counted(share))
        }
        return all + extensions
    }

    static func field(_ type: UInt16, _ content: [UInt8]) -> [UInt8] { two(type) + counted(content) }
    private static func counted(_ content: [UInt8]) -> [UInt8] { two(UInt16(content.count)) + content }
    private static func two(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }
    private static func three(_ number: Int) -> [UInt8] { [0] + two(UInt16(number)) }
}

/// What a server says to raw bytes.
struct RawReply: Equatable, CustomStringConvertible {
    /// The suite that it has chosen.
    var suite: UInt16?
    /// The fatal alert that it has sent.
    var alert: UInt8?
    /// Whether it has closed the connection.
    var isClosed: Bool

    var description: String {
        "suite \(suite.map { "\($0)" } ?? "-") alert \(alert.map { "\($0)" } ?? "-") \(isClosed)"
    }

    /// Sends the bytes on a connection of its own, and waits for a ServerHello or for the end.
    ///
    /// - Parameter leaves: closes the connection at once, and waits for nothing.
    static func to(_ bytes: [UInt8], port: Int, leaves: Bool = false) async throws -> RawReply {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: RawReply.self)
        let limit = loop.scheduleTask(in: .seconds(10)) {
            answer.fail(TestSupportError("neither an answer nor an end"))
        }
        defer { limit.cancel() }
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReplyReader(answer))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        if leaves { channel.close(promise: nil) }
        let reply = try await answer.futureResult.get()
        channel.close(promise: nil)
        return reply
    }

    /// The first record, if it is whole enough.
    fileprivate static func read(_ bytes: [UInt8]) -> RawReply {
        var reply = RawReply(isClosed: false)
        guard bytes.count >= 7 else { return reply }
        if bytes[0] == 21 { reply.alert = bytes[6] }
        // Record, message, version, random; the session's identifier has a length.
        let session = 5 + 4 + 2 + 32
        guard bytes[0] == 22, bytes[5] == 2, bytes.count > session else { return reply }
        let place = session + 1 + Int(bytes[session])
        guard bytes.count > place + 1 else { return reply }
        reply.suite = UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
        return reply
    }
}

/// Collects what comes until it is a ServerHello, or nothing more comes.
private final class ReplyReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<RawReply>
    private var bytes: [UInt8] = []

    init(_ answer: EventLoopPromise<RawReply>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += Array(unwrapInboundIn(data).readableBytesView)
        let reply = RawReply.read(bytes)
        if reply.suite != nil { answer.succeed(reply) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        var reply = RawReply.read(bytes)
        reply.isClosed = true
        answer.succeed(reply)
    }
}
