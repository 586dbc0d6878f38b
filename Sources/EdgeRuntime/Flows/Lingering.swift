// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPProxy
internal import Telemetry

/// The end of a client's connection on which more may be coming when its last answer has been written (TRN-02 to TRN-04).
///
/// A socket that is closed while input waits in it sends RST, which takes from the other side what it has not read yet.
/// So only the way out is shut, and what comes is discarded until the other side has closed too.
struct Lingering {
    /// How long that is waited for.
    static let longest = TimeAmount.seconds(2)
    /// How much is discarded.
    static let most = 16 << 20

    private var discarded = 0
    private let limit: Scheduled<Void>

    /// - Parameter limit: ends the connection when `longest` is over.
    init(limit: Scheduled<Void>) {
        self.limit = limit
    }

    /// Takes note of what came; false when that is too much.
    mutating func discard(_ bytes: Int) -> Bool {
        discarded &+= bytes
        return discarded <= Self.most
    }

    func end() { limit.cancel() }
}

extension StreamFlow {
    /// Sends a client the answer that waits and says that nothing follows; then discards what it still sends.
    ///
    /// Where no answer waits it just closes.
    func linger() {
        let isDue = phase == .ready && context.side == .client && pendingBytes > 0 && !isInputClosed
        guard isDue, let channelContext else { return close() }
        flush()
        guard phase == .ready else { return }
        let limit = worker.eventLoop.assumeIsolated().scheduleTask(in: Lingering.longest) { [weak self] in
            guard let self else { return }
            self.endLingering()
        }
        becomeLingering(Lingering(limit: limit))
        worker.lingers(self)
        channelContext.channel.setOption(.autoRead, value: true).whenFailure { _ in }
        channelContext.close(mode: .output, promise: nil)
    }

    /// So many bytes came after the end.
    func discard(_ bytes: Int) {
        if lingering?.discard(bytes) == false { endLingering() }
    }

    /// The other side neither closes nor comes to an end.
    private func endLingering() {
        guard phase == .lingering else { return }
        worker.counters.limits.increment(.linger)
        channelContext?.close(promise: nil)
    }
}
