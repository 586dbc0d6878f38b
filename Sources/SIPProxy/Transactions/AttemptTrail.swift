// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What became of one attempt at a next hop, as `brana explain` tells it.
package struct AttemptNote: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        /// Nothing final was heard yet.
        case waiting
        /// A final with this status came, and the request ended with it or kept it as its best.
        case answered(UInt16)
        /// The next candidate was due: for a failure, which may be an answer with this status.
        case failed(AttemptFailure, status: UInt16)
        /// The call was called off, and no final came.
        case cancelled
    }

    /// The backend; nil for the flow of a client.
    package fileprivate(set) var target: BackendTarget?
    package let sentAt: NIODeadline
    package fileprivate(set) var outcome = Outcome.waiting
    /// When the outcome was known.
    package fileprivate(set) var endedAt: NIODeadline?
}

/// The attempts of one request in their order; the first costs no allocation.
package struct AttemptTrail: Sendable, Hashable {
    /// How many attempts are noted; no request has more.
    ///
    /// `tries` ends at 10, five more candidates may follow, and each is sent to three times at most: again on a fresh
    /// connection (TRN-44), and by UDP after TCP.
    package static let limit = 64
    /// Attempts beyond the limit: of these nothing is noted.
    package private(set) var omitted = 0
    private var first: AttemptNote?
    private var later: [AttemptNote] = []

    package init() {}

    /// The attempts, the first one first.
    package var notes: [AttemptNote] { first.map { [$0] + later } ?? [] }

    /// Notes an attempt, and gives its place.
    mutating func begin(_ target: BackendTarget?, now: NIODeadline) -> Int {
        let note = AttemptNote(target: target, sentAt: now)
        guard first != nil else {
            first = note
            return 0
        }
        guard later.count < Self.limit - 1 else {
            omitted &+= 1
            return Self.nowhere
        }
        later.append(note)
        return later.count
    }

    /// A place that no note has, so that what becomes of an attempt there is not told of another one.
    private static var nowhere: Int { limit }

    /// The latest attempt goes elsewhere, before it has left; gives its place.
    mutating func redirect(to target: BackendTarget) -> Int {
        guard omitted == 0 else { return Self.nowhere }
        if later.isEmpty {
            first?.target = target
        } else {
            later[later.count - 1].target = target
        }
        return later.count
    }

    /// Notes how the attempt at `place` ended; what was noted first stays.
    mutating func end(_ place: Int, _ outcome: AttemptNote.Outcome, now: NIODeadline) {
        if place == 0 {
            first?.end(outcome, now: now)
        } else if place <= later.count {
            later[place - 1].end(outcome, now: now)
        }
    }
}

extension AttemptNote {
    fileprivate mutating func end(_ outcome: Outcome, now: NIODeadline) {
        guard endedAt == nil else { return }
        self.outcome = outcome
        endedAt = now
    }
}
