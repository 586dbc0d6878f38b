// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import TestSupport
internal import Testing

@testable internal import EdgeTLS

/// Certificates held against TLSA records inside real handshakes (RFC 6698, 7671, 7673).
@Suite("DANE in the handshake")
struct DANEHandshakeTests {
    /// The TLSA base domain of these tests: an SRV target.
    static let target = "n1.example.org"

    let all: Certificates.Set

    init() throws {
        self.all = try Certificates.all()
    }

    private var store: TestCertificates { self.all.store }

    /// A record of the certificate in a file.
    private func record(
        _ usage: UInt8,
        _ selector: UInt8,
        _ matching: UInt8,
        _ path: String
    ) throws
        -> CertificateAssociation
    {
        CertificateAssociation(
            usage: usage,
            selector: selector,
            matching: matching,
            data: try self.store.association(of: path, selector: selector, matching: matching)
        )
    }

    private func client(_ change: (inout TLSProfile) -> Void = { _ in }) throws -> TLSContext {
        var profile = TLSProfile(nil, trust: self.store.authority, verify: true)
        change(&profile)
        return try TLSContext(clientProfile: profile)
    }

    /// A handshake with a server of this certificate.
    private func meet(
        _ leaf: TestCertificates.Leaf,
        _ records: [CertificateAssociation],
        service: String = "core.example.net",
        client: TLSContext? = nil,
        serverTime: Int64? = nil
    ) throws -> ChannelPair {
        var policy = PeerIdentityPolicy.verify(
            domain: Self.target,
            acceptsWildcards: false,
            alternatives: [service]
        )
        policy.associations = records
        let pair = try ChannelPair(
            server: TLSContext(serverProfile: TLSProfile(leaf), now: serverTime),
            client: client ?? self.client(),
            name: Self.target,
            identity: policy
        )
        try pair.run()
        return pair
    }

    private func reasons(_ pair: ChannelPair) -> [TLSFailure.Reason] { pair.clientSide.failures.map(\.reason) }

