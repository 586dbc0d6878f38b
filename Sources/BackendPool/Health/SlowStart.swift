// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The ramp of a backend that comes or comes back: a tenth of its weight first, all of it in the end (LOC-55).
///
/// It climbs in nine equal steps, so that the view of a pool changes seldom.
package struct SlowStart: Sendable, Hashable {
    private static let steps: Int64 = 9

    package let start: NIODeadline

    package init(start: NIODeadline) {
        self.start = start
    }

    /// How much of the weight counts at `now`: 10, 20 … 100 per cent.
    package func percent(at now: NIODeadline, over length: TimeAmount) -> UInt8 {
        UInt8(clamping: 10 + 10 * step(at: now, over: length))
    }

    /// When the next step is due; nil when the ramp is over.
    package func nextStep(after now: NIODeadline, over length: TimeAmount) -> NIODeadline? {
        let next = step(at: now, over: length) + 1
        guard next <= Self.steps else { return nil }
        // Rounded up, for at the time returned the step must have been reached.
        return start + .nanoseconds((length.nanoseconds * next + Self.steps - 1) / Self.steps)
    }

    private func step(at now: NIODeadline, over length: TimeAmount) -> Int64 {
        let elapsed = (now - start).nanoseconds
        guard length > .zero, elapsed < length.nanoseconds else { return Self.steps }
        return max(elapsed, 0) * Self.steps / length.nanoseconds
    }
}
