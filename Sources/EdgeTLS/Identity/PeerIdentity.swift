// SPDX-License-Identifier: Apache-2.0

/// Whom a verified certificate says that the peer is.
package struct PeerIdentity: Sendable, Hashable {
    /// The subject's distinguished name as RFC 2253 writes it.
    package let subject: String
    /// The issuer's distinguished name as RFC 2253 writes it.
    package let issuer: String
    package let uris: [String]
    package let dnsNames: [String]
    /// Addresses in their usual text form.
    package let addresses: [String]
    /// The SIP domain identities by RFC 5922 section 7.1, in lower case: what rules and allow-lists are compared with.
    package let sipDomains: [String]
    /// The end of the certificate's validity, in seconds since 1970.
    package let notAfter: Int64

    /// Names that hold bytes which no such name has are left out: nothing may be compared with them.
    package init(subject: String, issuer: String, names: CertificateNames, notAfter: Int64) {
        self.subject = subject
        self.issuer = issuer
        self.uris = names.uris.compactMap(Self.text)
        self.dnsNames = names.dnsNames.compactMap(Self.text)
        self.addresses = names.addresses.compactMap(AddressLiteral.text(of:))
        self.sipDomains = names.sipDomains().map { String(decoding: $0, as: UTF8.self) }
        self.notAfter = notAfter
    }

    private static func text(_ bytes: [UInt8]) -> String? {
        bytes.allSatisfy { (0x20...0x7E).contains($0) } ? String(decoding: bytes, as: UTF8.self) : nil
    }
}
