// SPDX-License-Identifier: Apache-2.0

import EdgeTLS
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport

/// A client over TLS that sends whatever it is given, and keeps what comes back.
final class RawClient: Sendable {
    private let channel: any Channel
    private let received: NIOLockedValueBox<ByteBuffer>

    /// - Parameter leaf: what it shows when it is asked for a certificate.
    static func connect(
        _ edge: EdgeText,
        port: Int? = nil,
        showing leaf: TestCertificates.Leaf? = nil
    ) async throws -> RawClient {
        let received = NIOLockedValueBox(ByteBuffer())
        let secure = try Caller.secure(edge, showing: leaf)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try secure(channel.pipeline.syncOperations)
                    try channel.pipeline.syncOperations.addHandler(
                        ByteRecorder { bytes in
                            _ = received.withLockedValue { $0.writeImmutableBuffer(bytes) }
                        }
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port ?? edge.port).get()
        return RawClient(channel, received)
    }

    /// So many of them, some at a time.
    static func connect(_ edge: EdgeText, count: Int) async throws -> [RawClient] {
        var clients: [RawClient] = []
        while clients.count < count {
            let next = min(20, count - clients.count)
            clients += try await withThrowingTaskGroup(of: RawClient.self) { group in
                for _ in 0..<next {
                    group.addTask {
                        let client = try await connect(edge)
                        guard try await client.ping() else { throw TestSupportError("no answer") }
                        return client
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        return clients
    }

    private init(_ channel: any Channel, _ received: NIOLockedValueBox<ByteBuffer>) {
        self.channel = channel
        self.received = received
    }

    /// What has come, as messages.
    var answers: [Rows] { Rows.messages(in: received.withLockedValue { $0 }).whole.map { Rows($0) } }

    /// The statuses of the final responses that have come.
    var finals: [Int] {
        answers.compactMap { Int($0.startLine.dropFirst("SIP/2.0 ".count).prefix(3)) }.filter { $0 >= 200 }
    }

    /// How often a text stands in what has come.
    func count(of text: String) -> Int {
        String(buffer: received.withLockedValue { $0 }).components(separatedBy: text).count - 1
    }

    /// Sends bytes in one write.
    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }

    /// Asks the edge itself for a sign of life, which hops that end here do (PRX-11), and waits for it: everything that
    /// came before has been dealt with then.
    func ping() async throws -> Bool {
        let before = finals.count
        let text = """
            OPTIONS sip:ping@example.test SIP/2.0\r
            Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK\(UInt64.random(in: .min ... .max));rport\r
            Max-Forwards: 0\r
            From: <sip:ping@example.test>;tag=1\r
            To: <sip:ping@example.test>\r
            Call-ID: \(UInt64.random(in: .min ... .max))@ping.test\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r\n
            """
        try await send(ByteBuffer(string: text))
        return await Waiting.until(within: .seconds(5)) { self.finals.count > before }
    }

    /// Whether the edge has not closed the connection.
    var isOpen: Bool { channel.isActive }

    /// Ends the connection as a cable does, without the word that TLS has for it.
    func cut() async throws {
        let channel = channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.context(handlerType: TLSHandler.self).close(promise: nil)
        }.get()
    }

    func close() async { try? await channel.close() }
}
