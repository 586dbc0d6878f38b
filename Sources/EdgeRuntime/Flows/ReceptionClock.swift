// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import Telemetry

/// Until when the message that is being received must have come (TRN-05).
///
/// The header section has its time from the first byte on, the body has the same from the end of the header section on,
/// and more the larger it is. What comes in between buys no time. While the edge itself reads nothing, none passes.
struct ReceptionClock {
    /// Bytes of a body for which it gets a second more.
    static let bytesPerSecond = 64 << 10

    /// When the time is over; nil while no message has begun.
    private(set) var end: NIODeadline?
    private var isBody = false
    private var stoppedAt: NIODeadline?

    /// More of a message must come.
    ///
    /// - Parameters:
    ///   - body: the length of its body, when the header section has come.
    ///   - limit: the time for the header section, and for an empty body.
    mutating func awaits(body: Int?, now: NIODeadline, limit: TimeAmount) {
        guard end == nil || (body != nil) != isBody else { return }
        let extra = TimeAmount.nanoseconds(Int64(body ?? 0) * 1_000_000_000 / Int64(Self.bytesPerSecond))
        end = now + limit + extra
        isBody = body != nil
    }

    /// No message has begun.
    mutating func rest() {
        end = nil
        isBody = false
    }

    /// The edge reads nothing more for a time.
    mutating func stop(now: NIODeadline) { stoppedAt = stoppedAt ?? now }

    /// It reads again.
    mutating func goOn(now: NIODeadline) {
        if let stoppedAt, let end { self.end = end + (now - stoppedAt) }
        stoppedAt = nil
    }

    /// When it is worth looking; nil while no time passes.
    var due: NIODeadline? { stoppedAt == nil ? end : nil }
}

extension StreamFlow {
    /// Looks when that time is over, once for all messages that begin and end meanwhile.
    func watchReception() {
        guard receptionTimer == nil, let due = reception.due, phase == .ready else { return }
        receptionTimer = worker.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
            guard let self else { return }
            self.receptionTimer = nil
            self.lookAtReception()
        }
    }

    private func lookAtReception() {
        guard phase == .ready, let due = reception.due else { return }
        guard due <= worker.eventLoop.now else { return watchReception() }
        worker.counters.limits.increment(.messageTimeout)
        close()
    }
}