    @Test(
        "V-DANE-01, TLS-48, TLS-50: DANE-EE asks for no name, no date and no issuer, and sends the target as server name"
    )
    func domainIssued() throws {
        for (selector, matching) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] as [(UInt8, UInt8)] {
            let pair = try self.meet(self.all.unknown, [self.record(3, selector, matching, self.all.unknown.chain)])
            #expect(pair.clientSide.outcome != nil, "3 \(selector) \(matching): \(pair.clientSide.failures)")
            #expect(pair.serverSide.outcome?.serverName == Self.target)
            let peer = try #require(pair.clientSide.outcome?.peer)
            #expect(peer.subject == "CN=unknown" && peer.sipDomains.isEmpty, "nobody vouches for its names")
        }
        let past = Int64(Date().timeIntervalSince1970) - 10 * 86_400
        let records = [try self.record(3, 1, 1, self.all.expired.chain)]
        let expired = try self.meet(self.all.expired, records, serverTime: past)
        #expect(expired.clientSide.outcome != nil, "\(expired.clientSide.failures)")
        let odd = try self.store.leaf("dane-usage", names: ["DNS:x.test"], usages: ["emailProtection"], issuer: .itself)
        #expect(try self.meet(odd, [self.record(3, 1, 1, odd.chain)]).clientSide.outcome != nil)
    }

    @Test("V-DANE-02: a certificate that matches no record is refused, however valid it is, and the words say why")
    func noMatch() throws {
        let good = try self.store.leaf("dane-good", names: ["DNS:\(Self.target)"])
        for usage in 0...3 as ClosedRange<UInt8> {
            let other = usage == 0 || usage == 2 ? self.store.otherAuthority : self.all.server.chain
            let pair = try self.meet(good, [self.record(usage, 1, 1, other)])
            #expect(self.reasons(pair) == [.daneMismatch], "\(usage)")
            #expect(pair.serverSide.failures.map(\.reason) == [.peerAlert])
            let words = pair.clientSide.failures.first?.words
            #expect(words == "the TLSA record of n1.example.org does not match the certificate")
            #expect(pair.clientSide.failures.first?.refused?.subject == "CN=dane-good")
        }
        let both = [try self.record(3, 1, 1, self.all.server.chain), try self.record(3, 1, 1, self.all.client.chain)]
        let words = try self.meet(good, both).clientSide.failures.first?.words
        #expect(words == "none of 2 TLSA records of n1.example.org matches the certificate")
        let one = [try self.record(3, 1, 1, self.all.server.chain), try self.record(3, 1, 1, good.chain)]
        #expect(try self.meet(good, one).clientSide.outcome != nil, "one match is enough")
    }

    @Test("V-DANE-03: DANE-TA asks for a chain to its anchor, trusted by us or not, in time and for one of both names")
    func trustAnchor() throws {
        let anchor = try self.record(2, 0, 1, self.store.otherAuthority)
        /// The leaf with the anchor behind it, which the server must show (RFC 7671 section 5.2).
        func chained(_ name: String, names: [String]) throws -> TestCertificates.Leaf {
            let leaf = try self.store.leaf(name, names: names, issuer: .otherAuthority)
            let chain = try [leaf.chain, self.store.otherAuthority].map {
                try String(contentsOfFile: $0, encoding: .utf8)
            }
            return TestCertificates.Leaf(chain: try self.store.file(name + "-chain.pem", chain.joined()), key: leaf.key)
        }
        for name in [Self.target, "core.example.net"] {
            let pair = try self.meet(chained("ta-\(name)", names: ["DNS:\(name)"]), [anchor])
            #expect(pair.clientSide.outcome?.peer?.sipDomains == [name], "\(pair.clientSide.failures)")
        }
        let other = try self.meet(chained("ta-other", names: ["DNS:other.example.net"]), [anchor])
        #expect(self.reasons(other) == [.nameMismatch])
        let key = try self.record(2, 1, 0, self.store.otherAuthority)
        #expect(try self.meet(chained("ta-key", names: ["DNS:\(Self.target)"]), [key]).clientSide.outcome != nil)
        let past = Int64(Date().timeIntervalSince1970) - 10 * 86_400
        let own = try self.record(2, 1, 0, self.store.authority)
        let expired = try self.meet(self.all.expired, [own], service: Certificates.Set.domain, serverTime: past)
        #expect(expired.clientSide.failures.map(\.words) == ["certificate has expired"])
    }

    @Test("TLS-48: usages 0 and 1 ask for what PKIX asks too: an authority that we trust, and a name")
    func constrained() throws {
        let good = try self.store.leaf("pkix-good", names: ["DNS:\(Self.target)"])
        let stranger = try self.store.leaf("pkix-stranger", names: ["DNS:\(Self.target)"], issuer: .otherAuthority)
        let issuer = try self.record(0, 0, 1, self.store.authority)
        #expect(try self.meet(good, [issuer]).clientSide.outcome != nil)
        #expect(try self.meet(good, [self.record(1, 1, 1, good.chain)]).clientSide.outcome != nil)
        #expect(try self.reasons(self.meet(stranger, [self.record(1, 1, 1, stranger.chain)])) == [.certificateInvalid])
        let foreign = try self.record(0, 0, 1, self.store.otherAuthority)
        #expect(try self.meet(stranger, [foreign]).clientSide.outcome == nil)
        let named = [try self.record(1, 1, 1, self.all.server.chain)]
        #expect(try self.reasons(self.meet(self.all.server, named)) == [.nameMismatch])
        #expect(try self.meet(self.all.server, named, service: Certificates.Set.domain).clientSide.outcome != nil)
    }

    @Test("V-DANE-10: of several digests the strongest decides (RFC 7671 section 9)")
    func strongestDigest() throws {
        let weak = try self.record(3, 1, 1, self.all.server.chain)
        let strong = try self.record(3, 1, 2, self.all.server.chain)
        let wrong = try self.record(3, 1, 2, self.all.client.chain)
        #expect(try self.reasons(self.meet(self.all.server, [weak, wrong])) == [.daneMismatch])
        #expect(try self.reasons(self.meet(self.all.server, [wrong, weak])) == [.daneMismatch])
        #expect(try self.meet(self.all.server, [weak, strong]).clientSide.outcome != nil)
        let weakWrong = try self.record(3, 1, 1, self.all.client.chain)
        #expect(try self.meet(self.all.server, [weakWrong, strong]).clientSide.outcome != nil)
        // Digests of another selector are other records.
        let certificate = try self.record(3, 0, 1, self.all.server.chain)
        #expect(try self.meet(self.all.server, [certificate, wrong]).clientSide.outcome != nil)
    }

    @Test("TLS-48: records that OpenSSL cannot use let nobody in, by whatever authority")
    func unusable() throws {
        let good = try self.store.leaf("dane-unusable", names: ["DNS:\(Self.target)"])
        let garbage = CertificateAssociation(usage: 3, selector: 0, matching: 0, data: [0x30, 2, 5, 0])
        #expect(try self.reasons(self.meet(good, [garbage])) == [.daneMismatch])
        let match = try self.record(3, 1, 1, good.chain)
        #expect(try self.meet(good, [garbage, match]).clientSide.outcome != nil)
    }

    @Test("TLS-47: a profile that verifies nobody does not switch DANE off")
    func withoutVerification() throws {
        let lenient = try self.client { $0.verify = false }
        let good = try self.record(3, 1, 1, self.all.unknown.chain)
        #expect(try self.meet(self.all.unknown, [good], client: lenient).clientSide.outcome != nil)
        let bad = try self.record(3, 1, 1, self.all.server.chain)
        #expect(try self.reasons(self.meet(self.all.unknown, [bad], client: lenient)) == [.daneMismatch])
        #expect(try self.meet(self.all.unknown, [], client: lenient).clientSide.outcome != nil)
    }

    @Test("What a session was made by is asked for again: other records need a handshake of their own")
    func sessions() throws {
        let client = try self.client()
        let server = try TLSContext(serverProfile: TLSProfile(self.all.unknown))
        func run(_ record: CertificateAssociation) throws -> ChannelPair {
            var policy = PeerIdentityPolicy.none
            policy.associations = [record]
            let pair = try ChannelPair(server: server, client: client, name: Self.target, identity: policy)
            try pair.run()
            return pair
        }
        let record = try self.record(3, 1, 1, self.all.unknown.chain)
        #expect(try run(record).clientSide.outcome?.resumed == false)
        let again = try run(record)
        #expect(again.clientSide.outcome?.resumed == true && again.clientSide.outcome?.peer?.sipDomains == [])
        #expect(try self.reasons(run(self.record(3, 1, 1, self.all.server.chain))) == [.daneMismatch])
    }
}
