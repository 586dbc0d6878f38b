// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import EdgeControl

@Suite("Lines about connections (TLS-54)")
struct ConnectionLogTests {
    @Test("A flood is cut to so many lines a second, and told in one")
    func flood() {
        let recorder = LogRecorder()
        let log = ConnectionLog(logger: recorder.logger)
        let start = NIODeadline.uptimeNanoseconds(10_000_000_000)
        for _ in 0..<100 { log.write("TLS handshake failed", [("peer", "192.0.2.1:9")], now: start) }
        #expect(recorder.lines.count == ConnectionLog.linesPerSecond)
        log.write("TLS handshake failed", [("peer", "192.0.2.2:9")], now: start + .seconds(1))
        let expected = [
            "lines about connections were left out count=80", "TLS handshake failed peer=192.0.2.2:9",
        ]
        #expect(recorder.lines.suffix(2) == expected[...])
    }
}

/// Keeps what is logged.
final class LogRecorder: Sendable {
    private let box = NIOLockedValueBox<[String]>([])

    var lines: [String] { box.withLockedValue { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(recorder: self) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel = Logger.Level.trace
        var metadata = Logger.Metadata()

        init(recorder: LogRecorder) {
            self.recorder = recorder
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            recorder.box.withLockedValue { $0.append(LogText.line(event.message, event.metadata ?? [:])) }
        }
    }
}
