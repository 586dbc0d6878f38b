// SPDX-License-Identifier: Apache-2.0

internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// Certificates with keys of several types, and profiles by server name.
@Suite("TLS: several certificates and profiles on one listener")
struct SeveralCertificatesTests {
    let all: Certificates.Set
    let rsa: TestCertificates.Leaf
    /// What is shown under names of `partner.test`.
    let partner: TestCertificates.Leaf

    init() throws {
        self.all = try Certificates.all()
        (self.rsa, self.partner) = try Self.shared.get()
    }

    private static let shared = Result {
        let store = try Certificates.all().store
        return (
            try store.leaf("server-rsa", names: ["DNS:\(Certificates.Set.domain)"], isRSA: true),
            try store.leaf("partner-side", names: ["DNS:*.partner.test"])
        )
    }

    private var trust: String { self.all.store.authority }

    private func client(_ ciphers: String? = nil, leaf: TestCertificates.Leaf? = nil) throws -> TLSContext {
        var profile = TLSProfile(leaf, trust: self.trust, verify: true, version: ciphers == nil ? nil : .tls12)
        profile.ciphers = ciphers
        return try TLSContext(clientProfile: profile)
    }

    private func run(
        _ server: TLSProfile,
        _ client: TLSContext,
        name: String = Certificates.Set.domain
    ) throws -> ChannelPair {
        let pair = try ChannelPair(server: TLSContext(serverProfile: server), client: client, name: name)
        try pair.run()
        return pair
    }

    @Test(
        "ECDSA and RSA side by side: each client gets what it can verify, whichever stands first",
        arguments: [true, false]
    )
    func bothTypes(isRSAFirst: Bool) throws {
        let (first, second) = isRSAFirst ? (self.rsa, self.all.server) : (self.all.server, self.rsa)
        var profile = TLSProfile(first)
        profile.furtherCertificates = [.init(chain: second.chain, key: second.key)]
        let old = try self.run(profile, self.client("ECDHE-RSA-AES128-GCM-SHA256"))
        #expect(old.clientSide.outcome?.peer?.subject == "CN=server-rsa")
        let other = try self.run(profile, self.client("ECDHE-ECDSA-AES128-GCM-SHA256"))
        #expect(other.clientSide.outcome?.peer?.subject == "CN=server")
        let new = try self.run(profile, self.client())
        #expect(new.clientSide.outcome?.peer?.subject == "CN=server", "version 1.3 prefers ECDSA")
        let summaries = try TLSContext(serverProfile: profile).certificateSummaries
        #expect(summaries.map(\.file) == [first.chain, second.chain])
    }

    @Test("Two keys of one type are refused: one of them could never be shown")
    func sameType() throws {
        var profile = TLSProfile(self.all.server)
        profile.furtherCertificates = [.init(chain: self.all.chained.chain, key: self.all.chained.key)]
        let error = #expect(throws: TLSConfigurationError.self) { try TLSContext(serverProfile: profile) }
        #expect(error?.problem == .sameKeyType && error?.file == self.all.chained.chain)
    }

    @Test("A server name with one type of key does not fall back on the listener's other type (TLS-07)")
    func nameWithOneType() throws {
        let tenant = try self.all.store.leaf("tenant-rsa", names: ["DNS:rsa.test"], isRSA: true)
        var profile = TLSProfile(self.all.server)
        profile.furtherCertificates = [.init(chain: self.rsa.chain, key: self.rsa.key)]
        profile.additionalServerNames = [
            .init(name: "rsa.test", use: .certificates([.init(chain: tenant.chain, key: tenant.key)]))
        ]
        let good = try self.run(profile, self.client(), name: "rsa.test")
        #expect(good.clientSide.outcome?.peer?.subject == "CN=tenant-rsa")
        let none = try self.run(profile, self.client("ECDHE-ECDSA-AES128-GCM-SHA256"), name: "rsa.test")
        #expect(none.clientSide.outcome == nil && none.serverSide.failures.map(\.reason) == [.parameters])
    }

    /// A listener that is a tunnel only, but for one name, whose clients need a certificate of another authority.
    private func byName(_ change: (inout TLSProfile) -> Void = { _ in }) throws -> TLSProfile {
        var inner = TLSProfile(self.partner, trust: self.trust, verify: true, require: true)
        change(&inner)
        var profile = TLSProfile(self.all.server)
        profile.additionalServerNames = [.init(name: "*.partner.test", use: .profile(inner))]
        return profile
    }

