// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Testing

/// Certificate names against reference names: the rows V-CERT of the vectors.
@Suite("SIP domain identities (RFC 5922 section 7)")
struct PeerIdentityPolicyTests {
    /// One row: the alternative names, what is asked for, and the answer in the strict mode and with everything
    /// allowed.
    struct Row: Sendable, CustomTestStringConvertible {
        let id: String
        var uris: [String] = []
        var dns: [String] = []
        var addresses: [[UInt8]] = []
        var commonName: String?
        var reference = "example.com"
        let strict: Bool
        let lenient: Bool

        var testDescription: String { self.id }

        var names: CertificateNames {
            CertificateNames(
                hasAlternativeNames: !(self.uris.isEmpty && self.dns.isEmpty && self.addresses.isEmpty),
                uris: self.uris.map { Array($0.utf8) },
                dnsNames: self.dns.map { Array($0.utf8) },
                addresses: self.addresses,
                commonName: self.commonName.map { Array($0.utf8) }
            )
        }
    }

    static let rows = [
        Row(id: "V-CERT-01", uris: ["sip:example.com"], strict: true, lenient: true),
        Row(id: "V-CERT-02", uris: ["SIP:EXAMPLE.COM"], strict: true, lenient: true),
        Row(id: "V-CERT-03", uris: ["sip:example.com:5061;transport=tcp"], strict: true, lenient: true),
        Row(id: "V-CERT-03 parameter", uris: ["SIP:EXAMPLE.COM;transport=tcp"], strict: true, lenient: true),
        Row(id: "V-CERT-03 header", uris: ["sip:example.com?x=y"], strict: true, lenient: true),
        Row(id: "V-CERT-04", uris: ["sips:example.com"], strict: false, lenient: false),
        Row(id: "V-CERT-05", uris: ["sip:alice@example.com"], strict: false, lenient: false),
        Row(id: "V-CERT-06", uris: ["sip:alice@example.com"], dns: ["example.com"], strict: true, lenient: true),
        Row(id: "V-CERT-07", uris: ["sip:other.example"], dns: ["example.com"], strict: false, lenient: false),
        Row(id: "V-CERT-08", uris: ["https://example.com"], dns: ["example.com"], strict: true, lenient: true),
        Row(id: "V-CERT-09", dns: ["example.com"], strict: true, lenient: true),
        Row(id: "V-CERT-10", dns: ["EXAMPLE.COM"], strict: true, lenient: true),
        Row(id: "V-CERT-10 dot", dns: ["example.com."], strict: true, lenient: true),
        Row(
            id: "V-CERT-10 dot in the reference",
            dns: ["example.com"],
            reference: "example.com.",
            strict: true,
            lenient: true
        ),
        Row(id: "V-CERT-11", dns: ["sip.example.com"], strict: false, lenient: false),
        Row(id: "V-CERT-12", dns: ["example.com"], reference: "sip.example.com", strict: false, lenient: false),
        Row(id: "V-CERT-13", dns: ["*.example.com"], reference: "sip.example.com", strict: false, lenient: true),
        Row(
            id: "V-CERT-13 two labels",
            dns: ["*.example.com"],
            reference: "a.b.example.com",
            strict: false,
            lenient: false
        ),
        Row(id: "V-CERT-13 apex", dns: ["*.example.com"], strict: false, lenient: false),
        Row(id: "V-CERT-13 top level", dns: ["*.com"], strict: false, lenient: false),
        Row(id: "V-CERT-13 all", dns: ["*"], strict: false, lenient: false),
        Row(
            id: "V-CERT-13 part of a label",
            dns: ["s*.example.com"],
            reference: "sip.example.com",
            strict: false,
            lenient: false
        ),
        Row(id: "V-CERT-14", commonName: "example.com", strict: false, lenient: true),
        Row(id: "V-CERT-15", addresses: [[192, 0, 2, 1]], commonName: "example.com", strict: false, lenient: false),
        Row(id: "V-CERT-16", dns: ["n1.dc.example.org"], reference: "core.example.net", strict: false, lenient: false),
        Row(id: "V-CERT-19", dns: ["example.com\0.evil.example"], strict: false, lenient: false),
        Row(id: "V-CERT-19 URI", uris: ["sip:example.com\0.evil.example"], strict: false, lenient: false),
        Row(id: "V-CERT-19 common name", commonName: "example.com\0", strict: false, lenient: false),
        Row(id: "V-CERT-20", dns: ["xn--bcher-kva.example"], reference: "bücher.example", strict: true, lenient: true),
        Row(id: "V-CERT-20 raw", dns: ["bücher.example"], reference: "bücher.example", strict: false, lenient: false),
        Row(id: "V-CERT-21", addresses: [[192, 0, 2, 1]], reference: "192.0.2.1", strict: false, lenient: true),
        Row(
            id: "V-CERT-21 IPv6",
            addresses: [[0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]],
            reference: "[2001:db8::1]",
            strict: false,
            lenient: true
        ),
        Row(id: "V-CERT-21 as DNS name", dns: ["192.0.2.1"], reference: "192.0.2.1", strict: false, lenient: false),
        Row(id: "nothing at all", strict: false, lenient: false),
        Row(id: "empty name", dns: ["", ".", ".."], reference: "", strict: false, lenient: false),
    ]

