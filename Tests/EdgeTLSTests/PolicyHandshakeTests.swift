// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import NIOCore
internal import NIOEmbedded
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// Names, usages, revocation and sessions inside real handshakes.
@Suite("TLS policies in the handshake")
struct PolicyHandshakeTests {
    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private var trust: String { self.all.store.authority }

    private func run(
        _ server: TLSContext,
        _ client: TLSContext,
        name: String? = Certificates.Set.domain,
        identity: PeerIdentityPolicy = .none,
        scope: String = ""
    ) throws -> ChannelPair {
        let pair = try ChannelPair(server: server, client: client, name: name, identity: identity, scope: scope)
        try pair.run()
        return pair
    }

    @Test("The certificate follows the server name: exact, wildcard, default; strict refuses (TLS-07)")
    func serverNames() throws {
        let exact = try self.all.store.leaf("sni-exact", names: ["DNS:a.other.test"])
        let wildcard = try self.all.store.leaf("sni-wildcard", names: ["DNS:*.other.test"])
        var profile = TLSProfile(self.all.server)
        profile.additionalServerNames = [
            .init(name: "*.other.test", use: .certificates([.init(chain: wildcard.chain, key: wildcard.key)])),
            .init(name: "A.Other.Test", use: .certificates([.init(chain: exact.chain, key: exact.key)])),
        ]
        let rows: [(String?, String)] = [
            ("a.other.test", "CN=sni-exact"), ("A.OTHER.TEST", "CN=sni-exact"), ("b.other.test", "CN=sni-wildcard"),
            ("c.b.other.test", "CN=server"), ("unknown.test", "CN=server"), (nil, "CN=server"),
            ("192.0.2.1", "CN=server"), (Certificates.Set.domain, "CN=server"),
        ]
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        for strict in [false, true] {
            profile.refusesUnknownServerNames = strict
            let server = try TLSContext(serverProfile: profile)
            #expect(server.certificateSummaries.map(\.subject) == ["CN=server", "CN=sni-wildcard", "CN=sni-exact"])
            for (name, subject) in rows {
                let pair = try self.run(server, client, name: name)
                if strict, name == "c.b.other.test" || name == "unknown.test" {
                    #expect(pair.serverSide.failures.map(\.reason) == [.unknownServerName], "\(name ?? "-")")
                    #expect(pair.clientSide.failures.map(\.reason) == [.peerAlert], "\(name ?? "-")")
                } else {
                    #expect(pair.clientSide.outcome?.peer?.subject == subject, "\(name ?? "-") \(strict)")
                }
            }
        }
    }

    @Test("A session is taken up again with the same identity, in both versions (TLS-05)", arguments: TLSVersion.modern)
    func resumption(version: TLSVersion) throws {
        let server = try TLSContext(
            serverProfile: TLSProfile(self.all.server, trust: self.trust, verify: true, require: true, version: version)
        )
        let client = try TLSContext(clientProfile: TLSProfile(self.all.client, trust: self.trust, verify: true))
        let policy = PeerIdentityPolicy.verify(domain: Certificates.Set.domain, acceptsWildcards: false)
        let first = try self.run(server, client, identity: policy, scope: "127.0.0.1:5061")
        #expect(first.clientSide.outcome?.resumed == false)
        let second = try self.run(server, client, identity: policy, scope: "127.0.0.1:5061")
        #expect(second.clientSide.outcome?.resumed == true && second.serverSide.outcome?.resumed == true)
        #expect(second.serverSide.outcome?.peer == first.serverSide.outcome?.peer)
        #expect(second.clientSide.outcome?.peer == first.clientSide.outcome?.peer)
        #expect(second.serverSide.outcome?.peer?.sipDomains == ["client.example.test"])
        let third = try self.run(server, client, identity: policy, scope: "127.0.0.1:5061")
        #expect(third.clientSide.outcome?.resumed == true, "a resumed connection leaves a session too")
        let elsewhere = try self.run(server, client, identity: policy, scope: "127.0.0.2:5061")
        #expect(elsewhere.clientSide.outcome?.resumed == false)
        let otherPolicy = PeerIdentityPolicy.verify(domain: "client.example.test", acceptsWildcards: false)
        let refused = try self.run(server, client, identity: otherPolicy, scope: "127.0.0.1:5061")
        #expect(refused.clientSide.failures.map(\.reason) == [.nameMismatch])
    }

