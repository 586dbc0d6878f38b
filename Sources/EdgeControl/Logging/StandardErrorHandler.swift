// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import Logging

/// Writes log lines to standard error: time, level, label, message and details.
package struct StandardErrorHandler: LogHandler {
    package var logLevel: Logger.Level = .info
    package var metadata = Logger.Metadata()
    private let label: String

    package init(label: String) {
        self.label = label
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let stamp = Date().formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted)
        )
        let line = "\(stamp) \(event.level.rawValue) \(label): \(LogText.line(event.message, all))\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}

/// Message and details as one line.
enum LogText {
    static func line(_ message: Logger.Message, _ metadata: Logger.Metadata) -> String {
        guard !metadata.isEmpty else { return "\(message)" }
        let details = metadata.sorted { $0.key < $1.key }.map { key, value in
            let text = "\(value)"
            return text.contains(" ") ? "\(key)=\"\(text)\"" : "\(key)=\(text)"
        }
        return "\(message) \(details.joined(separator: " "))"
    }
}
