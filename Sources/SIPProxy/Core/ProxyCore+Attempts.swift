// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// How attempts end: noted for `brana explain`, and told to the driver when they were at a backend.
extension ProxyCore {
    /// An attempt brought nothing: the next candidate is due.
    func noteFailure(
        _ client: ClientTransaction,
        _ failure: AttemptFailure,
        status: UInt16 = 0,
        retryAfter: UInt32? = nil,
        now: NIODeadline
    ) {
        note(client, .failed(failure, status: status), now: now)
        tellFailure(client, failure, retryAfter: retryAfter, now: now)
    }

    /// Tells the driver alone of a failure: the attempt may still be answered.
    func tellFailure(
        _ client: ClientTransaction,
        _ failure: AttemptFailure,
        retryAfter: UInt32? = nil,
        now: NIODeadline
    ) {
        guard let target = client.backend else { return }
        act(.event(.attempt(target, failure, retryAfter: retryAfter, duration: now - client.sentAt)))
    }

    /// A next hop has answered: it lives.
    func noteAnswer(_ client: ClientTransaction, _ status: UInt16, now: NIODeadline) {
        note(client, .answered(status), now: now)
        guard let target = client.backend else { return }
        act(.event(.attempt(target, nil, retryAfter: nil, duration: now - client.sentAt)))
    }

    /// Notes the end of an attempt that says nothing of its next hop.
    func note(_ client: ClientTransaction, _ outcome: AttemptNote.Outcome, now: NIODeadline) {
        client.server.trail.end(client.trailPlace, outcome, now: now)
    }
}
