// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// What `openssl ocsp` says of certificates, stapled by a server and judged by a client (RFC 6066 section 8, TLS-20).
@Suite("OCSP stapling")
struct StaplingTests {
    /// The certificates and responses that these tests share.
    struct Scene: Sendable {
        let leaf: TestCertificates.Leaf
        let other: TestCertificates.Leaf
        let good: String
        let revoked: String
        let unknown: String
        let ofOther: String
    }

    let all: Certificates.Set
    let scene: Scene

    init() throws {
        self.all = try Certificates.all()
        self.scene = try Self.shared.get()
    }

    private static let shared = Result {
        let store = try Certificates.all().store
        let names = ["DNS:\(Certificates.Set.domain)"]
        let leaf = try store.leaf("stapled", names: names, issuer: .intermediate, responder: "http://ocsp.test:8080/q")
        let other = try store.leaf("stapled-other", names: names, issuer: .intermediate)
        return Scene(
            leaf: leaf,
            other: other,
            good: try store.ocspResponse("good", leaf, .good),
            revoked: try store.ocspResponse("revoked", leaf, .revoked),
            unknown: try store.ocspResponse("unknown", leaf, .unknown),
            ofOther: try store.ocspResponse("of-other", other, .good)
        )
    }

    private func server(_ staple: String?) -> TLSProfile {
        var profile = TLSProfile(self.scene.leaf)
        profile.stapleFile = staple
        return profile
    }

