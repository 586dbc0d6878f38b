// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS

/// What `brana tls check` tells: what a server offers, and whether Brana would accept it.
package struct TLSCheckReport: Sendable, Codable {
    /// One certificate that the server sent.
    package struct Certificate: Sendable, Codable {
        package let subject: String
        package let issuer: String
        /// Alternative names: URIs, DNS names, addresses.
        package let names: [String]
        /// The first and last second of its validity, since 1970.
        package let notBefore: Int64
        package let notAfter: Int64
        package let daysLeft: Int

        init(_ summary: CertificateSummary, now: Int64) {
            subject = summary.subject
            issuer = summary.issuer
            names = summary.uris + summary.dnsNames + summary.addresses
            (notBefore, notAfter) = (summary.notBefore, summary.notAfter)
            daysLeft = summary.daysLeft(now: now)
        }
    }

    /// What the server showed.
    package struct Offer: Sendable, Codable {
        package let version: String
        package let cipher: String
        package let certificates: [Certificate]
        package let hasStaple: Bool
        package let asksForCertificate: Bool

        init(_ offer: PeerOffer, now: Int64) {
            version = offer.version.description
            cipher = offer.cipher
            certificates = offer.certificates.map { Certificate($0, now: now) }
            hasStaple = offer.hasStaple
            asksForCertificate = offer.asksForCertificate
        }
    }

    package let host: String
    package let port: Int
    /// The name that the certificate must stand for.
    package let name: String
    /// nil when not even a handshake without any verification was possible.
    package let offer: Offer?
    package let isAccepted: Bool
    /// Why not, as the class that logs and metrics have, and in words.
    package let reason: String?
    package let explanation: String?
    /// What TLSA records say; nil where DNS was not asked, as for an address.
    package let dane: DANE?

    /// The exit status of the command: 0 accepted, 1 refused, 2 when nothing could be seen.
    package var exitStatus: Int32 { isAccepted ? 0 : offer == nil ? 2 : 1 }
}

extension TLSCheckReport {
    /// The report for a terminal.
    package var lines: [String] {
        var lines = ["\(host):\(port), checked as \(name)"]
        if let offer {
            lines.append("  TLS \(offer.version), \(offer.cipher)")
            for (place, certificate) in offer.certificates.enumerated() {
                lines += Self.lines(of: certificate, title: place == 0 ? "certificate" : "chain")
            }
            lines.append("  OCSP staple: \(offer.hasStaple ? "yes" : "no")")
            lines.append("  asks for our certificate: \(offer.asksForCertificate ? "yes" : "no")")
        }
        lines += dane?.lines ?? []
        if isAccepted {
            lines.append("accepted: Brana would use this server")
        } else {
            lines.append("\(offer == nil ? "nothing to check" : "refused"): \(explanation ?? "unknown")")
        }
        return lines
    }

    private static func lines(of certificate: Certificate, title: String) -> [String] {
        let days = certificate.daysLeft
        let validity = days < 0 ? "expired \(-days) days ago" : "\(days) days left"
        var lines = ["  \(title): \(certificate.subject), issued by \(certificate.issuer), \(validity)"]
        if !certificate.names.isEmpty { lines.append("    names: \(certificate.names.joined(separator: ", "))") }
        return lines.map(LogText.printable)
    }
}
