// SPDX-License-Identifier: Apache-2.0

/// Why a profile cannot be used, and what the operator can do about it.
package struct TLSConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, as a class that tests and metrics can tell apart.
    package enum Problem: Sendable, Hashable {
        case contradiction
        case missingCertificate
        case unreadableFile
        case tooLarge
        case malformedCertificate
        case malformedKey
        case encryptedKey
        case keyMismatch
        case expired
        case notYetValid
        case emptyTrust
        case malformedRevocationList
        case unknownCiphers
        case unknownGroups
        case sameKeyType
        case unusableStaple
        case invalidVersions
        case library
    }

    package var problem: Problem
    /// The file at fault, if one is.
    package var file: String?
    /// What is wrong, in words.
    package var reason: String
    /// What to do about it, in words.
    package var advice: String

    package var description: String {
        let place = self.file.map { "\($0): " } ?? ""
        return "\(place)\(self.reason); \(self.advice)"
    }
}
