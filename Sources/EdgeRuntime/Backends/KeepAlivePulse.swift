// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// When one connection to a backend is pinged, and when it is dead (RFC 5626 section 4.4.1, FLW-32).
///
/// A connection on which nothing has come for 95 to 120 s is sent an empty line twice; whatever comes within 10 s shows
/// that it lives. Only for backends that are known to answer.
package struct KeepAlivePulse: Sendable {
    /// Between what came last and a ping, drawn anew each time so that many connections do not ping at once.
    package static let rest: ClosedRange<Int64> = 95_000...120_000
    /// How long an answer is waited for.
    package static let patience = TimeAmount.seconds(10)

    package enum Action: Sendable, Hashable {
        case none
        case ping
        /// Nobody is there.
        case close
    }

    private var rest = TimeAmount.zero
    private var pingedAt: NIODeadline?

    package init() {}

    /// Lets time pass; `lastRead` is when something last came.
    package mutating func advance(
        to now: NIODeadline,
        lastRead: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        if rest == .zero { rest = .milliseconds(.random(in: Self.rest, using: &generator)) }
        if let pinged = pingedAt {
            guard lastRead < pinged else {
                pingedAt = nil
                rest = .zero
                return .none
            }
            return now - pinged >= Self.patience ? .close : .none
        }
        guard now - lastRead >= rest else { return .none }
        pingedAt = now
        return .ping
    }
}
