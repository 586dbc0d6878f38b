// SPDX-License-Identifier: Apache-2.0

extension OwnCertificates {
    /// Staples what the operator has provided.
    ///
    /// - Returns: what was not stapled because it has had its time, in words.
    /// - Throws: what is no response about its certificate, or says that it is revoked.
    func staple(with staples: Staples, now: Int64) throws(TLSConfigurationError) -> [String] {
        var warnings: [String] = []
        for own in self.all {
            guard let response = own.staple, let file = own.stapleFile else { continue }
            guard let certificate = StapledCertificate(own, staples) else {
                throw Self.unusable(
                    file,
                    "\(own.summary.file) does not hold the certificate of its issuer",
                    "append it"
                )
            }
            do throws(StapledCertificate.Refused) {
                _ = try certificate.staple(response, now: now)
            } catch {
                guard error.isOutdated else {
                    throw Self.unusable(file, error.description, "fetch another one with openssl ocsp")
                }
                warnings.append("\(file): \(error.description), and is not stapled; fetch another one")
            }
        }
        return warnings
    }

    /// Those whose authorities can be asked for what is stapled, and in words which cannot be.
    func toStaple(_ staples: Staples) -> (certificates: [StapledCertificate], warnings: [String]) {
        var certificates: [StapledCertificate] = []
        var warnings: [String] = []
        for own in self.all {
            let file = own.summary.file
            guard let certificate = StapledCertificate(own, staples) else {
                warnings.append(
                    "\(file): its OCSP response cannot be fetched without the certificate of its issuer; append it"
                )
                continue
            }
            certificates.append(certificate)
            guard certificate.responder == nil else { continue }
            warnings.append(
                "\(file): its OCSP response cannot be fetched: the certificate names no responder that is asked over http"
            )
        }
        return (certificates, warnings)
    }

    private static func unusable(_ file: String, _ reason: String, _ advice: String) -> TLSConfigurationError {
        TLSConfigurationError(problem: .unusableStaple, file: file, reason: reason, advice: advice)
    }
}
