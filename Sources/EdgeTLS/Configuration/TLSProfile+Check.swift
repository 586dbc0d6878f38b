// SPDX-License-Identifier: Apache-2.0

extension TLSProfile {
    /// Refuses what contradicts itself, before any file is read.
    func check(isServer: Bool) throws(TLSConfigurationError) {
        if self.require && !self.verify {
            throw Self.contradiction(
                "require is on but verify is off",
                "turn verify on to let nobody in without a valid certificate, or require off"
            )
        }
        if self.minimumVersion > self.maximumVersion {
            throw TLSConfigurationError(
                problem: .invalidVersions,
                file: nil,
                reason:
                    "the minimum version \(self.minimumVersion) is above the maximum version \(self.maximumVersion)",
                advice: "lower minimum_version or raise maximum_version"
            )
        }
        if (self.certificateChainFile == nil) != (self.privateKeyFile == nil) {
            throw TLSConfigurationError(
                problem: .missingCertificate,
                file: self.certificateChainFile ?? self.privateKeyFile,
                reason: "certificate and key come in pairs, and only one is named",
                advice: "name both, or neither"
            )
        }
        if isServer && self.certificateChainFile == nil {
            throw TLSConfigurationError(
                problem: .missingCertificate,
                file: nil,
                reason: "a listener needs a certificate",
                advice: "name certificate and key in its TLS profile"
            )
        }
        if self.crlFile != nil && self.trustFile == nil {
            throw Self.contradiction("a revocation list needs authorities", "name ca beside it")
        }
    }

    private static func contradiction(_ reason: String, _ advice: String) -> TLSConfigurationError {
        TLSConfigurationError(problem: .contradiction, file: nil, reason: reason, advice: advice)
    }
}
