// SPDX-License-Identifier: Apache-2.0

/// What an operator says about one use of TLS: a listener's or a pool's.
///
/// Three levels: `verify` off is a tunnel only; `verify` alone asks the peer for a certificate, and one that is shown
/// must be valid; `verify` with `require` lets nobody in without a valid one. As a client, `verify` decides whether the
/// backend is verified.
package struct TLSProfile: Sendable, Hashable {
    /// The files of a certificate with its chain, and of its key.
    package struct CertificateFiles: Sendable, Hashable {
        package var chain: String
        package var key: String
        /// DER: what its authority says of its revocation, to be stapled (RFC 6960); nil for nothing.
        package var staple: String?

        package init(chain: String, key: String, staple: String? = nil) {
            self.chain = chain
            self.key = key
            self.staple = staple
        }
    }

    /// What applies to clients that ask for a further server name of the same listener (RFC 6066 section 3).
    package struct ServerName: Sendable, Hashable {
        /// What a name changes.
        package enum Use: Sendable, Hashable {
            /// Which certificates are shown, each with a key of another type.
            case certificates([CertificateFiles])
            /// Everything: another profile applies, whose own server names count for nothing here.
            case profile(TLSProfile)
        }

        /// The name, or `*.` and a domain for all names one label below it.
        package var name: String
        package var use: Use

        package init(name: String, use: Use) {
            self.name = name
            self.use = use
        }
    }

    /// PEM: the own certificate first, then the certificates that lead to its root.
    package var certificateChainFile: String?
    /// PEM: the private key of the own certificate, without a passphrase.
    package var privateKeyFile: String?
    /// DER: what the own certificate's authority says of its revocation, to be stapled; nil for nothing.
    package var stapleFile: String?
    /// Whether the authorities are asked for what is stapled.
    package var fetchesStaples: Bool
    /// Certificates for the same names with keys of other types, such as RSA beside ECDSA.
    package var furtherCertificates: [CertificateFiles]
    /// PEM: the authorities that peers are verified against; nil for the system's.
    package var trustFile: String?
    package var verify: Bool
    package var require: Bool
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion
    /// Cipher string for versions below 1.3; nil for ECDHE with AEAD (TLS-03).
    package var ciphers: String?
    /// Whether ECDHE with CBC is let in beside the usual ciphers, for old phones (TLS-03).
    package var allowsCBC: Bool
    /// Groups for the key exchange, the preferred first; nil for X25519, P-256 and P-384.
    package var groups: String?
    /// Cipher suites of version 1.3; nil for the three usual ones.
    package var cipherSuites: String?
    /// How many authorities may stand between a peer's certificate and its root.
    package var verifyDepth: Int
    /// PEM: revocation lists.
    ///
    /// With one, a peer whose issuer has no valid list here is refused, unless `acceptsUnlisted`.
    package var crlFile: String?
    /// Whether a peer is let in whose issuer has no list that is valid now: soft fail (TLS-20).
    package var acceptsUnlisted: Bool
    /// What a client makes of what a server staples.
    package var ocsp: OCSPPolicy
    /// Whether a server gives out tickets for resumption, and a client uses them.
    package var sessionTickets: Bool
    package var additionalServerNames: [ServerName]
    /// Whether a server refuses a client that asks for a name which no certificate here serves (TLS-07).
    package var refusesUnknownServerNames: Bool
    /// Whether only the extended key usage of RFC 5924 counts, or also the usual ones of the web (TLS-18).
    package var extendedKeyUsage: ExtendedKeyUsagePolicy

    /// A profile with the floor that RFC 8996 and RFC 9325 set: version 1.2, ECDHE with AEAD.
    package init(
        certificateChainFile: String? = nil,
        privateKeyFile: String? = nil,
        stapleFile: String? = nil,
        fetchesStaples: Bool = false,
        furtherCertificates: [CertificateFiles] = [],
        trustFile: String? = nil,
        verify: Bool = true,
        require: Bool = false,
        minimumVersion: TLSVersion = .tls12,
        maximumVersion: TLSVersion = .tls13,
        ciphers: String? = nil,
        allowsCBC: Bool = false,
        groups: String? = nil,
        cipherSuites: String? = nil,
        verifyDepth: Int = 9,
        crlFile: String? = nil,
        acceptsUnlisted: Bool = false,
        ocsp: OCSPPolicy = .check,
        sessionTickets: Bool = true,
        additionalServerNames: [ServerName] = [],
        refusesUnknownServerNames: Bool = false,
        extendedKeyUsage: ExtendedKeyUsagePolicy = .compatible
    ) {
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.stapleFile = stapleFile
        self.fetchesStaples = fetchesStaples
        self.furtherCertificates = furtherCertificates
        self.trustFile = trustFile
        self.verify = verify
        self.require = require
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.ciphers = ciphers
        self.allowsCBC = allowsCBC
        self.groups = groups
        self.cipherSuites = cipherSuites
        self.verifyDepth = verifyDepth
        self.crlFile = crlFile
        self.acceptsUnlisted = acceptsUnlisted
        self.ocsp = ocsp
        self.sessionTickets = sessionTickets
        self.additionalServerNames = additionalServerNames
        self.refusesUnknownServerNames = refusesUnknownServerNames
        self.extendedKeyUsage = extendedKeyUsage
    }
}
