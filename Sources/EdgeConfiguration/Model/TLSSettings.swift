// SPDX-License-Identifier: Apache-2.0

/// One profile of `tls`.
package struct TLSSettings: Sendable, Hashable {
    /// A full chain and its key, as absolute paths.
    package struct CertificateFiles: Sendable, Hashable {
        package var certificate: String
        package var key: String
        /// What the certificate's authority says of its revocation.
        package var ocspResponse: String?
    }

    package struct ServerName: Sendable, Hashable {
        package var name: String
        /// What is shown under the name, each with a key of another type; none when a profile applies.
        package var certificates: [CertificateFiles]
        /// The profile that applies to the name instead of the one around it.
        package var profile: String?
    }

    /// The extended key usages that make a certificate fit for SIP (TLS-18).
    package enum KeyUsage: String, Sendable, Hashable, CaseIterable {
        case compatible
        case strict
    }

    /// What a client's certificate must be made for (TLS-19).
    package enum ClientKeyUsage: String, Sendable, Hashable, CaseIterable {
        case clientAuth = "client-auth"
        case acceptServerAuth = "accept-server-auth"
    }

    /// What becomes of a peer when no list tells whether its certificate was revoked (TLS-20).
    package enum RevocationMode: String, Sendable, Hashable, CaseIterable {
        case hard
        case soft
    }

    /// What a client makes of what a server staples.
    package enum OCSP: String, Sendable, Hashable, CaseIterable {
        case off
        case check
        case require
    }

    /// Full chain and key, as absolute paths.
    package var certificate: String?
    package var key: String?
    package var ocspResponse: String?
    package var fetchesOCSP = false
    package var furtherCertificates: [CertificateFiles] = []
    package var ca: String?
    package var verify = true
    package var require = false
    package var minimumVersion = "1.2"
    package var maximumVersion = "1.3"
    package var ciphers: String?
    package var allowsCBC = false
    package var cipherSuites: String?
    package var groups: String?
    package var verifyDepth = 9
    package var keyUsage = KeyUsage.compatible
    package var clientKeyUsage = ClientKeyUsage.clientAuth
    package var crl: String?
    package var crlMode = RevocationMode.hard
    package var ocsp = OCSP.check
    package var sessionTickets = true
    package var serverNames: [ServerName] = []
    /// Whether a client is refused that asks for a name which no certificate here serves (TLS-07).
    package var strictServerNames = false

    package init() {}

    /// All files that it names, each with its path below the profile.
    package var files: [(path: String, file: String)] {
        let own = [
            ("certificate", certificate), ("key", key), ("ocsp_response", ocspResponse), ("ca", ca), ("crl", crl),
        ]
        var files = own.compactMap { path, file in file.map { (path: path, file: $0) } }
        func add(_ certificates: [CertificateFiles], _ place: (Int) -> String) {
            for (index, certificate) in certificates.enumerated() {
                files.append(("\(place(index))certificate", certificate.certificate))
                files.append(("\(place(index))key", certificate.key))
                if let response = certificate.ocspResponse { files.append(("\(place(index))ocsp_response", response)) }
            }
        }
        add(furtherCertificates) { "further_certificates.\($0)." }
        for (number, name) in serverNames.enumerated() {
            let place = "server_names.\(number)."
            add(name.certificates) { $0 == 0 ? place : "\(place)further_certificates.\($0 - 1)." }
        }
        return files
    }
}
