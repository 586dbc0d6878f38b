// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

/// A network that changes, cuts and doubles what passes: whatever comes, nothing wrong is delivered and nothing traps.
@Suite("TLS under damage")
struct DamageTests {
    /// A small generator, so that a failing seed can be repeated (xorshift64*).
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state ^= self.state >> 12
            self.state ^= self.state << 25
            self.state ^= self.state >> 27
            return self.state &* 0x2545_F491_4F6C_DD1D
        }
    }

    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    @Test(
        "Damage at random never delivers a wrong byte, and the deadline ends what hangs",
        arguments: TLSVersion.modern
    )
    func damage(version: TLSVersion) throws {
        let trust = self.all.store.authority
        let profile = TLSProfile(self.all.server, trust: trust, verify: true, require: true, version: version)
        let server = try TLSContext(serverProfile: profile)
        let client = try TLSContext(clientProfile: TLSProfile(self.all.client, trust: trust, verify: true))
        var failed = 0
        for seed in 1...UInt64(150) {
            var generator = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
            let pair = try ChannelPair(server: server, client: client)
            pair.damage = { buffer in Self.damage(&buffer, &generator) }
            pair.client.writeAndFlush(ByteBuffer(string: "question"), promise: nil)
            pair.server.writeAndFlush(ByteBuffer(string: "answer"), promise: nil)
            try pair.run()
            pair.loop.advanceTime(by: .seconds(6))
            #expect(Array("question".utf8).starts(with: pair.serverSide.received), "seed \(seed)")
            #expect(Array("answer".utf8).starts(with: pair.clientSide.received), "seed \(seed)")
            #expect(pair.serverSide.failures.count <= 1 && pair.clientSide.failures.count <= 1, "seed \(seed)")
            #expect(pair.serverSide.outcome != nil || !pair.server.isActive, "seed \(seed)")
            if !pair.serverSide.failures.isEmpty || !pair.clientSide.failures.isEmpty { failed += 1 }
        }
        #expect(failed > 50, "the damage must do something: \(failed)")
    }

    /// Changes a byte, cuts the end off, or doubles the beginning, in one buffer of three.
    private static func damage(_ buffer: inout ByteBuffer, _ generator: inout Generator) {
        guard buffer.readableBytes > 0, Int.random(in: 0..<3, using: &generator) == 0 else { return }
        let place = Int.random(in: 0..<buffer.readableBytes, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: buffer.setInteger(UInt8.random(in: 0...255, using: &generator), at: buffer.readerIndex + place)
        case 1: buffer = buffer.getSlice(at: buffer.readerIndex, length: place) ?? buffer
        default:
            var doubled = buffer.getSlice(at: buffer.readerIndex, length: place) ?? ByteBuffer()
            doubled.writeBuffer(&buffer)
            buffer = doubled
        }
    }
}
