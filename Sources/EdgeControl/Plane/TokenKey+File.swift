// SPDX-License-Identifier: Apache-2.0

internal import EdgeTLS
internal import Foundation

extension TokenKey {
    /// The key that a file holds; nil when it cannot be read or is too short.
    init?(file: String) {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        self.init(Array(data.prefix(4096)))
    }
}
