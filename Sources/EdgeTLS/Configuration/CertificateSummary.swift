// SPDX-License-Identifier: Apache-2.0

/// What status pages and checks say about an own certificate.
package struct CertificateSummary: Sendable, Hashable {
    package let file: String
    package let subject: String
    package let issuer: String
    package let dnsNames: [String]
    package let uris: [String]
    package let addresses: [String]
    /// First and last second of its validity, since 1970.
    package let notBefore: Int64
    package let notAfter: Int64

    init(file: String, certificate: Certificate) {
        let identity = PeerIdentity(
            subject: certificate.subject,
            issuer: certificate.issuer,
            names: certificate.names,
            notAfter: certificate.notAfter
        )
        self.file = file
        self.subject = identity.subject
        self.issuer = identity.issuer
        self.dnsNames = identity.dnsNames
        self.uris = identity.uris
        self.addresses = identity.addresses
        self.notBefore = certificate.notBefore
        self.notAfter = identity.notAfter
    }

    /// Whole days until it expires, negative once it has; `now` in seconds since 1970.
    package func daysLeft(now: Int64) -> Int {
        let (difference, overflow) = self.notAfter.subtractingReportingOverflow(now)
        if overflow { return self.notAfter > now ? .max : .min }
        return Int((Double(difference) / 86_400).rounded(.down))
    }
}
