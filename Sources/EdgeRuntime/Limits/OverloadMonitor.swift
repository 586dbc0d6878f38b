// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPProxy

/// Whether a worker has more to do than it can (OVL-06): decided by how late its event loop is.
package struct OverloadMonitor: Sendable {
    /// When to begin and when to stop.
    package struct Policy: Sendable, Hashable {
        /// A lag above this one for `enterAfter` begins to turn new requests away; zero: never.
        package var shedLag = TimeAmount.milliseconds(100)
        /// A lag above this one for as long refuses connections and drops datagrams too (OVL-04); zero: never.
        package var refuseLag = TimeAmount.milliseconds(500)
        package var enterAfter = TimeAmount.seconds(1)
        package var leaveAfter = TimeAmount.seconds(5)

        /// A lag below this one for `leaveAfter` ends it all.
        package var calmLag: TimeAmount { .nanoseconds(shedLag.nanoseconds / 5) }

        package init() {}
    }

    package enum Level: Int, Sendable, Comparable {
        case calm, shedding, refusing

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    package private(set) var level = Level.calm
    /// The share of new requests that is turned away, of `Shedding.whole`.
    private var share: UInt32 = 0
    private var overSince: NIODeadline?
    private var farOverSince: NIODeadline?
    private var notFarSince: NIODeadline?
    private var calmSince: NIODeadline?
    private var steppedAt = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    /// What the core is to turn away.
    package var shedding: Shedding { Shedding(share: share, isSilent: level == .refusing) }

    /// Takes how late the loop is now.
    package mutating func observe(lag: TimeAmount, now: NIODeadline, _ policy: Policy) {
        guard policy.shedLag > .zero else {
            self = OverloadMonitor()
            return
        }
        let isFarOver = policy.refuseLag > .zero && lag > policy.refuseLag
        overSince = lag > policy.shedLag ? overSince ?? now : nil
        farOverSince = isFarOver ? farOverSince ?? now : nil
        notFarSince = isFarOver ? nil : notFarSince ?? now
        calmSince = lag < policy.calmLag ? calmSince ?? now : nil
        if level == .calm {
            guard Self.hasLasted(overSince, policy.enterAfter, now) else { return }
            level = .shedding
            share = Shedding.whole / 2
            steppedAt = now
        }
        if Self.hasLasted(farOverSince, policy.enterAfter, now) { level = .refusing }
        if level == .refusing, Self.hasLasted(notFarSince, policy.enterAfter, now) { level = .shedding }
        if Self.hasLasted(calmSince, policy.leaveAfter, now) {
            level = .calm
            share = 0
        }
        step(lag, now, policy)
    }

    /// Once a second: half of what is left is turned away too while the lag stays, and less when it is gone.
    private mutating func step(_ lag: TimeAmount, _ now: NIODeadline, _ policy: Policy) {
        guard level > .calm, now - steppedAt >= .seconds(1) else { return }
        steppedAt = now
        if lag > policy.shedLag {
            share += (Shedding.whole - share) / 2
        } else if lag < policy.calmLag {
            share = max(share / 2, Shedding.whole / 16)
        }
    }

    private static func hasLasted(_ since: NIODeadline?, _ time: TimeAmount, _ now: NIODeadline) -> Bool {
        since.map { now - $0 >= time } ?? false
    }
}
