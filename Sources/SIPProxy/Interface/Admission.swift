// SPDX-License-Identifier: Apache-2.0

/// What the limits of its source, and who it is, say of a message before the core looks at it (OVL-21).
///
/// Limits turn away only what would begin a transaction: repeats of requests that were taken, and their ACK and CANCEL, go
/// on.
package enum Admission: Sendable, Hashable {
    case admitted
    /// Answered 503 once, without any state and without Retry-After (OVL-03), but for REGISTER (FLW-40).
    case refused
    /// Not even answered.
    case dropped
    /// Answered 403 once, without any state, whatever it belongs to: its sender may ask nothing (TLS-23).
    case forbidden
}

/// How much of what is new is turned away, so that what runs can go on (OVL-03, OVL-06).
package struct Shedding: Sendable, Hashable {
    /// The whole of what is new.
    package static let whole: UInt32 = 1 << 16

    /// How many of 65,536 requests outside dialogs are turned away.
    package let share: UInt32
    /// Whether over UDP they are not even answered, because that costs too much (OVL-04).
    package let isSilent: Bool

    package static let none = Shedding(share: 0, isSilent: false)

    /// Whether clients that hold back themselves are spared, so that they are no worse off than those that do not (RFC 7339
    /// section 5.10.2); no longer when the load stays for seconds or rises far, for then somebody does not do it.
    package var sparesParticipants: Bool { !isSilent && share <= Self.whole / 8 * 7 }

    package init(share: UInt32, isSilent: Bool) {
        self.share = min(share, Self.whole)
        self.isSilent = isSilent
    }
}
