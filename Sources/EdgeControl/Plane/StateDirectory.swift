// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation

/// Where the service manager lets the edge keep what outlives a restart (systemd's `StateDirectory=`).
///
/// That is one file, the key of flow tokens, for a configuration that names none (FLW-16).
package struct StateDirectory: Sendable {
    /// What has become of the key's file.
    enum KeyFile: Equatable {
        case there(String)
        /// It is not there, and not to be made.
        case missing
        case unmade(reason: String)
    }

    private let path: String
    private let isReadOnly: Bool

    /// The first directory that `STATE_DIRECTORY` names; nil without any.
    ///
    /// - Parameter isReadOnly: whether what is missing stays so, as in a mere check.
    package init?(_ environment: [String: String] = ProcessInfo.processInfo.environment, isReadOnly: Bool = false) {
        guard let first = environment["STATE_DIRECTORY"]?.split(separator: ":").first, first.hasPrefix("/") else {
            return nil
        }
        path = String(first)
        self.isReadOnly = isReadOnly
    }

    /// The file of the key, made of random bytes where it is missing.
    func tokenKeyFile() -> KeyFile {
        let file = "\(path)/token.key"
        if FileManager.default.fileExists(atPath: file) { return .there(file) }
        if isReadOnly { return .missing }
        if let reason = SecretFile.make(file, of: TokenKey.randomBytes()) {
            return .unmade(reason: "\(file): cannot be made: \(reason)")
        }
        return .there(file)
    }
}
