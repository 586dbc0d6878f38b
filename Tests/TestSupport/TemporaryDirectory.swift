// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A directory of a test's own, which goes with the last reference to it.
///
/// With `BRANA_KEEP_TEST_FILES` set in the environment it stays, to be looked at.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init(_ name: String = "brana-test") throws {
        var template = Array("\(NSTemporaryDirectory())/\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestSupportError("cannot make a directory below /tmp") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard ProcessInfo.processInfo.environment["BRANA_KEEP_TEST_FILES"] == nil else { return }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in it.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file whole, in one step as an editor does, making the folders on the way.
    /// - Returns: its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        let target = URL(fileURLWithPath: file(name))
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: target, options: .atomic)
        return target.path
    }

    /// The text of a file in it; empty when there is none yet.
    package func read(_ name: String) -> String {
        (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? ""
    }
}
