// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation
internal import TestSupport
internal import Testing

/// What a profile is refused for, and with which words.
@Suite("TLS profiles")
struct ConfigurationTests {
    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private func refusal(_ profile: TLSProfile, asServer: Bool = true, now: Int64? = nil) -> TLSConfigurationError? {
        do {
            _ =
                asServer
                ? try TLSContext(serverProfile: profile, now: now) : try TLSContext(clientProfile: profile, now: now)
            return nil
        } catch {
            return error
        }
    }

    @Test("A good profile has a summary of its certificate and no warnings")
    func good() throws {
        let context = try TLSContext(
            serverProfile: TLSProfile(self.all.server, trust: self.all.store.authority, verify: true)
        )
        let summary = try #require(context.certificateSummaries.first)
        let now = Int64(Date().timeIntervalSince1970)
        #expect(summary.subject == "CN=server" && summary.file == self.all.server.chain)
        #expect(summary.dnsNames == [Certificates.Set.domain] && summary.addresses == ["127.0.0.1"])
        // 30 within the second in which it was made.
        #expect((29...30).contains(summary.daysLeft(now: now)) && summary.daysLeft(now: summary.notAfter) == 0)
        #expect(summary.daysLeft(now: summary.notAfter - 86_400) == 1)
        #expect(summary.daysLeft(now: summary.notAfter + 1) == -1)
        #expect(context.warnings.isEmpty, "\(context.warnings)")
    }

    @Test("Missing, unreadable and unfit files are named, with what to do")
    func files() throws {
        let store = self.all.store
        let empty = try store.file("empty.pem", "")
        let broken = try store.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        let rows: [(String?, String?, String?, TLSConfigurationError.Problem, String?)] = [
            ("/nowhere.pem", self.all.server.key, nil, .unreadableFile, "/nowhere.pem"),
            (self.all.server.chain, "/nowhere.key", nil, .unreadableFile, "/nowhere.key"),
            (store.directory, self.all.server.key, nil, .unreadableFile, store.directory),
            (empty, self.all.server.key, nil, .malformedCertificate, empty),
            (broken, self.all.server.key, nil, .malformedCertificate, broken),
            (self.all.server.chain, empty, nil, .malformedKey, empty),
            (self.all.server.chain, self.all.server.chain, nil, .malformedKey, self.all.server.chain),
            (self.all.server.chain, self.all.client.key, nil, .keyMismatch, self.all.client.key),
            (self.all.expired.chain, self.all.expired.key, nil, .expired, self.all.expired.chain),
            (self.all.server.chain, self.all.server.key, empty, .emptyTrust, empty),
            (self.all.server.chain, self.all.server.key, "/no/ca.pem", .unreadableFile, "/no/ca.pem"),
            (self.all.server.chain, nil, nil, .missingCertificate, self.all.server.chain),
            (nil, nil, nil, .missingCertificate, nil),
        ]
        for (chain, key, trust, problem, file) in rows {
            let profile = TLSProfile(
                certificateChainFile: chain,
                privateKeyFile: key,
                trustFile: trust,
                verify: trust != nil
            )
            let refusal = try #require(self.refusal(profile))
            #expect(refusal.problem == problem && refusal.file == file, "\(refusal)")
            #expect(!refusal.reason.isEmpty && !refusal.advice.isEmpty)
        }
        #expect(self.refusal(TLSProfile(nil), asServer: false) == nil)
    }

    @Test("A key with a passphrase is refused without asking for it")
    func encryptedKey() throws {
        let path = self.all.store.directory + "/locked.key"
        try self.all.store.openssl([
            "pkey", "-in", self.all.server.key, "-aes128", "-passout", "pass:secret", "-out", path,
        ])
        let profile = TLSProfile(certificateChainFile: self.all.server.chain, privateKeyFile: path, verify: false)
        #expect(self.refusal(profile)?.problem == .encryptedKey)
    }

    @Test("A chain in the wrong order says which certificate to put first")
    func upsideDown() throws {
        let chain = try String(contentsOfFile: self.all.chained.chain, encoding: .utf8)
        let parts = chain.components(separatedBy: "-----END CERTIFICATE-----\n").filter { !$0.isEmpty }
        let turned = parts.reversed().map { $0 + "-----END CERTIFICATE-----\n" }.joined()
        let path = try self.all.store.file("turned.pem", turned)
        let profile = TLSProfile(certificateChainFile: path, privateKeyFile: self.all.chained.key, verify: false)
        let refusal = try #require(self.refusal(profile))
        #expect(refusal.problem == .keyMismatch && refusal.advice.contains("own certificate first"))
    }

