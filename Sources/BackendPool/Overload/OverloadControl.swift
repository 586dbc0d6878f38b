// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What one backend has asked of its clients by overload control with the loss algorithm, and who is held back for it
/// (RFC 7339 sections 5.4 to 5.7 and 7.2).
///
/// A value: time and random numbers are passed in.
package struct OverloadControl: Sendable, Hashable {
    /// Who is held back first.
    package enum Category: Sendable, Hashable {
        /// What begins something new.
        case ordinary
        /// What belongs to a dialog, and emergencies: held back only when there is nothing else to hold back.
        case protected
    }

    /// One set of parameters as a server sent it.
    package struct Feedback: Sendable, Hashable {
        /// Per cent of all requests that are not to be sent; more than 100 means nothing, and the set is ignored.
        package var percent: UInt32
        package var validity: TimeAmount
        /// `oc-seq` in units of 0.00001; nil where the server sent none.
        package var sequence: UInt64?

        /// A set that stays in force for half a second unless it says otherwise (section 4.3).
        package init(percent: UInt32, validity: TimeAmount = .milliseconds(500), sequence: UInt64? = nil) {
            self.percent = percent
            self.validity = validity
            self.sequence = sequence
        }
    }

    /// How long the mix of categories is counted before what was counted fades.
    static let window = TimeAmount.seconds(5)
    /// How long a sequence number is remembered: a response older than that is under way no longer.
    static let memory = TimeAmount.seconds(32)
    /// The longest that one set stays in force, whatever it says: a server that lives sends another.
    package static let longestValidity = TimeAmount.seconds(60)
    /// A sequence that is less than half of the last, by this much at least, has overflowed or begun anew (section 4.4).
    static let overflowGap: UInt64 = 1_000 * 100_000

    private var percent: UInt32 = 0
    private var validUntil = NIODeadline.distantPast
    private var sequence: UInt64?
    private var sequenceUntil = NIODeadline.distantPast
    private var current = Mix()
    private var former = Mix()
    private var windowEnd = NIODeadline.distantPast

    package init() {}

    /// Per cent of the requests that are to be held back now.
    package func percent(at now: NIODeadline) -> UInt32 { now < validUntil ? percent : 0 }

    /// Takes what a response says; gives whether it changed anything: a repeated or late one does not (section 5.4).
    @discardableResult
    package mutating func take(_ feedback: Feedback, now: NIODeadline) -> Bool {
        guard feedback.percent <= 100, isNew(feedback.sequence, now: now) else { return false }
        if let new = feedback.sequence { (sequence, sequenceUntil) = (new, now + Self.memory) }
        percent = feedback.percent
        validUntil = now + min(feedback.validity, Self.longestValidity)
        return true
    }

    private func isNew(_ new: UInt64?, now: NIODeadline) -> Bool {
        guard let new, let sequence, now < sequenceUntil else { return true }
        if new > sequence { return true }
        return new < sequence / 2 && sequence - new > Self.overflowGap
    }

    /// Whether a request that would go to the backend is held back; every such request is to be asked about, for the mix
    /// of both categories decides (section 7.2).
    ///
    /// `draw` gives a random number from 0 up to 1, and is asked only when chance decides.
    package mutating func holdsBack(_ category: Category, now: NIODeadline, draw: () -> Double) -> Bool {
        count(category, now: now)
        let asked = Double(percent(at: now)) / 100
        guard asked > 0 else { return false }
        let share = ordinaryShare
        let part: Double =
            switch category {
            case .ordinary: share > 0 ? asked / share : 1
            case .protected: asked > share ? (asked - share) / (1 - share) : 0
            }
        if part <= 0 || part >= 1 { return part >= 1 }
        return draw() < part
    }

    /// What share of the requests begins something new.
    private var ordinaryShare: Double {
        let ordinary = current.ordinary + former.ordinary
        let all = ordinary + current.protected + former.protected
        return all > 0 ? Double(ordinary) / Double(all) : 1
    }

    private mutating func count(_ category: Category, now: NIODeadline) {
        if now >= windowEnd {
            former = now - Self.window < windowEnd ? current : Mix()
            current = Mix()
            windowEnd = now + Self.window
        }
        switch category {
        case .ordinary: current.ordinary &+= 1
        case .protected: current.protected &+= 1
        }
    }

    private struct Mix: Sendable, Hashable {
        var ordinary = 0
        var protected = 0
    }
}
