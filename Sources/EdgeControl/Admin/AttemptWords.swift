// SPDX-License-Identifier: Apache-2.0

internal import SIPProxy

/// How an attempt ended and whether another followed, as a word for programs and in words for people.
struct AttemptWords {
    let word: String
    let words: String
    let status: UInt16?

    /// - Parameter isLast: whether no attempt followed it.
    init(_ outcome: AttemptNote.Outcome, isLast: Bool = false) {
        switch outcome {
        case .waiting: (word, words, status) = ("waiting", "no final answer yet", nil)
        case .answered(let code): (word, words, status) = ("answered", "answered \(code)", code)
        case .failed(.status, let code) where isLast:
            (word, words, status) = ("status", "answered \(code)", code)
        case .failed(.status, let code): (word, words, status) = ("status", "answered \(code), tried elsewhere", code)
        case .failed(let failure, _): (word, words, status) = (failure.rawValue, Self.words(failure), nil)
        case .cancelled: (word, words, status) = ("cancelled", "cancelled, no final answer", nil)
        }
    }

    private static func words(_ failure: AttemptFailure) -> String {
        switch failure {
        case .refused: "connection refused"
        case .connectTimeout: "no connection in time"
        case .tls: "TLS failed"
        case .queueFull: "too many messages wait for it"
        case .flowGone: "the connection is gone"
        case .closed: "connection closed"
        case .timeout: "no answer in time"
        case .status: "answered, tried elsewhere"
        }
    }
}
