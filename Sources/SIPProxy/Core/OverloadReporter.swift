// SPDX-License-Identifier: Apache-2.0

package import NIOCore
package import SIPMessage

/// What clients that take part in overload control are asked to hold back, by the loss algorithm (RFC 7339 sections 5.1
/// to 5.7, OVL-15).
///
/// It follows from what the edge turns away by itself. That is a share of what begins something new, while a client is
/// told per cent of all its requests and takes what begins something first: the share is reduced by the mix of both.
/// `Shedding` rises and falls by steps, one a second, so that nothing more is smoothed here.
///
/// A value: time is passed in.
package struct OverloadReporter: Sendable {
    /// For how many milliseconds a client is to go by what it was told: as long as the RFC has it by default.
    package static let validity: UInt32 = 500
    /// No client is asked for more: something must come through for the client to hear that it is over.
    package static let mostPercent: UInt32 = 90
    /// Requests after which those before count half.
    static let window: UInt64 = 1_024

    /// Per cent that follow from what is turned away here.
    package private(set) var ownPercent: UInt32 = 0
    /// The most that another worker asks for: to a client the edge is one server, whichever worker it meets.
    package var othersPercent: UInt32 = 0
    /// Nanoseconds from 1970 to the zero of `NIODeadline`.
    private let epoch: Int64
    /// Until something was seen everything counts as new.
    private var beginning: UInt64 = 16
    private var all: UInt64 = 16
    private var last: OverloadFeedback?

    /// `epoch` makes sequence numbers time stamps, which go on rising after a restart.
    package init(epoch: Int64 = 0) { self.epoch = epoch }

    /// Per cent of their requests that clients are asked to hold back.
    package var percent: UInt32 { max(ownPercent, othersPercent) }

    /// Counts a request of a client that takes part.
    package mutating func count(beginsSomething: Bool) {
        // What comes while less is asked for was thinned already, and says nothing of the mix.
        guard percent == 0 else { return }
        all += 1
        if beginsSomething { beginning += 1 }
        guard all >= Self.window else { return }
        all /= 2
        beginning /= 2
    }

    /// Takes what is turned away from now on.
    package mutating func take(_ shedding: Shedding) {
        guard shedding.share > 0 else {
            ownPercent = 0
            return
        }
        let whole = UInt64(Shedding.whole) * all
        let percent = (UInt64(shedding.share) * beginning * 100 + whole - 1) / whole
        ownPercent = min(max(UInt32(clamping: percent), 1), Self.mostPercent)
    }

    /// What a response says now; a later one has a larger sequence number, and so has another value at the same time.
    package mutating func feedback(now: NIODeadline) -> OverloadFeedback {
        let percent = percent
        let stamp = UInt64(clamping: epoch) &+ now.uptimeNanoseconds
        var sequence = stamp / 10_000
        if let last { sequence = max(sequence, last.percent == percent ? last.sequence : last.sequence &+ 1) }
        let feedback = OverloadFeedback(
            percent: percent,
            validity: percent > 0 ? Self.validity : 0,
            sequence: sequence
        )
        last = feedback
        return feedback
    }
}
