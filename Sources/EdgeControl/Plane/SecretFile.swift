// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A file that holds the bytes of a secret.
enum SecretFile {
    /// More than any key needs.
    static let lengthLimit = 4096

    /// The first bytes of the file; nil when it cannot be read.
    static func bytes(of path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { Array($0.prefix(lengthLimit)) }
    }
}
