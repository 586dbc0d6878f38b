// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a server showed of itself in a handshake, before anybody judges it.
package struct PeerOffer: Sendable, Hashable {
    package let version: TLSVersion
    /// The cipher suite's name as OpenSSL writes it.
    package let cipher: String
    /// The server's certificate first, then what it sent to lead to a root.
    package let certificates: [CertificateSummary]
    /// Whether it sent a status of its certificate along (OCSP stapling, RFC 6066 section 8).
    package let hasStaple: Bool
    /// Whether it asked for our certificate.
    package let asksForCertificate: Bool
    /// The record that its certificate was accepted by; nil without DANE.
    package let matched: CertificateAssociation?

    /// How many certificates of a chain are looked at.
    static let certificateLimit = 16
}

extension TLSConnection {
    /// Has the server send the status of its certificate, and notes whether it asks for ours; before the handshake.
    func observe() {
        brana_ssl_ask_for_staple(self.ssl)
        self.noteRequests()
    }

    /// Notes whether the server asks for our certificate; before the handshake.
    func noteRequests() {
        SSL_set_cert_cb(
            self.ssl,
            { ssl, _ in
                // Only the note is wanted: the certificate is the context's, whatever it is.
                OpenSSLLibrary.shared.connection(of: ssl)?.wasAskedForCertificate = true
                return 1
            },
            nil
        )
    }

    /// What the server offered; only after the handshake.
    func offer() -> PeerOffer {
        let outcome = self.outcome()
        var certificates: [CertificateSummary] = []
        if let chain = SSL_get_peer_cert_chain(self.ssl) {
            for index in 0..<min(Int32(PeerOffer.certificateLimit), max(0, brana_x509_stack_count(chain))) {
                guard let pointer = brana_x509_stack_item(chain, index) else { continue }
                certificates.append(CertificateSummary(file: "", certificate: Certificate(retaining: pointer)))
            }
        }
        var staple: UnsafePointer<UInt8>?
        return PeerOffer(
            version: outcome.version,
            cipher: outcome.cipher,
            certificates: certificates,
            hasStaple: brana_ssl_staple(self.ssl, &staple) > 0,
            asksForCertificate: self.wasAskedForCertificate,
            matched: self.matchedAssociation
        )
    }
}

extension TLSHandler {
    /// What the server offered, for a handler that observes, from ``TLSHandshakeCompleted`` on; on the channel's loop.
    package var peerOffer: PeerOffer? {
        guard self.observes, self.state == .established else { return nil }
        return self.connection?.offer()
    }
}
