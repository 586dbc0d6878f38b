// SPDX-License-Identifier: Apache-2.0

package import EdgeConfiguration
package import Logging

/// Makes the process's logger of its configuration.
package enum EdgeLogging {
    /// A logger that writes to standard error, to syslog, to both or to nowhere, as configured.
    package static func logger(_ settings: LoggingSettings) -> Logger {
        let sink = settings.syslog.map { SyslogSink($0) }
        var logger = Logger(label: "brana") { label in
            var handlers: [any LogHandler] = []
            if settings.stderr { handlers.append(StandardErrorHandler(label: label)) }
            if let sink { handlers.append(SyslogHandler(label: label, sink: sink)) }
            return handlers.isEmpty ? SwiftLogNoOpLogHandler() : MultiplexLogHandler(handlers)
        }
        logger.logLevel = Logger.Level(rawValue: settings.level) ?? .info
        return logger
    }
}
