// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a SIP zone that can be served all the same, and what to publish instead.
package struct ZoneFinding: Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, Hashable {
        /// Clients cannot use the record, or must not.
        case error
        /// It works, and not as it is likely to be meant.
        case warning
    }

    package let file: String
    /// 0 when the file as a whole is meant.
    package let line: Int
    package let severity: Severity
    package let message: String
    /// What to publish; nil when there is nothing to say beyond the message.
    package let advice: String?

    package init(file: String, line: Int, severity: Severity, message: String, advice: String? = nil) {
        self.file = file
        self.line = line
        self.severity = severity
        self.message = message
        self.advice = advice
    }

    /// What cannot be read at all.
    package init(_ problem: ZoneProblem) {
        self.init(file: problem.file, line: problem.line, severity: .error, message: problem.message)
    }

    /// `file:line: severity: message (publish: advice)`.
    package var description: String {
        let place = line > 0 ? "\(file):\(line)" : file
        let publish = advice.map { " (publish: \($0))" } ?? ""
        return "\(place): \(severity.rawValue): \(message)\(publish)"
    }
}
