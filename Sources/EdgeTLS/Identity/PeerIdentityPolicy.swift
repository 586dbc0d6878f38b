// SPDX-License-Identifier: Apache-2.0

/// Which names a backend's certificate must vouch for (RFC 5922 section 7.3).
package struct PeerIdentityPolicy: Sendable, Hashable {
    /// Any one of these must match: the reference domain, and the alternatives that the operator names (TLS-13).
    package var referenceNames: [String]
    /// Whether `*.example.com` stands for names one label below, which RFC 5922 section 7.2 forbids (TLS-16).
    package var acceptsWildcards: Bool
    /// Whether the common name counts when there are no alternative names (TLS-11).
    package var acceptsCommonName: Bool
    /// Whether an address in the certificate stands for a reference name that is this address (TLS-17).
    package var acceptsAddresses: Bool

    /// What the certificate must match by DANE, one of these at least; empty without DANE.
    package var associations: [CertificateAssociation] = []

    /// No name is asked for: the chain alone decides.
    package static let none = PeerIdentityPolicy(
        referenceNames: [],
        acceptsWildcards: false,
        acceptsCommonName: false,
        acceptsAddresses: false
    )

    /// The certificate must stand for the domain that was given to RFC 3263, or for one of the alternatives.
    ///
    /// - Parameter domain: a DNS name, an internationalised one too, or an address literal (an IPv6 one with or without
    ///   brackets).
    package static func verify(
        domain: String,
        acceptsWildcards: Bool,
        alternatives: [String] = [],
        acceptsCommonName: Bool = false,
        acceptsAddresses: Bool = true
    ) -> PeerIdentityPolicy {
        PeerIdentityPolicy(
            referenceNames: [domain] + alternatives,
            acceptsWildcards: acceptsWildcards,
            acceptsCommonName: acceptsCommonName,
            acceptsAddresses: acceptsAddresses
        )
    }

    /// Whether a certificate with these names may stand for the reference.
    package func accepts(_ names: CertificateNames) -> Bool {
        if self.referenceNames.isEmpty { return true }
        let identities = names.sipDomains(acceptingCommonName: self.acceptsCommonName).compactMap(
            DomainIdentity.init(dnsName:)
        )
        return self.referenceNames.contains { reference in
            if let address = AddressLiteral(reference) {
                return self.acceptsAddresses && names.addresses.contains(address.bytes)
            }
            guard
                let ascii = InternationalName.asciiForm(of: reference),
                let domain = DomainIdentity(dnsName: ascii)
            else { return false }
            return identities.contains { $0.matches(domain, acceptingWildcards: self.acceptsWildcards) }
        }
    }
}

extension PeerIdentityPolicy {
    /// How many names of a certificate an error shows.
    private static let shownNames = 8

    /// What was wanted and what is there, in words.
    func mismatch(with names: CertificateNames) -> String {
        let domains = names.sipDomains(acceptingCommonName: self.acceptsCommonName).map {
            String(decoding: $0, as: UTF8.self)
        }
        let identities = domains + names.addresses.compactMap(AddressLiteral.text(of:))
        let shown = identities.prefix(Self.shownNames).joined(separator: ", ")
        let more = identities.count > Self.shownNames ? " and \(identities.count &- Self.shownNames) more" : ""
        let wanted = self.referenceNames.joined(separator: " or ")
        return "the certificate is for \(identities.isEmpty ? "no SIP domain" : shown + more), not for \(wanted)"
    }
}
