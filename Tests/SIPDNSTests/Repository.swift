// SPDX-License-Identifier: Apache-2.0

/// Files of the repository that tests use as they are.
enum Repository {
    static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    static func zone(_ name: String) -> String { "\(root)/zones/\(name).zone" }

    /// Every example zone, by file name.
    static let zones = ["weights", "priorities", "naptr", "signed", "demo", "broken"]
}
