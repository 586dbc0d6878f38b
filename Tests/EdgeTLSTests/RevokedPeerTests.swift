// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// What becomes of connections and sessions when the peer's certificate is revoked later.
@Suite("TLS-09, TLS-20: peers that are revoked after their handshake")
struct RevokedPeerTests {
    let all: Certificates.Set

    init() throws {
        all = try Certificates.all()
    }

    private func profile(_ leaf: TestCertificates.Leaf?, version: TLSVersion, list: String? = nil) -> TLSProfile {
        let trust = all.store.authority
        var profile = TLSProfile(leaf, trust: trust, verify: true, require: leaf == all.server, version: version)
        profile.crlFile = list
        return profile
    }

    private func handler(_ channel: EmbeddedChannel) throws -> TLSHandler {
        try channel.pipeline.syncOperations.handler(type: TLSHandler.self)
    }

    @Test(
        "A list that comes later names the peer of a connection that stands, in full or resumed, and others not",
        arguments: TLSVersion.modern
    )
    func standing(version: TLSVersion) throws {
        let server = try TLSContext(serverProfile: profile(all.server, version: version))
        let client = try TLSContext(clientProfile: profile(all.client, version: version))
        let list = try all.store.revocationList("later-\(version)", revoking: [all.client])
        let other = try all.store.revocationList("later-other-\(version)", revoking: [all.server])
        let (naming, passing) = (
            try TLSContext(serverProfile: profile(all.server, version: version, list: list)),
            try TLSContext(serverProfile: profile(all.server, version: version, list: other))
        )
        #expect(naming.revocations.count == 1 && naming.revocations != passing.revocations)
        for isResumed in [false, true] {
            let pair = try ChannelPair(server: server, client: client)
            try pair.run()
            #expect(pair.serverSide.outcome?.resumed == isResumed)
            let (near, far) = (try handler(pair.server), try handler(pair.client))
            #expect(near.isPeerRevoked(by: naming) && !near.isPeerRevoked(by: passing))
            #expect(far.isPeerRevoked(by: passing) && !far.isPeerRevoked(by: naming))
            #expect(!near.isPeerRevoked(by: server) && !far.isPeerRevoked(by: client))
        }
    }

    @Test("Whoever was not verified, or is spoken for by a record of DANE-EE, is on no list that counts")
    func notVerified() throws {
        let list = try all.store.revocationList("later-dane", revoking: [all.server])
        let later = try TLSContext(clientProfile: profile(nil, version: .tls13, list: list))
        var dane = PeerIdentityPolicy.none
        let data = try all.store.association(of: all.server.chain, selector: 1, matching: 1)
        dane.associations = [CertificateAssociation(usage: 3, selector: 1, matching: 1, data: data)]
        let server = try TLSContext(serverProfile: TLSProfile(all.server))
        let rows: [(verify: Bool, policy: PeerIdentityPolicy, isRevoked: Bool)] = [
            (true, .none, true), (false, .none, false), (true, dane, false),
        ]
        for row in rows {
            let trust = all.store.authority
            let client = try TLSContext(clientProfile: TLSProfile(nil, trust: trust, verify: row.verify))
            let pair = try ChannelPair(server: server, client: client, identity: row.policy)
            try pair.run()
            #expect(pair.clientSide.outcome != nil)
            #expect(try handler(pair.client).isPeerRevoked(by: later) == row.isRevoked, "\(row)")
        }
    }

    @Test(
        "TLS-20: a session that comes of another one is as old as that is: an hour after the server was verified it ends",
        arguments: TLSVersion.modern
    )
    func age(version: TLSVersion) throws {
        let server = try TLSContext(serverProfile: TLSProfile(all.server, version: version))
        func client() throws -> TLSContext { try TLSContext(clientProfile: profile(nil, version: version)) }
        func connection(_ pair: ChannelPair) throws -> TLSConnection {
            try #require(try handler(pair.client).connection)
        }
        let first = try ChannelPair(server: server, client: try client())
        try first.run()
        let before = try connection(first)
        let key = try #require(before.sessionKey)
        let session = try #require(SSL_get1_session(before.ssl))

        // Another client has it, and verified the server half an hour ago.
        let context = try client()
        let sessions = try #require(context.sessions)
        let verifiedAt = UnixTime.now - 1800
        sessions.keep(session, for: key, verifiedAt: verifiedAt)
        for _ in 0..<3 {
            let pair = try ChannelPair(server: server, client: context)
            try pair.run()
            #expect(pair.clientSide.outcome?.resumed == true)
            #expect(try connection(pair).offeredSessionAt == verifiedAt)
        }
        let idle = try #require(SSL_new(context.pointer))
        defer { SSL_free(idle) }
        #expect(sessions.offer(to: idle, for: key, now: verifiedAt + ResumableSessions.longestAge + 1) == nil)
    }
}