    @Test("TLS-11, TLS-14 to TLS-17: a certificate's names against a reference name", arguments: Self.rows)
    func row(_ row: Row) {
        let strict = PeerIdentityPolicy.verify(domain: row.reference, acceptsWildcards: false, acceptsAddresses: false)
        let lenient = PeerIdentityPolicy.verify(domain: row.reference, acceptsWildcards: true, acceptsCommonName: true)
        #expect(strict.accepts(row.names) == row.strict, "strict")
        #expect(lenient.accepts(row.names) == row.lenient, "lenient")
        #expect(PeerIdentityPolicy.none.accepts(row.names))
    }

    @Test("An empty subjectAltName leaves no room for the common name (TLS-52)")
    func emptyAlternativeNames() {
        let names = CertificateNames(hasAlternativeNames: true, commonName: Array("example.com".utf8))
        #expect(names.sipDomains(acceptingCommonName: true).isEmpty)
    }

    @Test("A name that the operator gives besides the domain is accepted (V-CERT-18, TLS-13)")
    func alternatives() {
        let names = CertificateNames(hasAlternativeNames: true, dnsNames: [Array("n1.dc.example.org".utf8)])
        let policy = PeerIdentityPolicy.verify(
            domain: "core.example.net",
            acceptsWildcards: false,
            alternatives: ["n1.dc.example.org"]
        )
        #expect(policy.accepts(names))
    }

    @Test("Any bytes as names do no harm (TLS-52)")
    func hostileBytes() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let names = CertificateNames(
                hasAlternativeNames: true,
                uris: [Array("sip:".utf8) + bytes, bytes],
                dnsNames: [bytes],
                addresses: [bytes],
                commonName: bytes
            )
            let policy = PeerIdentityPolicy.verify(
                domain: "example.com",
                acceptsWildcards: true,
                acceptsCommonName: true
            )
            #expect(!policy.accepts(names))
        }
    }

    @Test(
        "A-labels as RFC 3492 writes them",
        arguments: [
            ("bücher", "xn--bcher-kva"), ("münchen.example", "xn--mnchen-3ya.example"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("plain.example", "plain.example"), ("Pročprostěnemluvíčesky", "xn--proprostnemluvesky-uyb24dma41a"),
        ]
    )
    func punycode(name: String, ascii: String) {
        #expect(InternationalName.asciiForm(of: name) == Array(ascii.utf8))
    }

    @Test("A label that would be too long has no A-label")
    func tooLong() {
        #expect(InternationalName.asciiForm(of: String(repeating: "ü", count: 200) + ".example") == nil)
    }

    /// One row of V-EKU, with the answer for a peer as server, as client, in the strict mode, and as client when
    /// servers' certificates are accepted.
    struct UsageRow: Sendable {
        let id: String
        let usages: ExtendedKeyUsages
        let server: Bool
        let client: Bool
        let strict: Bool
        let opened: Bool

        init(_ id: String, _ usages: ExtendedKeyUsages, _ server: Bool, _ client: Bool, _ strict: Bool, _ opened: Bool)
        {
            (self.id, self.usages) = (id, usages)
            (self.server, self.client, self.strict, self.opened) = (server, client, strict, opened)
        }
    }

    static let usageRows = [
        UsageRow("V-EKU-01", [], true, true, true, true),
        UsageRow("V-EKU-02", .serverAuthentication, true, false, false, true),
        UsageRow("V-EKU-03", .clientAuthentication, false, true, false, true),
        UsageRow("V-EKU-04", [.serverAuthentication, .clientAuthentication], true, true, false, true),
        UsageRow("V-EKU-05", .sipDomain, true, true, true, true),
        UsageRow("V-EKU-06", .any, true, true, false, true),
        UsageRow("V-EKU-07", .other, false, false, false, false),
    ]

    @Test("Extended key usages, peer as server and as client (V-EKU, RFC 5924, TLS-18)", arguments: Self.usageRows)
    func usages(row: UsageRow) {
        #expect(ExtendedKeyUsagePolicy.compatible.accepts(row.usages, ofServer: true) == row.server)
        #expect(ExtendedKeyUsagePolicy.compatible.accepts(row.usages, ofServer: false) == row.client)
        #expect(ExtendedKeyUsagePolicy.strict.accepts(row.usages, ofServer: true) == row.strict)
        #expect(ExtendedKeyUsagePolicy.strict.accepts(row.usages, ofServer: false) == row.strict)
        let accepting = ExtendedKeyUsagePolicy.compatibleAcceptingServerAsClient
        #expect(accepting.accepts(row.usages, ofServer: false) == row.opened)
    }
}