    @Test("A chain without its intermediate is taken, with a warning")
    func incomplete() throws {
        let trust = self.all.store.authority
        let chainless = try TLSContext(serverProfile: TLSProfile(self.all.chainless, trust: trust, verify: true))
        #expect(
            chainless.warnings.count == 1 && chainless.warnings[0].contains("CN=intermediate"),
            "\(chainless.warnings)"
        )
        let chained = try TLSContext(serverProfile: TLSProfile(self.all.chained, trust: trust, verify: true))
        #expect(chained.warnings.isEmpty, "\(chained.warnings)")
    }

    @Test("TLS-20: a revocation list that has expired is warned of, with what comes of it", arguments: [false, true])
    func expiredList(isSoft: Bool) throws {
        var profile = TLSProfile(nil, trust: self.all.store.authority, verify: true)
        profile.crlFile = try self.all.store.revocationList("ending-\(isSoft)", revoking: [self.all.client])
        profile.acceptsUnlisted = isSoft
        #expect(try TLSContext(clientProfile: profile).warnings.isEmpty)
        let later = UnixTime.now + 40 * 86_400
        let warnings = try TLSContext(clientProfile: profile, now: later).warnings
        let effect = isSoft ? "that it does not name is not held to be revoked" : "its peers are refused"
        #expect(warnings.count == 1 && warnings[0].contains("CN=Brana test ca has expired"), "\(warnings)")
        #expect(warnings.first?.contains(effect) == true)
    }

    @Test("TLS-20: of the lists of one issuer that which is valid longest counts, of several issuers the first to end")
    func listsOfOneIssuer() throws {
        func list(_ name: String, days: Int, as issuer: [String] = []) throws -> String {
            let path = try self.all.store.revocationList(name, revoking: [], as: issuer + ["-crldays", "\(days)"])
            return try String(contentsOfFile: path, encoding: .utf8)
        }
        let other = self.all.store.otherAuthority
        let otherKey = self.all.store.directory + "/other.key"
        let files = try [
            list("of-one-1", days: 5), list("of-one-2", days: 60),
            list("of-other", days: 50, as: ["-cert", other, "-keyfile", otherKey]),
        ]
        let (now, day) = (UnixTime.now, Int64(86_400))
        for (number, end, warned) in [(1, 5, 1), (2, 60, 0), (3, 50, 0)] as [(Int, Int64, Int)] {
            var profile = TLSProfile(nil, trust: self.all.store.authority, verify: true)
            profile.crlFile = try self.all.store.file("of-one-\(number).crls", files.prefix(number).joined())
            let context = try TLSContext(clientProfile: profile, now: now + 10 * day)
            let left = try #require(context.revocationsEnd) - now
            #expect((end * day - 60...end * day + 60).contains(left), "\(number): \(left)")
            #expect(context.warnings.count == warned, "\(context.warnings)")
        }
    }

    @Test("A certificate that ends within two weeks is warned of", arguments: [(20, false), (15, false), (10, true)])
    func ending(days: Int, isWarned: Bool) throws {
        let leaf = try self.all.store.leaf("ending-\(days)", days: days)
        let warnings = try TLSContext(serverProfile: TLSProfile(leaf)).warnings
        #expect(
            warnings.contains { $0.contains("CN=ending-\(days) expires in ") && $0.hasSuffix("renew it") } == isWarned
        )
    }

    @Test("A certificate that is not valid yet is refused")
    func notYetValid() throws {
        let leaf = try self.all.store.leaf("future", startsIn: 5)
        #expect(self.refusal(TLSProfile(leaf))?.problem == .notYetValid)
    }

    @Test("What contradicts itself is refused before any file is read")
    func contradictions() {
        var profile = TLSProfile(self.all.server, require: true)
        #expect(self.refusal(profile)?.problem == .contradiction)
        profile = TLSProfile(self.all.server)
        profile.minimumVersion = .tls13
        profile.maximumVersion = .tls12
        #expect(self.refusal(profile)?.problem == .invalidVersions)
        profile = TLSProfile(self.all.server)
        profile.crlFile = "/nowhere.crl"
        #expect(self.refusal(profile)?.problem == .contradiction)
    }

    @Test(
        "Ciphers that match nothing are refused, also those that are never used (TLS-03)",
        arguments: [
            "NO-SUCH-CIPHER", "AES128-SHA", "DES-CBC3-SHA", "NULL-SHA256",
        ]
    )
    func ciphers(text: String) {
        var profile = TLSProfile(self.all.server)
        profile.ciphers = text
        #expect(self.refusal(profile)?.problem == .unknownCiphers)
    }

    @Test("Cipher suites that do not exist are refused")
    func cipherSuites() {
        var profile = TLSProfile(self.all.server)
        profile.cipherSuites = "TLS_NO_SUCH_SUITE"
        #expect(self.refusal(profile)?.problem == .unknownCiphers)
    }

    @Test("Versions have the names that configurations use")
    func versions() {
        #expect(TLSVersion.allCases.map(\.description) == ["1.0", "1.1", "1.2", "1.3"])
        #expect(TLSVersion("1.2") == .tls12 && TLSVersion("2") == nil && TLSVersion.tls12 < .tls13)
    }
}
