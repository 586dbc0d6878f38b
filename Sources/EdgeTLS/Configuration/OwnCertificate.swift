// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A certificate that this side shows, with its chain and key, checked to be usable.
struct OwnCertificate: Sendable {
    let leaf: Certificate
    /// What leads from the leaf to its root, as far as the file has it.
    let chain: [Certificate]
    let key: PrivateKey
    let summary: CertificateSummary
    /// What works, but not with everyone.
    let warnings: [String]

    /// Reads both files and refuses what no peer would accept.
    ///
    /// - Parameter now: seconds since 1970.
    init(chainFile: String, keyFile: String, now: Int64) throws(TLSConfigurationError) {
        let certificates = try PEMFile(chainFile).certificates()
        let keySource = try PEMFile(keyFile)
        guard let leaf = certificates.first else {
            throw TLSConfigurationError(
                problem: .malformedCertificate,
                file: chainFile,
                reason: "holds no certificate",
                advice: "name a PEM file that has a certificate"
            )
        }
        self.leaf = leaf
        self.chain = Array(certificates.dropFirst())
        self.key = try keySource.privateKey()
        self.summary = CertificateSummary(file: chainFile, certificate: leaf)
        try Self.checkValidity(of: self.summary, now: now)
        guard self.key.fits(leaf) else { throw Self.mismatch(chainFile, keyFile, self.key, certificates) }
        self.warnings = Self.warnings(about: certificates, in: chainFile, keySource: keySource, now: now)
    }

    private static func checkValidity(of summary: CertificateSummary, now: Int64) throws(TLSConfigurationError) {
        if now > summary.notAfter {
            throw TLSConfigurationError(
                problem: .expired,
                file: summary.file,
                reason: "the certificate of \(summary.subject) expired \(-summary.daysLeft(now: now)) days ago",
                advice: "renew it"
            )
        }
        if now < summary.notBefore {
            throw TLSConfigurationError(
                problem: .notYetValid,
                file: summary.file,
                reason: "the certificate of \(summary.subject) is not valid yet",
                advice: "check this machine's clock, or wait"
            )
        }
    }

    private static func mismatch(
        _ chainFile: String,
        _ keyFile: String,
        _ key: PrivateKey,
        _ certificates: [Certificate]
    ) -> TLSConfigurationError {
        let isUpsideDown = certificates.dropFirst().contains(where: key.fits)
        return TLSConfigurationError(
            problem: .keyMismatch,
            file: keyFile,
            reason: "the key does not belong to the first certificate of \(chainFile)",
            advice: isUpsideDown
                ? "it belongs to a later one: put the own certificate first, then its issuer, and so on"
                : "name the key that the certificate was requested with"
        )
    }

    private static func warnings(
        about certificates: [Certificate],
        in file: String,
        keySource: PEMFile,
        now: Int64
    ) -> [String] {
        var warnings: [String] = []
        for (certificate, next) in zip(certificates, certificates.dropFirst()) where !certificate.isIssued(by: next) {
            warnings.append(
                "\(file): \(next.subject) is not the issuer of \(certificate.subject), which it follows; "
                    + "put each certificate before its issuer"
            )
        }
        for certificate in certificates.dropFirst() where certificate.notAfter < now {
            warnings.append(
                "\(file): the certificate of \(certificate.subject) in the chain has expired; renew the chain"
            )
        }
        if keySource.isReadableByAll {
            warnings.append("\(keySource.path): everybody on this machine can read the private key; chmod o-r")
        }
        return warnings
    }
}
