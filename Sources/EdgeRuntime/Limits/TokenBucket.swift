// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// A token bucket for one thing: full when it is new, refilled as time goes by.
struct TokenBucket: Sendable {
    private var tokens = Float.infinity
    private var filledAt = NIODeadline.uptimeNanoseconds(0)

    /// Takes one token, if there is one.
    mutating func take(rate: Float, burst: Float, now: NIODeadline) -> Bool {
        tokens = min(tokens + (now - filledAt).seconds * rate, max(1, rate * burst))
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}

extension TimeAmount {
    /// For rates a second.
    var seconds: Float { Float(nanoseconds) / 1e9 }
}
