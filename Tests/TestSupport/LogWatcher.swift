// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Watches a file that a process writes its output to.
package struct LogWatcher: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// Everything written so far.
    package var text: String {
        (try? Data(contentsOf: URL(fileURLWithPath: path))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// How often `part` stands in it.
    package func count(_ part: String) -> Int {
        text.ranges(of: part).count
    }

    /// Waits until `part` stands in it `times` times.
    /// - Throws: `TestSupportError` with the end of the log when it does not within `limit`.
    package func wait(for part: String, times: Int = 1, within limit: Duration = .seconds(10)) async throws {
        guard await Waiting.until(within: limit, { count(part) >= times }) else {
            throw TestSupportError("\(path) has no \"\(part)\" after \(limit); it ends:\n\(text.suffix(1500))")
        }
    }
}
