// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Glibc
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

/// Clients that show session tickets as large as the format lets them, which no server ever gave them.
@Suite("Session tickets of a size that nobody needs")
struct OversizedTicketTests {
    private static let ticket = 16_384

    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    @Test("OVL-46: a ticket of 16 KiB is refused as any other is: a full handshake follows, for little more time")
    func large() throws {
        let context = try TLSContext(serverProfile: TLSProfile(self.all.server))
        _ = try self.handshakes(context, ticket: 32)
        let usual = try self.handshakes(context, ticket: 32)
        let oversized = try self.handshakes(context, ticket: Self.ticket)
        #expect(oversized < usual * 4, "\(usual) ns against \(oversized) ns")
    }

    /// Shows a ticket on 50 connections, one after the other, and gives the processor time of it in nanoseconds.
    private func handshakes(_ context: TLSContext, ticket: Int) throws -> Int {
        let hello = Self.clientHello(ticket: ticket)
        let began = Self.processorTime()
        for _ in 0..<50 {
            let channel = EmbeddedChannel()
            let recorder = ChannelPair.Recorder()
            let handler = TLSHandler(context: context, role: .server, handshakeDeadline: .seconds(5))
            try channel.pipeline.syncOperations.addHandlers([handler, recorder])
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 5061), promise: nil)
            channel.pipeline.fireChannelRead(hello)
            channel.pipeline.fireChannelReadComplete()
            let answer = try #require(try channel.readOutbound(as: ByteBuffer.self))
            // A handshake record with a ServerHello in it (RFC 5246 section 7.4.1.3), whose session is a new one.
            #expect(answer.getInteger(at: 0, as: UInt8.self) == 22 && answer.getInteger(at: 5, as: UInt8.self) == 2)
            #expect(recorder.failures == [] && recorder.outcome == nil)
            _ = try channel.finish(acceptAlreadyClosed: true)
        }
        return Self.processorTime() - began
    }

    private static func processorTime() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// A ClientHello of TLS 1.2 with that many bytes of a ticket (RFC 5077 section 3.2), in records of 4 KiB.
    private static func clientHello(ticket: Int) -> ByteBuffer {
        var extensions = ByteBuffer()
        // Groups secp256r1 and x25519, signatures ecdsa_secp256r1_sha256 and rsa_pss_rsae_sha256, then the ticket.
        extensions.writeBytes([0, 10, 0, 6, 0, 4, 0, 23, 0, 29, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4, 0, 35])
        extensions.writeInteger(UInt16(ticket))
        extensions.writeRepeatingByte(0x5A, count: ticket)
        var body = ByteBuffer(bytes: [3, 3] + [UInt8](repeating: 7, count: 32) + [0])
        // ECDHE with AES-128-GCM by ECDSA and RSA; no compression.
        body.writeBytes([0, 4, 0xC0, 0x2B, 0xC0, 0x2F, 1, 0])
        body.writeInteger(UInt16(extensions.readableBytes))
        body.writeBuffer(&extensions)
        var message = ByteBuffer(bytes: [1, 0])
        message.writeInteger(UInt16(body.readableBytes))
        message.writeBuffer(&body)
        var wire = ByteBuffer()
        while let part = message.readSlice(length: min(4096, message.readableBytes)), part.readableBytes > 0 {
            wire.writeBytes([22, 3, 1])
            wire.writeInteger(UInt16(part.readableBytes))
            wire.writeImmutableBuffer(part)
        }
        return wire
    }
}
