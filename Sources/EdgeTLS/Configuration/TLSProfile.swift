// SPDX-License-Identifier: Apache-2.0

/// What an operator says about one use of TLS: a listener's or a pool's.
///
/// Three levels: `verify` off is a tunnel only; `verify` alone asks the peer for a certificate, and one that is shown
/// must be valid; `verify` with `require` lets nobody in without a valid one. As a client, `verify` decides whether the
/// backend is verified.
package struct TLSProfile: Sendable, Hashable {
    /// A certificate for further server names of the same listener (RFC 6066 section 3).
    package struct ServerName: Sendable, Hashable {
        /// The name, or `*.` and a domain for all names one label below it.
        package var name: String
        package var certificateChainFile: String
        package var privateKeyFile: String

        package init(name: String, certificateChainFile: String, privateKeyFile: String) {
            self.name = name
            self.certificateChainFile = certificateChainFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// PEM: the own certificate first, then the certificates that lead to its root.
    package var certificateChainFile: String?
    /// PEM: the private key of the own certificate, without a passphrase.
    package var privateKeyFile: String?
    /// PEM: the authorities that peers are verified against; nil for the system's.
    package var trustFile: String?
    package var verify: Bool
    package var require: Bool
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion
    /// Cipher string for versions below 1.3; nil for ECDHE with AEAD (TLS-03).
    package var ciphers: String?
    /// Cipher suites of version 1.3; nil for the three usual ones.
    package var cipherSuites: String?
    /// How many authorities may stand between a peer's certificate and its root.
    package var verifyDepth: Int
    /// PEM: revocation lists.
    ///
    /// With one, a peer whose issuer has no valid list here is refused.
    package var crlFile: String?
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
        trustFile: String? = nil,
        verify: Bool = true,
        require: Bool = false,
        minimumVersion: TLSVersion = .tls12,
        maximumVersion: TLSVersion = .tls13,
        ciphers: String? = nil,
        cipherSuites: String? = nil,
        verifyDepth: Int = 9,
        crlFile: String? = nil,
        sessionTickets: Bool = true,
        additionalServerNames: [ServerName] = [],
        refusesUnknownServerNames: Bool = false,
        extendedKeyUsage: ExtendedKeyUsagePolicy = .compatible
    ) {
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.trustFile = trustFile
        self.verify = verify
        self.require = require
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.ciphers = ciphers
        self.cipherSuites = cipherSuites
        self.verifyDepth = verifyDepth
        self.crlFile = crlFile
        self.sessionTickets = sessionTickets
        self.additionalServerNames = additionalServerNames
        self.refusesUnknownServerNames = refusesUnknownServerNames
        self.extendedKeyUsage = extendedKeyUsage
    }
}
