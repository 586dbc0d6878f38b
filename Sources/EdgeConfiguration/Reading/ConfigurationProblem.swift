// SPDX-License-Identifier: Apache-2.0

/// One thing that is wrong, or doubtful, in a configuration file, and where.
package struct ConfigurationProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, Hashable {
        case error
        case warning
    }

    package let severity: Severity
    package let file: String
    /// Counted from 1; 0 when the file as a whole is meant.
    package let line: Int
    package let column: Int
    /// What is wrong and what to do.
    package let message: String

    package init(severity: Severity = .error, file: String, line: Int, column: Int, message: String) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// The place and the message, for where the severity is told in another way.
    package var placedMessage: String {
        line > 0 ? "\(file):\(line):\(column): \(message)" : "\(file): \(message)"
    }

    /// `file:line:column: message`, the form that editors jump by.
    package var description: String {
        let kind = severity == .warning ? "warning: " : ""
        return line > 0 ? "\(file):\(line):\(column): \(kind)\(message)" : "\(file): \(kind)\(message)"
    }
}

/// Where a value stood in its file.
package struct SourcePosition: Sendable, Hashable {
    package let line: Int
    package let column: Int
}
