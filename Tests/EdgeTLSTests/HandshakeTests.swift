// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

/// What both sides come to, for each of the three levels and both versions.
@Suite("TLS handshake")
struct HandshakeTests {
    /// What a client shows.
    enum Shown: Sendable, CaseIterable {
        case nothing
        case good
        case bad
    }

    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private func server(verify: Bool = false, require: Bool = false, version: TLSVersion? = nil) throws -> TLSContext {
        let trust = self.all.store.authority
        return try TLSContext(
            serverProfile: TLSProfile(all.server, trust: trust, verify: verify, require: require, version: version)
        )
    }

    private func client(_ leaf: TestCertificates.Leaf? = nil, version: TLSVersion? = nil) throws -> TLSContext {
        let trust = self.all.store.authority
        return try TLSContext(clientProfile: TLSProfile(leaf, trust: trust, verify: true, version: version))
    }

    @Test(
        "Three levels by three client certificates by two versions (TLS-21, TLS-22, TLS-27)",
        arguments: [(false, false), (true, false), (true, true)],
        [TLSVersion.tls12, .tls13]
    )
    func threeLevels(level: (verify: Bool, require: Bool), version: TLSVersion) throws {
        for shown in Shown.allCases {
            let leaf = [.nothing: nil, .good: self.all.client, .bad: self.all.unknown][shown] ?? nil
            let pair = try ChannelPair(
                server: self.server(verify: level.verify, require: level.require, version: version),
                client: self.client(leaf, version: version)
            )
            // A client of version 1.3 may send before the server has judged its certificate.
            pair.client.writeAndFlush(ByteBuffer(string: "OPTIONS"), promise: nil)
            try pair.run()
            let fails = (shown == .bad && level.verify) || (shown == .nothing && level.require)
            #expect((pair.serverSide.outcome == nil) == fails, "\(shown)")
            #expect(pair.serverSide.received == (fails ? [] : Array("OPTIONS".utf8)), "\(shown)")
            #expect(pair.server.isActive == !fails && pair.client.isActive == !fails, "\(shown)")
            let isVerified = level.verify && shown == .good
            #expect(
                pair.serverSide.outcome?.peer?.sipDomains == (isVerified ? ["client.example.test"] : nil),
                "\(shown)"
            )
            if fails {
                #expect(
                    pair.serverSide.failures.map(\.reason) == [
                        shown == .bad ? .certificateInvalid : .certificateMissing
                    ]
                )
                #expect(pair.clientSide.failures.map(\.reason) == [.peerAlert], "\(shown)")
            } else {
                #expect(pair.serverSide.outcome?.version == version)
                #expect(pair.clientSide.outcome?.version == version)
            }
        }
    }

    @Test("The outcome names version, cipher, server name and the backend's identity (RFC 5922 7.3)")
    func outcome() throws {
        let policy = PeerIdentityPolicy.verify(domain: "Edge.Example.Test", acceptsWildcards: false)
        let pair = try ChannelPair(server: self.server(), client: self.client(), identity: policy)
        try pair.run()
        let outcome = try #require(pair.clientSide.outcome)
        #expect(outcome.version == .tls13)
        #expect(outcome.cipher == "TLS_AES_128_GCM_SHA256")
        #expect(outcome.serverName == Certificates.Set.domain && !outcome.resumed)
        #expect(outcome.peer?.subject == "CN=server" && outcome.peer?.issuer == "CN=Brana test ca")
        #expect(outcome.peer?.uris == ["sip:edge.example.test"] && outcome.peer?.dnsNames == ["edge.example.test"])
        #expect(outcome.peer?.addresses == ["127.0.0.1"] && outcome.peer?.sipDomains == ["edge.example.test"])
        #expect(pair.serverSide.outcome?.serverName == Certificates.Set.domain)
        #expect(pair.serverSide.outcome?.peer == nil)
    }

    @Test("A backend with an expired, unknown, self-signed or chainless certificate is refused (TLS-10)")
    func badBackends() throws {
        for (leaf, words) in [
            (self.all.unknown, "issuer"), (self.all.selfSigned, "self"), (self.all.chainless, "issuer"),
        ] {
            let server = try TLSContext(serverProfile: TLSProfile(leaf))
            let pair = try ChannelPair(server: server, client: self.client())
            try pair.run()
            #expect(pair.clientSide.failures.map(\.reason) == [.certificateInvalid])
            #expect(pair.clientSide.failures.first?.words.contains(words) == true, "\(pair.clientSide.failures)")
            #expect(pair.clientSide.failures.first?.side == .client)
            #expect(pair.serverSide.failures.map(\.reason) == [.peerAlert])
            #expect(pair.clientSide.outcome == nil && !pair.client.isActive && !pair.server.isActive)
        }
        // Its own check would refuse the expired one, so the server believes in the time when it was valid.
        let past = try TLSContext(
            serverProfile: TLSProfile(self.all.expired),
            now: Int64(Date().timeIntervalSince1970) - 10 * 86_400
        )
        let pair = try ChannelPair(server: past, client: self.client())
        try pair.run()
        #expect(pair.clientSide.failures.map(\.words) == ["certificate has expired"])
    }

    @Test("A chain with its intermediate is accepted")
    func intermediate() throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.chained))
        let pair = try ChannelPair(server: server, client: self.client())
        try pair.run()
        #expect(pair.clientSide.outcome?.peer?.subject == "CN=chained")
    }

    @Test("A valid certificate for another name is refused, and the words name both (RFC 5922 7.3, TLS-12)")
    func wrongName() throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.otherName))
        let policy = PeerIdentityPolicy.verify(domain: "core.example.net", acceptsWildcards: false)
        let pair = try ChannelPair(server: server, client: self.client(), name: "core.example.net", identity: policy)
        try pair.run()
        let failure = try #require(pair.clientSide.failures.first)
        #expect(failure.reason == .nameMismatch && failure.serverName == "core.example.net")
        #expect(failure.words == "the certificate is for n1.dc.example.org, not for core.example.net")
        #expect(failure.refused?.subject == "CN=other-name" && failure.description.contains("CN=other-name"))
        #expect(!pair.client.isActive && pair.clientSide.outcome == nil)
    }

    @Test("TLS-54: a client whose certificate is refused is told by subject, names, server name and digest")
    func refusedClient() throws {
        let server = try self.server(verify: true, require: true)
        let stranger = try TLSContext(clientProfile: TLSProfile(self.all.unknown, trust: self.all.store.authority))
        let pair = try ChannelPair(server: server, client: stranger, name: "edge.example.test")
        try pair.run()
        let failure = try #require(pair.serverSide.failures.first)
        #expect(failure.reason == .certificateInvalid && failure.serverName == "edge.example.test")
        let refused = try #require(failure.refused)
        #expect(refused.subject == "CN=unknown")
        #expect(refused.names == "sip:edge.example.test, edge.example.test, 127.0.0.1")
        #expect(refused.digest.count == 64 && refused.digest.allSatisfy(\.isHexDigit))
        #expect(pair.serverSide.outcome == nil)
    }

    @Test("TLS-54, TLS-52: what a hostile certificate holds is cut and escaped before it is told")
    func hostileNames() {
        let long = [UInt8](repeating: UInt8(ascii: "a"), count: 300)
        let names = CertificateNames(
            uris: [Array("sip:a\0\"\n".utf8)],
            dnsNames: [long] + Array(repeating: [], count: 1000)
        )
        let refused = RefusedCertificate(
            subject: String(repeating: "s", count: 500),
            issuer: String(repeating: "i", count: 500),
            names: names,
            digest: [0x0A, 0xFF]
        )
        #expect(refused.subject.count == RefusedCertificate.subjectLimit && refused.digest == "0aff")
        #expect(refused.issuer.count == RefusedCertificate.subjectLimit)
        #expect(refused.names.hasPrefix(#"sip:a\x00\x22\x0a, aaaa"#) && refused.names.hasSuffix(" and 998 more"))
        #expect(refused.names.utf8.count < 400)
    }

    @Test("With verification off any backend will do, and it has no identity")
    func tunnelOnly() throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.selfSigned))
        let policy = PeerIdentityPolicy.verify(domain: "else.example", acceptsWildcards: false)
        let client = try TLSContext(clientProfile: TLSProfile(nil))
        let pair = try ChannelPair(server: server, client: client, identity: policy)
        try pair.run()
        #expect(pair.clientSide.outcome != nil && pair.clientSide.outcome?.peer == nil)
    }

    @Test("The handshake works one byte at a time", arguments: TLSVersion.modern)
    func byteAtATime(version: TLSVersion) throws {
        let pair = try ChannelPair(
            server: self.server(verify: true, require: true, version: version),
            client: self.client(self.all.client)
        )
        pair.chunk = 1
        pair.client.writeAndFlush(ByteBuffer(string: "ping"), promise: nil)
        pair.server.writeAndFlush(ByteBuffer(string: "pong"), promise: nil)
        try pair.run()
        #expect(pair.serverSide.received == Array("ping".utf8) && pair.clientSide.received == Array("pong".utf8))
    }

    @Test("A handshake that is not done in time is ended (TLS-31)")
    func deadline() throws {
        let pair = try ChannelPair(server: self.server(), client: self.client())
        pair.loop.advanceTime(by: .milliseconds(4999))
        #expect(pair.server.isActive && pair.client.isActive)
        pair.loop.advanceTime(by: .milliseconds(1))
        #expect(!pair.server.isActive && !pair.client.isActive)
        #expect(pair.serverSide.failures.map(\.reason) == [.handshakeDeadline])
        #expect(pair.clientSide.failures.map(\.reason) == [.handshakeDeadline])
    }

    @Test("After the handshake the deadline means nothing")
    func deadlineIsOver() throws {
        let pair = try ChannelPair(server: self.server(), client: self.client())
        try pair.run()
        pair.loop.advanceTime(by: .hours(1))
        #expect(pair.server.isActive && pair.client.isActive)
    }

    @Test(
        "What is not TLS ends the connection with the right reason",
        arguments: [
            "OPTIONS sip:a.example SIP/2.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{5}hello",
        ]
    )
    func garbage(text: String) throws {
        let pair = try ChannelPair(server: self.server(), client: self.client())
        pair.server.pipeline.fireChannelRead(ByteBuffer(string: text))
        pair.loop.run()
        let reason = try #require(pair.serverSide.failures.first?.reason)
        #expect([.notTLS, .protocolViolation].contains(reason), "\(pair.serverSide.failures)")
        #expect(!pair.server.isActive && pair.serverSide.failures.count == 1)
    }

    @Test("A connection that ends during the handshake says so")
    func endDuringHandshake() throws {
        let pair = try ChannelPair(server: self.server(), client: self.client())
        pair.server.close(promise: nil)
        pair.client.pipeline.fireChannelInactive()
        #expect(pair.clientSide.failures.map(\.reason) == [.closedDuringHandshake])
    }

    @Test("A peer without a common version is refused with an alert (TLS-02, RFC 8996)")
    func oldVersion() throws {
        var profile = TLSProfile(nil)
        profile.minimumVersion = .tls10
        profile.maximumVersion = .tls11
        let pair = try ChannelPair(server: self.server(), client: TLSContext(clientProfile: profile))
        try pair.run()
        #expect(pair.serverSide.failures.map(\.reason) == [.version])
        #expect(pair.clientSide.failures.map(\.reason) == [.version])
        #expect(pair.clientSide.failures.first?.words.contains("alert protocol version") == true)
    }
}