    @Test("Another profile applies to a server name: whom it lets in", arguments: TLSVersion.modern)
    func profileByName(version: TLSVersion) throws {
        let profile = try self.byName {
            ($0.minimumVersion, $0.maximumVersion) = (version, version)
        }
        let open = try self.run(profile, self.client())
        #expect(open.serverSide.outcome?.peer == nil && open.serverSide.outcome != nil)
        let refused = try self.run(profile, self.client(), name: "a.partner.test")
        #expect(refused.serverSide.failures.map(\.reason) == [.certificateMissing])
        let known = try self.run(profile, self.client(leaf: self.all.client), name: "a.partner.test")
        #expect(known.serverSide.outcome?.peer?.sipDomains == ["client.example.test"])
        #expect(known.serverSide.outcome?.version == version)
        #expect(known.clientSide.outcome?.peer?.subject == "CN=partner-side")
        let stranger = try self.run(profile, self.client(leaf: self.all.unknown), name: "a.partner.test")
        #expect(stranger.serverSide.failures.map(\.reason) == [.certificateInvalid])
        #expect(stranger.serverSide.failures.first?.refused != nil, "its certificate is told (TLS-54)")
    }

    @Test("Another profile applies to a server name: versions, ciphers and tickets")
    func parametersByName() throws {
        let old = try self.byName {
            $0.maximumVersion = .tls12
            $0.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"
            $0.sessionTickets = false
            ($0.verify, $0.require) = (false, false)
        }
        let server = try TLSContext(serverProfile: old)
        let client = try self.client()
        for _ in 0..<2 {
            let pair = try ChannelPair(server: server, client: client, name: "a.partner.test")
            try pair.run()
            #expect(pair.serverSide.outcome?.version == .tls12)
            #expect(pair.serverSide.outcome?.cipher == "ECDHE-ECDSA-AES256-GCM-SHA384")
            #expect(pair.serverSide.outcome?.resumed == false)
        }
        let other = try self.run(old, self.client())
        #expect(other.serverSide.outcome?.version == .tls13)
    }

    @Test(
        "TLS-05: a session of a name that needs no certificate opens no name that needs one",
        arguments: TLSVersion.modern
    )
    func sessionOfAnotherProfile(version: TLSVersion) throws {
        var profile = try self.byName()
        (profile.minimumVersion, profile.maximumVersion) = (version, version)
        let loopback = try LoopbackServer(context: TLSContext(serverProfile: profile))
        defer { loopback.stop() }
        let session = self.all.store.directory + "/by-name-\(version).session"
        func connect(_ name: String, _ flag: String) -> String {
            let arguments = [
                "s_client", "-connect", loopback.address, version == .tls12 ? "-tls1_2" : "-tls1_3", "-CAfile",
                self.trust,
                "-nocommands", "-ign_eof", "-servername", name, flag, session,
            ]
            return (try? TestCertificates.run("openssl", arguments, input: "bye\n").1) ?? ""
        }
        #expect(connect(Certificates.Set.domain, "-sess_out").contains("New, TLS"))
        #expect(connect(Certificates.Set.domain, "-sess_in").contains("Reused, TLS"))
        let other = connect("a.partner.test", "-sess_in")
        #expect(!other.contains("Reused, TLS") && other.contains("CN = partner-side"))
    }

    @Test("The old phones' CBC is let in when asked for, and only then (TLS-03)", arguments: [false, true])
    func cbc(isAllowed: Bool) throws {
        var profile = TLSProfile(self.all.server)
        profile.allowsCBC = isAllowed
        let pair = try self.run(profile, self.client("ECDHE-ECDSA-AES128-SHA"))
        #expect((pair.clientSide.outcome?.cipher == "ECDHE-ECDSA-AES128-SHA") == isAllowed)
        let new = try self.run(profile, self.client("ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256"))
        #expect(new.clientSide.outcome?.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256" || isAllowed)
        #expect(new.clientSide.outcome != nil)
    }

    @Test("Groups are those of the profile; unknown ones are refused with a hint")
    func groups() throws {
        var profile = TLSProfile(self.all.server)
        profile.groups = "P-384"
        var asking = TLSProfile(nil, trust: self.trust, verify: true)
        for (groups, isAccepted) in [("X25519", false), ("P-256:P-384", true)] {
            asking.groups = groups
            let pair = try self.run(profile, TLSContext(clientProfile: asking))
            #expect((pair.clientSide.outcome != nil) == isAccepted)
            if !isAccepted { #expect(pair.serverSide.failures.map(\.reason) == [.parameters]) }
        }
        profile.groups = "X25519:curve-of-nobody"
        let error = #expect(throws: TLSConfigurationError.self) { try TLSContext(serverProfile: profile) }
        #expect(error?.problem == .unknownGroups)
    }

    @Test("TLS-19: a client may show a certificate made for servers where that is allowed")
    func serverCertificateOfClient() throws {
        let leaf = try self.all.store.leaf("server-only", names: ["DNS:partner.test"], usages: ["serverAuth"])
        var profile = TLSProfile(self.all.server, trust: self.trust, verify: true, require: true)
        #expect(try self.run(profile, self.client(leaf: leaf)).serverSide.outcome == nil)
        profile.extendedKeyUsage = .compatibleAcceptingServerAsClient
        #expect(try self.run(profile, self.client(leaf: leaf)).serverSide.outcome?.peer?.subject == "CN=server-only")
    }
}