    @Test(
        "TLS-28: that a server does not ask for the certificate that there is, is told of once; a resumed session tells nothing",
        arguments: TLSVersion.modern
    )
    func unasked(version: TLSVersion) throws {
        for (asks, leaf) in [(false, self.all.client), (true, self.all.client), (false, nil), (true, nil)] {
            let profile = TLSProfile(self.all.server, trust: self.trust, verify: asks, version: version)
            let server = try TLSContext(serverProfile: profile)
            let client = try TLSContext(clientProfile: TLSProfile(leaf, trust: self.trust, verify: true))
            let first = try self.run(server, client)
            #expect(first.clientSide.outcome?.isUnasked == (!asks && leaf != nil))
            #expect(first.serverSide.outcome?.isUnasked == false)
            let second = try self.run(server, client)
            #expect(second.clientSide.outcome?.resumed == true && second.clientSide.outcome?.isUnasked == false)
        }
    }

    @Test("A connection that broke off leaves its session usable", arguments: TLSVersion.modern)
    func resumptionAfterBreak(version: TLSVersion) throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.server, version: version))
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        let first = try self.run(server, client)
        first.client.pipeline.fireChannelInactive()
        let second = try self.run(server, client)
        #expect(second.clientSide.outcome?.resumed == true)
    }

    @Test("TLS-09: no session is taken up that would bring back a certificate which is about to expire")
    func sessionBeforeExpiry() {
        let now: Int64 = 1_000_000
        let margin = ResumableSessions.validityMargin
        #expect(ResumableSessions.isLasting(notAfter: nil, now: now), "one that rests on no certificate")
        #expect(ResumableSessions.isLasting(notAfter: now + margin + 1, now: now))
        #expect(!ResumableSessions.isLasting(notAfter: now + margin, now: now))
        #expect(!ResumableSessions.isLasting(notAfter: .min, now: now))
    }

    @Test("TLS-20: no session is taken up an hour after its server was verified, whatever sessions lay between")
    func sessionAge() {
        let now: Int64 = 1_000_000
        let limit = ResumableSessions.longestAge
        #expect(ResumableSessions.isFresh(verifiedAt: now, now: now))
        #expect(ResumableSessions.isFresh(verifiedAt: now - limit, now: now))
        #expect(!ResumableSessions.isFresh(verifiedAt: now - limit - 1, now: now))
        #expect(!ResumableSessions.isFresh(verifiedAt: now + 1, now: now), "the clock was set back")
        #expect(!ResumableSessions.isFresh(verifiedAt: .min, now: now))
    }

    @Test("Without tickets nothing is taken up again", arguments: TLSVersion.modern)
    func noTickets(version: TLSVersion) throws {
        var profile = TLSProfile(self.all.server, version: version)
        profile.sessionTickets = false
        let server = try TLSContext(serverProfile: profile)
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        for _ in 0..<2 {
            let pair = try self.run(server, client)
            #expect(pair.clientSide.outcome?.resumed == false)
        }
    }

    @Test("A session made under one server name is not taken up under another (TLS-05)", arguments: TLSVersion.modern)
    func sessionsByServerName(version: TLSVersion) throws {
        let names = ["DNS:tenant.test", "DNS:\(Certificates.Set.domain)"]
        let tenant = try self.all.store.leaf("tenant-\(version)", names: names)
        var profile = TLSProfile(self.all.server, version: version)
        profile.additionalServerNames = [
            .init(name: "tenant.test", use: .certificates([.init(chain: tenant.chain, key: tenant.key)]))
        ]
        let server = try TLSContext(serverProfile: profile)
        let session = self.all.store.directory + "/tenant-\(version).session"
        // The own client never offers a session elsewhere, so the command does.
        let loopback = try LoopbackServer(context: server)
        defer { loopback.stop() }
        let flag = version == .tls12 ? "-tls1_2" : "-tls1_3"
        func connect(_ name: String, _ sessionFlag: String) throws -> String {
            let common = [
                "s_client", "-connect", loopback.address, flag, "-CAfile", self.trust, "-nocommands", "-ign_eof",
            ]
            return try self.all.store.openssl(common + ["-servername", name, sessionFlag, session], input: "bye\n")
        }
        #expect(try connect(Certificates.Set.domain, "-sess_out").contains("New, TLS"))
        #expect(try connect(Certificates.Set.domain, "-sess_in").contains("Reused, TLS"))
        let other = try connect("tenant.test", "-sess_in")
        #expect(other.contains("New, TLS") && other.contains("CN = tenant-\(version)"))
    }

    @Test("The library's own check of usages does not stand before ours (V-EKU, TLS-18, TLS-19)")
    func usages() throws {
        let rows: [([String], server: Bool, client: Bool, strict: Bool)] = [
            ([], true, true, true),
            (["serverAuth"], true, false, false),
            (["clientAuth"], false, true, false),
            (["1.3.6.1.5.5.7.3.20"], true, true, true),
            (["anyExtendedKeyUsage"], true, true, false),
            (["emailProtection"], false, false, false),
        ]
        for (index, row) in rows.enumerated() {
            let leaf = try self.all.store.leaf("usage-\(index)", names: ["DNS:usage.test"], usages: row.0)
            for strict in [false, true] {
                var verifying = TLSProfile(self.all.server, trust: self.trust, verify: true, require: true)
                verifying.extendedKeyUsage = strict ? .strict : .compatible
                var client = TLSProfile(nil, trust: self.trust, verify: true)
                client.extendedKeyUsage = verifying.extendedKeyUsage
                let asServer = try self.run(
                    TLSContext(serverProfile: TLSProfile(leaf)),
                    TLSContext(clientProfile: client)
                )
                let isServerAccepted = strict ? row.strict : row.server
                #expect(
                    (asServer.clientSide.outcome != nil) == isServerAccepted,
                    "\(row.0) as server, strict \(strict)"
                )
                client.verify = false
                client.certificateChainFile = leaf.chain
                client.privateKeyFile = leaf.key
                let asClient = try self.run(TLSContext(serverProfile: verifying), TLSContext(clientProfile: client))
                let isClientAccepted = strict ? row.strict : row.client
                #expect(
                    (asClient.serverSide.outcome != nil) == isClientAccepted,
                    "\(row.0) as client, strict \(strict)"
                )
                if !isClientAccepted {
                    #expect(asClient.serverSide.failures.map(\.reason) == [.certificateInvalid])
                }
            }
        }
    }

    @Test(
        "TLS-10: a certificate with a false signature is refused, and so is one for a name that its authority may not give"
    )
    func signaturesAndConstraints() throws {
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        let store = self.all.store
        let leaf = try store.leaf("false", names: ["DNS:\(Certificates.Set.domain)"])
        var lines = try String(contentsOfFile: leaf.chain, encoding: .utf8).split(separator: "\n").map(String.init)
        // The signature's last octets.
        let body = Data(base64Encoded: lines[1..<(lines.count - 1)].joined()) ?? Data()
        let changed = body.dropLast() + [(body.last ?? 0) ^ 1]
        lines = [lines[0], Data(changed).base64EncodedString(options: .lineLength64Characters), lines[lines.count - 1]]
        let chain = try store.file("false-changed.pem", lines.joined(separator: "\n").replacing("\r", with: "") + "\n")
        let bad = try self.run(TLSContext(serverProfile: TLSProfile(.init(chain: chain, key: leaf.key))), client)
        #expect(bad.clientSide.failures.map(\.words) == ["certificate signature failure"])

        for (name, isPermitted) in [("a.permitted.test", true), ("a.other.test", false)] {
            let pair = try self.run(TLSContext(serverProfile: TLSProfile(try self.constrained(name))), client)
            #expect((pair.clientSide.outcome != nil) == isPermitted, "\(pair.clientSide.failures)")
            if !isPermitted { #expect(pair.clientSide.failures.map(\.words) == ["permitted subtree violation"]) }
        }
    }

    /// A certificate for a name by an authority that may give names of `permitted.test` only.
    private func constrained(_ name: String) throws -> TestCertificates.Leaf {
        let store = self.all.store
        let (root, base) = (store.directory, "constrained-\(name)")
        let path = "\(root)/\(base)"
        let rules = "basicConstraints=critical,CA:TRUE\nnameConstraints=critical,permitted;DNS:permitted.test\n"
        let extensions = [
            try store.file("\(base)-ca.ext", rules), try store.file("\(base)-leaf.ext", "subjectAltName=DNS:\(name)\n"),
        ]
        let signers = [("\(root)/ca.pem", "\(root)/ca.key"), ("\(path)-ca.pem", "\(path)-ca.key")]
        for (index, part) in ["ca", "leaf"].enumerated() {
            let file = "\(path)-\(part)"
            try store.openssl([
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(part)",
                "-keyout", "\(file).key", "-out", "\(file).csr",
            ])
            try store.openssl([
                "x509", "-req", "-in", "\(file).csr", "-out", "\(file).pem", "-days", "9", "-extfile",
                extensions[index],
                "-CA", signers[index].0, "-CAkey", signers[index].1, "-set_serial", "\(1000 + index)",
            ])
        }
        let both = try ["leaf", "ca"].map { try String(contentsOfFile: "\(path)-\($0).pem", encoding: .utf8) }
        return .init(chain: try store.file("\(base).pem", both.joined()), key: "\(path)-leaf.key")
    }

    @Test("A revoked certificate is refused, another one of the same authority is not (TLS-20)")
    func revocation() throws {
        let revoked = try self.all.store.leaf("revoked", names: ["DNS:revoked.test"])
        var profile = TLSProfile(nil, trust: self.trust, verify: true)
        profile.crlFile = try self.all.store.revocationList("revocations", revoking: [revoked])
        let client = try TLSContext(clientProfile: profile)
        let bad = try self.run(TLSContext(serverProfile: TLSProfile(revoked)), client)
        #expect(bad.clientSide.failures.map(\.words) == ["certificate revoked"])
        let good = try self.run(TLSContext(serverProfile: TLSProfile(self.all.server)), client)
        #expect(good.clientSide.outcome != nil)
    }

    @Test("TLS-20: where no valid list tells, hard fail refuses and soft fail lets in, but never who is revoked")
    func revocationModes() throws {
        let leaf = try self.all.store.leaf("unlisted", names: ["DNS:unlisted.test"], issuer: .intermediate)
        let revoked = try self.all.store.leaf("revoked-soft", names: ["DNS:revoked.test"])
        var profile = TLSProfile(nil, trust: self.trust, verify: true)
        // The list is that of the root; the leaf's issuer has none.
        profile.crlFile = try self.all.store.revocationList("root-list", revoking: [revoked])
        for isSoft in [false, true] {
            profile.acceptsUnlisted = isSoft
            let client = try TLSContext(clientProfile: profile)
            let pair = try self.run(TLSContext(serverProfile: TLSProfile(leaf)), client)
            #expect((pair.clientSide.outcome?.peer?.subject == "CN=unlisted") == isSoft)
            if !isSoft { #expect(pair.clientSide.failures.map(\.words) == ["unable to get certificate CRL"]) }
            let bad = try self.run(TLSContext(serverProfile: TLSProfile(revoked)), client)
            #expect(bad.clientSide.failures.map(\.words) == ["certificate revoked"])
            let unknown = try self.run(TLSContext(serverProfile: TLSProfile(self.all.unknown)), client)
            #expect(unknown.clientSide.failures.map(\.reason) == [.certificateInvalid])
        }
    }

    @Test("TLS-20: a list that has expired still tells whom it names; others are let in where soft fail is asked for")
    func expiredList() throws {
        let revoked = try self.all.store.leaf("revoked-once", names: ["DNS:revoked.test"])
        var profile = TLSProfile(nil, trust: self.trust, verify: true)
        let dates = ["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"]
        profile.crlFile = try self.all.store.revocationList("expired-list", revoking: [revoked], as: dates)
        for isSoft in [false, true] {
            profile.acceptsUnlisted = isSoft
            let client = try TLSContext(clientProfile: profile)
            let bad = try self.run(TLSContext(serverProfile: TLSProfile(revoked)), client)
            let words = isSoft ? "certificate revoked" : "CRL has expired"
            #expect(bad.clientSide.failures.map(\.words) == [words])
            let good = try self.run(TLSContext(serverProfile: TLSProfile(self.all.server)), client)
            #expect((good.clientSide.outcome != nil) == isSoft)
        }
    }

    @Test(
        "The own certificate is shown even if the server names other authorities (TLS-29)",
        arguments: TLSVersion.modern
    )
    func authorityHints(version: TLSVersion) throws {
        let server = try TLSContext(
            serverProfile: TLSProfile(
                self.all.server,
                trust: self.all.store.otherAuthority,
                verify: true,
                require: true,
                version: version
            )
        )
        let client = try TLSContext(clientProfile: TLSProfile(self.all.client))
        let pair = try self.run(server, client)
        // The certificate was seen, for it is judged invalid and not missing.
        #expect(pair.serverSide.failures.map(\.reason) == [.certificateInvalid])
    }

    @Test("Files that change touch no connection and no context; a bad set is refused (TLS-09)")
    func reload() throws {
        let old = try self.all.store.leaf("reload-old", names: ["DNS:reload.test"])
        let new = try self.all.store.leaf("reload-new", names: ["DNS:reload.test"])
        let profile = TLSProfile(old)
        let before = try TLSContext(serverProfile: profile)
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        let live = try self.run(before, client)
        let chain = try String(contentsOfFile: new.chain, encoding: .utf8)
        try chain.write(toFile: old.chain, atomically: true, encoding: .utf8)
        #expect(throws: TLSConfigurationError.self) { try TLSContext(serverProfile: profile) }
        let key = try String(contentsOfFile: new.key, encoding: .utf8)
        try key.write(toFile: old.key, atomically: true, encoding: .utf8)
        let after = try TLSContext(serverProfile: profile)
        live.client.writeAndFlush(ByteBuffer(string: "still here"), promise: nil)
        try live.run()
        #expect(live.serverSide.received == Array("still here".utf8))
        #expect(try self.run(before, client).clientSide.outcome?.peer?.subject == "CN=reload-old")
        #expect(try self.run(after, client, scope: "new").clientSide.outcome?.peer?.subject == "CN=reload-new")
    }

    @Test("An address as next hop is matched with the certificate's addresses, and never sent as server name (TLS-06)")
    func address() throws {
        let server = try TLSContext(serverProfile: TLSProfile(self.all.server))
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        for (address, isAccepted) in [("127.0.0.1", true), ("127.0.0.2", false)] {
            let policy = PeerIdentityPolicy.verify(domain: address, acceptsWildcards: false)
            let pair = try self.run(server, client, name: address, identity: policy)
            #expect((pair.clientSide.outcome != nil) == isAccepted)
            #expect(pair.serverSide.outcome?.serverName == nil)
        }
    }

    @Test("A hostile certificate with a thousand names or a NUL does no harm (TLS-52)")
    func hostileCertificates() throws {
        let many = try self.all.store.leaf("many", names: (0..<1000).map { "DNS:n\($0).example.test" })
        let client = try TLSContext(clientProfile: TLSProfile(nil, trust: self.trust, verify: true))
        let last = PeerIdentityPolicy.verify(domain: "n999.example.test", acceptsWildcards: false)
        let good = try self.run(TLSContext(serverProfile: TLSProfile(many)), client, identity: last)
        #expect(good.clientSide.outcome?.peer?.dnsNames.count == 1000)
        let none = PeerIdentityPolicy.verify(domain: "n1000.example.test", acceptsWildcards: false)
        let bad = try self.run(TLSContext(serverProfile: TLSProfile(many)), client, identity: none)
        #expect(bad.clientSide.failures.first?.words.count ?? 1000 < 400)
    }
}

extension TLSVersion {
    /// The versions that are worth testing.
    static let modern: [TLSVersion] = [.tls12, .tls13]
}
