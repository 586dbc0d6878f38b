// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// A certificate that this side shows, with its chain and key, checked to be usable.
struct OwnCertificate: Sendable {
    let leaf: Certificate
    /// What leads from the leaf to its root, as far as the file has it.
    let chain: [Certificate]
    let key: PrivateKey
    let summary: CertificateSummary
    /// What its authority says of its revocation, as the operator has it.
    let staple: [UInt8]?
    let stapleFile: String?
    /// What works, but not with everyone.
    let warnings: [String]

    /// Reads the files and refuses what no peer would accept.
    ///
    /// - Parameter now: seconds since 1970.
    init(_ files: TLSProfile.CertificateFiles, now: Int64) throws(TLSConfigurationError) {
        let (chainFile, keyFile) = (files.chain, files.key)
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
        self.stapleFile = files.staple
        self.staple = try files.staple.map { file throws(TLSConfigurationError) in try PEMFile(file).bytes }
        let expiry = Self.expiryWarning(of: self.summary, now: now).map { [$0] } ?? []
        self.warnings = expiry + Self.warnings(about: certificates, in: chainFile, keySource: keySource, now: now)
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

    /// So many days before its end a certificate is warned of: renewals come earlier, and have failed by then.
    static let noticeDays = 14

    private static func expiryWarning(of summary: CertificateSummary, now: Int64) -> String? {
        let days = summary.daysLeft(now: now)
        guard days < noticeDays else { return nil }
        let time = days < 1 ? "within a day" : days == 1 ? "in a day" : "in \(days) days"
        return "\(summary.file): the certificate of \(summary.subject) expires \(time); renew it"
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
