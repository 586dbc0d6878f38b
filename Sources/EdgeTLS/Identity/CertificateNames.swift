// SPDX-License-Identifier: Apache-2.0

/// The names in a certificate as the bytes they are, before any is believed.
///
/// Bytes and not text, because a hostile certificate may hold anything, a NUL in the middle of a name too (TLS-52).
package struct CertificateNames: Sendable, Hashable {
    /// Whether there is a subjectAltName extension, even an empty one: with it, the common name says nothing.
    package var hasAlternativeNames: Bool
    package var uris: [[UInt8]]
    package var dnsNames: [[UInt8]]
    /// Four or sixteen bytes each.
    package var addresses: [[UInt8]]
    /// The last common name of the subject.
    package var commonName: [UInt8]?

    package init(
        hasAlternativeNames: Bool = false,
        uris: [[UInt8]] = [],
        dnsNames: [[UInt8]] = [],
        addresses: [[UInt8]] = [],
        commonName: [UInt8]? = nil
    ) {
        self.hasAlternativeNames = hasAlternativeNames
        self.uris = uris
        self.dnsNames = dnsNames
        self.addresses = addresses
        self.commonName = commonName
    }

    /// The SIP domain identities in the certificate, in lower case, by RFC 5922 section 7.1.
    ///
    /// SIP URIs without user; if there is none, DNS names; the common name only without any alternative names, and only
    /// if asked for.
    package func sipDomains(acceptingCommonName: Bool = false) -> [[UInt8]] {
        let fromURIs = self.uris.compactMap { DomainIdentity(sipURI: $0)?.bytes }
        if !fromURIs.isEmpty { return fromURIs }
        if self.hasAlternativeNames { return self.dnsNames.compactMap { DomainIdentity(dnsName: $0)?.bytes } }
        guard acceptingCommonName, let commonName = self.commonName else { return [] }
        return DomainIdentity(dnsName: commonName).map { [$0.bytes] } ?? []
    }
}
