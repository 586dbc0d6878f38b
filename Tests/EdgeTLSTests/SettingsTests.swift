// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// What is set on every connection, and what a connection leaves behind.
@Suite("OpenSSL's settings and its error queue")
struct SettingsTests {
    let all: Certificates.Set

    init() throws {
        all = try Certificates.all()
    }

    private func pair(
        _ version: TLSVersion = .tls13,
        trust: String? = nil,
        name: String = Certificates.Set.domain
    ) throws
        -> ChannelPair
    {
        let server = try TLSContext(serverProfile: TLSProfile(all.server, version: version))
        let authority = trust ?? all.store.authority
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: authority, verify: true, version: version))
        let identity = PeerIdentityPolicy.verify(domain: name, acceptsWildcards: false)
        return try ChannelPair(server: server, client: client, name: name, identity: identity)
    }

    private func connections(_ pair: ChannelPair) throws -> [OpaquePointer] {
        try [pair.client, pair.server].map { channel in
            try #require(try channel.pipeline.syncOperations.handler(type: TLSHandler.self).connection).ssl
        }
    }

    @Test("TLS-04: no connection compresses", arguments: TLSVersion.modern)
    func compression(version: TLSVersion) throws {
        let pair = try self.pair(version)
        try pair.run()
        for ssl in try connections(pair) {
            #expect(SSL_get_current_compression(ssl) == nil)
            // SSL_OP_NO_COMPRESSION, which Swift does not see.
            #expect(SSL_get_options(ssl) & 1 << 17 != 0)
        }
    }

    @Test("TLS-04: none does with a peer that offers compression either", arguments: TLSVersion.modern)
    func offeredCompression(version: TLSVersion) async throws {
        let server = try LoopbackServer(context: TLSContext(serverProfile: TLSProfile(all.server)))
        defer { server.stop() }
        let flag = version == .tls12 ? "-tls1_2" : "-tls1_3"
        let arguments = ["s_client", "-connect", server.address, "-comp", flag, "-CAfile", all.store.authority]
        let directory = try TemporaryDirectory()
        let result = try await ChildProcess.run("openssl", arguments, in: directory, within: .seconds(10))
        #expect(result.output.contains("Compression: NONE"), "\(result.output)")
    }

    @Test("An idle connection gives its record buffers back: 34 KB each way otherwise", arguments: TLSVersion.modern)
    func idleBuffers(version: TLSVersion) throws {
        let pair = try self.pair(version)
        try pair.run()
        for ssl in try connections(pair) {
            let mode = SSL_ctrl(ssl, SSL_CTRL_MODE, 0, nil)
            #expect(mode & Int(SSL_MODE_RELEASE_BUFFERS) != 0)
        }
    }

    @Test("A connection that fails leaves no error behind that the next on its thread could take for its own")
    func errorQueue() throws {
        ERR_clear_error()
        let damages: [(inout ByteBuffer) -> Void] = [
            { $0 = ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n") },
            { $0.setInteger(UInt8(0xFF), at: $0.writerIndex - 1) },
            { $0.setBytes([UInt8](repeating: 0, count: 3), at: 0) },
        ]
        for damage in damages {
            let pair = try self.pair()
            pair.damage = damage
            try pair.run()
            #expect(!pair.serverSide.failures.isEmpty && ERR_peek_error() == 0)
        }
        for pair in [try self.pair(trust: all.store.otherAuthority), try self.pair(name: "other.example.test")] {
            try pair.run()
            #expect(!pair.clientSide.failures.isEmpty && ERR_peek_error() == 0)
        }
        #expect(throws: TLSConfigurationError.self) {
            var profile = TLSProfile(all.server)
            profile.privateKeyFile = all.client.key
            _ = try TLSContext(serverProfile: profile)
        }
        #expect(ERR_peek_error() == 0)

        let pair = try self.pair()
        try pair.run()
        pair.client.writeAndFlush(ByteBuffer(string: "hello"), promise: nil)
        try pair.run()
        #expect(pair.serverSide.received == Array("hello".utf8) && pair.serverSide.failures.isEmpty)
    }

    @Test("An error that something else left on the thread is not taken for a connection's own")
    func foreignError() throws {
        let pair = try self.pair()
        #expect(BIO_new_file("/nonexistent", "r") == nil && ERR_peek_error() != 0)
        try pair.run()
        #expect(pair.clientSide.outcome != nil && pair.serverSide.outcome != nil)
    }
}
