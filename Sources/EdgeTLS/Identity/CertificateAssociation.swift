// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a peer's certificate is held against by DANE: a TLSA record (RFC 6698 section 2.1).
package struct CertificateAssociation: Sendable, Hashable {
    /// The usage of DANE-EE: the record alone speaks for the certificate or its key (RFC 7671 section 5.1).
    package static let domainIssued: UInt8 = 3

    package let usage: UInt8
    package let selector: UInt8
    package let matching: UInt8
    package let data: [UInt8]

    package init(usage: UInt8, selector: UInt8, matching: UInt8, data: [UInt8]) {
        self.usage = usage
        self.selector = selector
        self.matching = matching
        self.data = data
    }
}

extension TLSConnection {
    /// What the peer's certificate must match; empty without DANE.
    var associations: [CertificateAssociation] {
        if case .client(_, let identity, _) = self.role { return identity.associations }
        return []
    }

    /// Whether the peer is verified at all.
    var verifiesPeer: Bool { self.context.profile.verify || !self.associations.isEmpty }

    /// Whether the certificate that was verified just now rests on a record of DANE-EE, so that its names, its dates and
    /// its issuer say nothing (RFC 7671 section 5.1).
    var isDomainIssued: Bool {
        var usage: UInt8 = 0
        return !self.associations.isEmpty && SSL_get0_dane_tlsa(self.ssl, &usage, nil, nil, nil, nil) >= 0
            && usage == CertificateAssociation.domainIssued
    }

    /// The record that the certificate was accepted by just now; nil without one.
    var matchedAssociation: CertificateAssociation? {
        var (usage, selector, matching) = (0, 0, 0) as (UInt8, UInt8, UInt8)
        var data: UnsafePointer<UInt8>?
        var count = 0
        guard
            !self.associations.isEmpty,
            SSL_get0_dane_tlsa(self.ssl, &usage, &selector, &matching, &data, &count) >= 0
        else { return nil }
        let bytes = Array(UnsafeBufferPointer(start: data, count: count))
        return CertificateAssociation(usage: usage, selector: selector, matching: matching, data: bytes)
    }

    /// Has OpenSSL hold the server's certificate against the records; false when it is out of memory.
    ///
    /// It tries the strongest digest of each usage and selector alone (RFC 7671 section 9). The names are checked by us,
    /// as they are without DANE.
    func enableDANE() -> Bool {
        guard !self.associations.isEmpty else { return true }
        // OpenSSL would look for this name in the certificate; that is switched off again.
        guard
            SSL_dane_enable(self.ssl, self.serverName) > 0,
            X509_VERIFY_PARAM_set1_host(SSL_get0_param(self.ssl), nil, 0) == 1
        else { return false }
        SSL_dane_set_flags(self.ssl, UInt(DANE_FLAG_NO_DANE_EE_NAMECHECKS))
        SSL_set_verify(self.ssl, SSL_VERIFY_PEER, nil)
        for record in self.associations {
            let added = record.data.withUnsafeBufferPointer { data in
                SSL_dane_tlsa_add(
                    self.ssl,
                    record.usage,
                    record.selector,
                    record.matching,
                    data.baseAddress,
                    data.count
                )
            }
            if added > 0 { self.hasAssociation = true } else { ERR_clear_error() }
        }
        return true
    }
}