    /// A server that staples whatever it has, as one of somebody else might.
    private func carelessServer(_ response: String, version: TLSVersion? = nil) throws -> TLSContext {
        let staples = Staples()
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: response)))
        let profile = TLSProfile(self.scene.leaf, version: version)
        let context = try TLSContext(serverProfile: profile, secrets: TLSSecrets(staples: staples))
        let fingerprint = try #require(context.own.all.first?.leaf.fingerprint)
        staples.set(Staples.Staple(bytes: bytes, endsAt: .max), for: fingerprint)
        return context
    }

    private func client(_ policy: OCSPPolicy) throws -> TLSContext {
        var profile = TLSProfile(nil, trust: self.all.store.authority, verify: true)
        profile.ocsp = policy
        return try TLSContext(clientProfile: profile)
    }

    private func run(_ server: TLSContext, _ client: TLSContext) throws -> ChannelPair {
        let pair = try ChannelPair(server: server, client: client)
        try pair.run()
        return pair
    }

    @Test("TLS-20: a good staple is taken, also where one is required", arguments: TLSVersion.modern)
    func good(version: TLSVersion) throws {
        for policy in [OCSPPolicy.off, .check, .require] {
            var profile = self.server(self.scene.good)
            (profile.minimumVersion, profile.maximumVersion) = (version, version)
            let pair = try self.run(TLSContext(serverProfile: profile), self.client(policy))
            #expect(pair.clientSide.outcome != nil, "\(policy): \(pair.clientSide.failures)")
        }
    }

    @Test("TLS-20: a session that is taken up again was judged when it was made", arguments: TLSVersion.modern)
    func resumed(version: TLSVersion) throws {
        var profile = self.server(self.scene.good)
        (profile.minimumVersion, profile.maximumVersion) = (version, version)
        let (server, client) = (try TLSContext(serverProfile: profile), try self.client(.require))
        #expect(try self.run(server, client).clientSide.outcome?.resumed == false)
        #expect(try self.run(server, client).clientSide.outcome?.resumed == true)
    }

    @Test(
        "TLS-20: a staple that says revoked or unknown, of another certificate or broken is refused",
        arguments: TLSVersion.modern
    )
    func bad(version: TLSVersion) throws {
        let broken = try self.all.store.file("broken-\(version).ocsp", "no response")
        let rows: [(String, OCSPResponse.Fault)] = [
            (self.scene.revoked, .revoked), (self.scene.unknown, .unknown), (self.scene.ofOther, .otherCertificate),
            (broken, .malformed),
        ]
        for (file, fault) in rows {
            let server = try self.carelessServer(file, version: version)
            let pair = try self.run(server, self.client(.check))
            #expect(pair.clientSide.outcome == nil)
            #expect(pair.clientSide.failures.map(\.reason) == [.certificateInvalid])
            #expect(pair.clientSide.failures.map(\.words) == [fault.words])
            #expect(pair.clientSide.failures.first?.refused?.subject == "CN=stapled")
            #expect(pair.serverSide.failures.map(\.reason) == [.peerAlert])
            #expect(try self.run(server, self.client(.off)).clientSide.outcome != nil, "nobody asked for it")
        }
    }

    @Test("TLS-20: without a staple only those are refused from whom one is required", arguments: TLSVersion.modern)
    func missing(version: TLSVersion) throws {
        var profile = self.server(nil)
        (profile.minimumVersion, profile.maximumVersion) = (version, version)
        let server = try TLSContext(serverProfile: profile)
        #expect(try self.run(server, self.client(.check)).clientSide.outcome != nil)
        let refused = try self.run(server, self.client(.require))
        #expect(refused.clientSide.failures.map(\.words) == ["the peer staples no OCSP response, and one is required"])
    }

    @Test("TLS-20: a staple that has expired, or is of the future, counts for nothing")
    func times() throws {
        let now = Int64(Date().timeIntervalSince1970)
        let context = try TLSContext(serverProfile: self.server(nil))
        let own = try #require(context.own.all.first)
        let issuer = try #require(own.chain.first)
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: self.scene.good)))
        func judge(_ time: Int64) throws(OCSPResponse.Fault) -> Int64 {
            try OCSPResponse.judge(bytes, about: own.leaf, issuedBy: issuer, now: time)
        }
        let end = try judge(now)
        #expect((now + 3000...now + 3700).contains(end))
        #expect(throws: OCSPResponse.Fault.outdated) { _ = try judge(end + Int64(OCSPResponse.leeway) + 1) }
        #expect(throws: OCSPResponse.Fault.outdated) { _ = try judge(now - 3600) }
        #expect(throws: OCSPResponse.Fault.badSignature) {
            _ = try OCSPResponse.judge(bytes, about: own.leaf, issuedBy: own.leaf, now: now)
        }
        for count in 0..<bytes.count {
            #expect(throws: OCSPResponse.Fault.self) {
                _ = try OCSPResponse.judge(Array(bytes.prefix(count)), about: own.leaf, issuedBy: issuer, now: now)
            }
        }
    }

    @Test("A server takes from a file what is good only, and says what is wrong with another")
    func files() throws {
        for (file, fault) in [
            (self.scene.revoked, OCSPResponse.Fault.revoked), (self.scene.ofOther, .otherCertificate),
        ] {
            let error = #expect(throws: TLSConfigurationError.self) { try TLSContext(serverProfile: self.server(file)) }
            #expect(error?.problem == .unusableStaple && error?.file == file && error?.reason == fault.words)
        }
        let tomorrow = Int64(Date().timeIntervalSince1970) + 86_400
        let secrets = TLSSecrets()
        let late = try TLSContext(serverProfile: self.server(self.scene.good), secrets: secrets, now: tomorrow)
        #expect(late.warnings.contains { $0.contains("the OCSP response has expired") })
        var chainless = TLSProfile(self.all.chainless)
        chainless.stapleFile = self.scene.good
        let error = #expect(throws: TLSConfigurationError.self) { try TLSContext(serverProfile: chainless) }
        #expect(error?.reason.contains("issuer") == true)
    }

    @Test("A staple is no longer shown when it has had its time")
    func expiry() {
        let staples = Staples()
        staples.set(Staples.Staple(bytes: [1], endsAt: 1000), for: [7])
        // A file that is older than what was fetched replaces nothing, as at a reload.
        staples.set(Staples.Staple(bytes: [2], endsAt: 999), for: [7])
        #expect(staples.staple(for: [7], now: 0)?.bytes == [1])
        #expect(staples.staple(for: [7], now: 999)?.bytes == [1])
        #expect(staples.staple(for: [7], now: 1000) == nil)
        #expect(staples.staple(for: [8], now: 0) == nil)
    }

    @Test("openssl s_client sees the staple of the certificate that it is shown", arguments: TLSVersion.modern)
    func interoperation(version: TLSVersion) throws {
        var profile = self.server(self.scene.good)
        (profile.minimumVersion, profile.maximumVersion) = (version, version)
        profile.additionalServerNames = [
            .init(
                name: "other.test",
                use: .certificates([
                    .init(chain: self.scene.other.chain, key: self.scene.other.key, staple: self.scene.ofOther)
                ])
            ),
            .init(
                name: "none.test",
                use: .certificates([.init(chain: self.all.chained.chain, key: self.all.chained.key)])
            ),
        ]
        let loopback = try LoopbackServer(context: TLSContext(serverProfile: profile))
        defer { loopback.stop() }
        for (name, isStapled) in [(Certificates.Set.domain, true), ("other.test", true), ("none.test", false)] {
            let output = try self.all.store.openssl(
                [
                    "s_client", "-connect", loopback.address, "-CAfile", self.all.store.authority, "-status",
                    "-servername", name, "-nocommands", "-ign_eof",
                ],
                input: "bye\n"
            )
            #expect(output.contains("Cert Status: good") == isStapled, "\(name)")
            #expect(output.contains("OCSP response: no response sent") != isStapled, "\(name)")
        }
    }

    @Test("A certificate whose authority cannot be asked is warned of")
    func fetchWarnings() throws {
        for (leaf, words) in [
            (self.all.chainless, "issuer"), (self.all.chained, "no responder"), (self.scene.leaf, nil),
        ] {
            var profile = TLSProfile(leaf)
            profile.fetchesStaples = true
            let context = try TLSContext(serverProfile: profile)
            let warnings = context.warnings.filter { $0.contains("cannot be fetched") }
            #expect(warnings.isEmpty == (words == nil))
            if let words { #expect(warnings.allSatisfy { $0.contains(words) }) }
        }
        var profile = TLSProfile(self.scene.leaf)
        #expect(try TLSContext(serverProfile: profile).certificatesToStaple.isEmpty)
        profile.fetchesStaples = true
        let certificate = try #require(try TLSContext(serverProfile: profile).certificatesToStaple.first)
        #expect(certificate.responder == "http://ocsp.test:8080/q")
        #expect(certificate.request()?.isEmpty == false)
    }
}
