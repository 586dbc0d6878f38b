// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Lines about single connections, such as a TLS handshake that failed: so many a second and no more, because a scanner
/// can cause any number (TLS-54).
final class ConnectionLog: Sendable {
    /// Lines a second at most; the others are counted, and told in one line.
    static let linesPerSecond = 20

    private struct Window {
        var began = NIODeadline.uptimeNanoseconds(0)
        var lines = 0
        /// Left out in this second, and since the start.
        var suppressed = 0
        var dropped: UInt64 = 0
    }

    private let logger: Logger
    private let window = NIOLockedValueBox(Window())

    init(logger: Logger) {
        self.logger = logger
    }

    /// Lines that were left out since the start.
    var dropped: UInt64 { window.withLockedValue { $0.dropped } }

    func write(_ message: String, _ details: [(String, String)], now: NIODeadline = .now()) {
        let (isShown, suppressed) = admit(now: now)
        if suppressed > 0 {
            logger.warning("lines about connections were left out", metadata: ["count": "\(suppressed)"])
        }
        guard isShown else { return }
        var metadata = Logger.Metadata()
        for (key, value) in details { metadata[key] = "\(value)" }
        logger.warning("\(message)", metadata: metadata)
    }

    /// Whether a line may be written, and how many were left out in the second that has ended.
    private func admit(now: NIODeadline) -> (Bool, Int) {
        window.withLockedValue { window in
            var suppressed = 0
            if now - window.began >= .seconds(1) {
                suppressed = window.suppressed
                window = Window(began: now, dropped: window.dropped)
            }
            window.lines += 1
            if window.lines > Self.linesPerSecond {
                window.suppressed += 1
                window.dropped += 1
            }
            return (window.lines <= Self.linesPerSecond, suppressed)
        }
    }
}
