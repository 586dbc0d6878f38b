// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
package import EdgeConfiguration
internal import Foundation
package import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SIPMessage
package import SIPProxy

/// Writes the line of each request.
///
/// Workers hand the facts over; a queue of its own makes text of them, some hundredths of a second later and many at a
/// time, so that a busy edge does not wake a thread for each.
package final class RequestLog: Sendable {
    /// Lines that may wait; beyond it they are dropped and counted, so that a slow log never slows a call.
    static let queueLimit = 8192
    /// How long lines are gathered.
    static let delay = DispatchTimeInterval.milliseconds(50)

    private struct State {
        var template: RequestLineTemplate?
        var waiting: [RequestSummary] = []
        var dropped: UInt64 = 0
    }

    private let logger: Logger
    private let queue = DispatchQueue(label: "brana.request-log")
    private let state: NIOLockedValueBox<State>

    package init(logger: Logger, template: RequestLineTemplate?) {
        self.logger = logger
        state = NIOLockedValueBox(State(template: template))
    }

    /// Lines that were dropped because too many waited.
    var dropped: UInt64 { state.withLockedValue { $0.dropped } }

    /// Uses another template from now on; nil for none.
    package func use(_ template: RequestLineTemplate?) {
        state.withLockedValue { $0.template = template }
    }

    /// Takes the facts of a request that has ended.
    package func write(_ summary: RequestSummary) {
        let isFirst = state.withLockedValue { state in
            guard state.template != nil else { return false }
            guard state.waiting.count < Self.queueLimit else {
                state.dropped += 1
                return false
            }
            state.waiting.append(summary)
            return state.waiting.count == 1
        }
        if isFirst { queue.asyncAfter(deadline: .now() + Self.delay) { [self] in flush() } }
    }

    /// Writes what waits.
    private func flush() {
        let (template, summaries) = state.withLockedValue { state in
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return (state.template, state.waiting)
        }
        guard let template else { return }
        for summary in summaries { logger.info("\(Self.line(template, summary))") }
    }

    /// Writes what waits now, before the process ends.
    package func close() { queue.sync { flush() } }

    static func line(_ template: RequestLineTemplate, _ summary: RequestSummary) -> String {
        template.parts.reduce(into: "") { line, part in
            switch part {
            case .text(let text): line += text
            case .field(let field): line += LogText.printable(value(field, summary))
            }
        }
    }

    private static func value(_ field: RequestLineTemplate.Field, _ summary: RequestSummary) -> String {
        let request = summary.request
        switch field {
        case .method:
            if case .request(_, let text, _) = request.startLine { return request.bytes.text(text) }
            return "-"
        case .requestURI: return request.requestURI.map { request.bytes.text($0.range) } ?? "-"
        case .status: return summary.status == 0 ? "-" : "\(summary.status)"
        case .origin: return summary.isLocal ? "local" : "backend"
        case .pool: return summary.poolName ?? "-"
        case .backend: return summary.backend.map { "\($0.endpoint)" } ?? "-"
        case .attempts: return "\(summary.attempts)"
        case .durationMilliseconds:
            return String(format: "%.1f", Double(summary.duration.nanoseconds) / 1e6)
        case .source: return "\(summary.flow.remoteAddress.hostText):\(summary.flow.remotePort)"
        case .transport: return summary.flow.transport.name
        case .callID: return request.bytes.text(request.callID)
        case .from: return request.bytes.text(request.from.uri)
        case .to: return request.bytes.text(request.to.uri)
        case .peer: return summary.flow.verifiedNames.first ?? "-"
        case .sessionID: return request.value(ofUnread: "session-id") ?? "-"
        }
    }
}
