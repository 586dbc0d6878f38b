// SPDX-License-Identifier: Apache-2.0

package import EdgeConfiguration
package import Logging
internal import Synchronization

/// The process's log: its logger, and the level that a reload may change.
package struct EdgeLog: Sendable {
    package let logger: Logger
    private let threshold: LogThreshold

    /// Writes to standard error, to syslog, to both or to nowhere, as configured.
    package init(_ settings: LoggingSettings) {
        let threshold = LogThreshold(settings.level)
        let sink = settings.syslog.map { SyslogSink($0) }
        self.threshold = threshold
        logger = Logger(label: "brana") { label in
            var handlers: [any LogHandler] = []
            if settings.stderr { handlers.append(StandardErrorHandler(label: label)) }
            if let sink { handlers.append(SyslogHandler(label: label, sink: sink)) }
            // No handler at all is more than the library's multiplexer takes.
            var all: any LogHandler = handlers.isEmpty ? SwiftLogNoOpLogHandler() : MultiplexLogHandler(handlers)
            all.logLevel = .trace
            return ThresholdHandler(all, threshold)
        }
    }

    /// Writes all levels to a logger that is there.
    init(logger: Logger) {
        self.logger = logger
        threshold = LogThreshold("trace")
    }

    /// Logs from another level on, in every logger that was made of this one.
    func use(level: String) { threshold.use(level) }
}

/// The level that the whole process logs from.
private final class LogThreshold: Sendable {
    private let index: Atomic<Int>

    init(_ level: String) {
        index = Atomic(Self.index(of: level))
    }

    func use(_ level: String) { index.store(Self.index(of: level), ordering: .relaxed) }

    var level: Logger.Level { Logger.Level.allCases[index.load(ordering: .relaxed)] }

    private static func index(of name: String) -> Int {
        let level = Logger.Level(rawValue: name) ?? .info
        return Logger.Level.allCases.firstIndex(of: level) ?? 0
    }
}

/// Passes lines on that reach the process's level, and the level of the one logger where that is higher.
private struct ThresholdHandler: LogHandler {
    private var handler: any LogHandler
    private let threshold: LogThreshold
    private var own = Logger.Level.trace

    init(_ handler: any LogHandler, _ threshold: LogThreshold) {
        self.handler = handler
        self.threshold = threshold
    }

    var logLevel: Logger.Level {
        get { max(own, threshold.level) }
        set { own = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { handler.log(event: event) }
}
