// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Questions that wait for their turn: those of pools before those that requests cause, whichever came first.
///
/// How many of the latter there are is the choice of whoever sends requests; what pools are made of may not wait for it.
struct QuestionQueue {
    /// A question whose turn it is.
    struct Turn: Sendable {
        let question: DNSQuestion
        let asker: DNSClient.Asker
        let promise: EventLoopPromise<DNSAnswer>
    }

    private var turns: [DNSQuestion: Turn] = [:]
    /// The order of each kind; a question that has changed over stays where it was, and is passed over there.
    private var pools = CircularBuffer<DNSQuestion>()
    private var requests = CircularBuffer<DNSQuestion>()
    private var poolCount = 0

    /// Questions of one kind that wait.
    func count(of asker: DNSClient.Asker) -> Int { asker == .pool ? poolCount : turns.count - poolCount }

    /// Adds a question that does not wait yet.
    mutating func append(_ turn: Turn) {
        turns[turn.question] = turn
        switch turn.asker {
        case .pool:
            pools.append(turn.question)
            poolCount += 1
        case .request: requests.append(turn.question)
        }
    }

    /// A pool asks what a request has asked before it.
    mutating func promote(_ question: DNSQuestion) {
        guard let turn = turns[question], turn.asker == .request else { return }
        append(Turn(question: question, asker: .pool, promise: turn.promise))
    }

    /// The next question; of those that requests cause only if they may go.
    mutating func next(withRequests: Bool) -> Turn? {
        while let question = pools.popFirst() {
            guard let turn = turns.removeValue(forKey: question) else { continue }
            poolCount -= 1
            return turn
        }
        while withRequests, let question = requests.popFirst() {
            guard let turn = turns[question], turn.asker == .request else { continue }
            turns[question] = nil
            return turn
        }
        return nil
    }
}
