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
        StandardStream.error.write(
            line: "\(stamp) \(event.level.rawValue) \(label): \(LogText.line(event.message, all))"
        )
    }
}

/// Message and details as one line.
enum LogText {
    static func line(_ message: Logger.Message, _ metadata: Logger.Metadata) -> String {
        guard !metadata.isEmpty else { return printable("\(message)") }
        let details = metadata.sorted { $0.key < $1.key }.map { key, value in
            let text = "\(value)"
            return text.contains(" ") ? "\(key)=\"\(text)\"" : "\(key)=\(text)"
        }
        return printable("\(message) \(details.joined(separator: " "))")
    }

    /// Control characters escaped, so that nothing from outside can forge a log line (OVL-42).
    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            guard isControl(scalar) else { return result.unicodeScalars.append(scalar) }
            let digits = String(scalar.value, radix: 16)
            result += scalar.value < 0x100 ? "\\x\(scalar.value < 0x10 ? "0" : "")\(digits)" : "\\u{\(digits)}"
        }
    }

    /// C0, DEL, C1, and the two separators that some programs take for the end of a line.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }
}
