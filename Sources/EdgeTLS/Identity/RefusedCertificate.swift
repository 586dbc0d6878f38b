// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What a log line says of a certificate that was refused (TLS-54): enough to find whose it is, and no more than a
/// stranger may have written into our log.
package struct RefusedCertificate: Sendable, Hashable {
    /// How many characters of the subject are kept, and of the issuer.
    package static let subjectLimit = 128
    /// How many names are kept, and how many bytes of each.
    package static let nameCountLimit = 4
    package static let nameLengthLimit = 64

    /// The subject as RFC 2253 writes it.
    package let subject: String
    /// Who issued it, alike: it tells an unknown authority from a chain that lacks one.
    package let issuer: String
    /// The alternative names, such as `sip:example.test, example.test and 3 more`; empty when there are none.
    package let names: String
    /// The SHA-256 digest of the certificate in lower-case hex: what `openssl x509 -fingerprint -sha256` shows.
    package let digest: String

    package init(subject: String, issuer: String, names: CertificateNames, digest: [UInt8]) {
        self.subject = String(subject.prefix(Self.subjectLimit))
        self.issuer = String(issuer.prefix(Self.subjectLimit))
        self.names = Self.text(of: names)
        self.digest = digest.map(Self.hex).joined()
    }

    init(_ certificate: Certificate) {
        self.init(
            subject: certificate.subject,
            issuer: certificate.issuer,
            names: certificate.names,
            digest: certificate.fingerprint
        )
    }

    private static func text(of names: CertificateNames) -> String {
        let shown = (names.uris + names.dnsNames).prefix(Self.nameCountLimit).map(Self.text(ofName:))
        let addresses = names.addresses.prefix(Self.nameCountLimit - shown.count).compactMap(AddressLiteral.text(of:))
        let all = names.uris.count + names.dnsNames.count + names.addresses.count
        let more = all - shown.count - addresses.count
        return (shown + addresses).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    /// One name in printable ASCII: a hostile certificate may hold any bytes (TLS-52).
    private static func text(ofName name: [UInt8]) -> String {
        let text = name.prefix(Self.nameLengthLimit).map { byte in
            let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            return isPlain ? String(UnicodeScalar(byte)) : "\\x" + Self.hex(byte)
        }
        return text.joined() + (name.count > Self.nameLengthLimit ? "…" : "")
    }

    private static func hex(_ byte: UInt8) -> String {
        (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
    }
}
