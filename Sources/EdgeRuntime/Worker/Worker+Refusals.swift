// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy
internal import Telemetry

/// What is told of those who were refused because of a limit.
extension Worker {
    /// Tells the log whom a limit has refused, now and then, so that nobody can fill it.
    ///
    /// Bans and overload have lines of their own.
    func tell(_ limit: LimitLabel, _ source: IPAddress, now: NIODeadline) {
        guard limit != .ban, limit != .overload, let count = refusalNotes.note(limit, now: now) else { return }
        hooks.logConnection(
            "refused because of a limit",
            [
                ("limit", limit.key), ("source", source.hostText), ("count", "\(count)"), ("worker", "\(index)"),
            ]
        )
    }

    /// Counts a request that the core has refused, for its source too where the limit is the source's own.
    func noteRefusal(_ limit: ProxyLimit, _ context: FlowContext) {
        guard let label = LimitLabel(limit) else { return }
        counters.limits.increment(label)
        let now = eventLoop.now
        tell(label, context.remoteAddress, now: now)
        guard limit == .transactionsPerSource || limit == .transactionsPerConnection else { return }
        countSources()
        sources?.noteRefusal(of: context.remoteAddress, isProven: context.transport.isReliable, now: now)
    }
}
