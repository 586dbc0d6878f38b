// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage

/// One request of an agent and what came of it.
final class Exchange {
    /// What the request is there for, which decides what may become of it.
    enum Purpose {
        /// To a pool.
        case initial(pool: Int, isSecure: Bool)
        case inDialog(Dialog)
        /// From a backend to a client that registered by the line which it has had since then.
        case toClient(Int, lineSince: NIODeadline)
        case cancel
    }

    let draft: Draft
    let bytes: ByteBuffer
    let purpose: Purpose
    let startedAt: NIODeadline
    /// Where it goes; another one when its agent comes back.
    var line: Line
    var isProceeding = false
    var isRinging = false
    var isCancelled = false
    /// Whether its agent has gone away, or come back, meanwhile.
    var isInterrupted = false
    /// The final other than a 2xx to INVITE.
    var final: ByteBuffer?
    /// The tags of 2xx to INVITE.
    var successes: [String] = []
    var isDone = false
    var interval: TimeAmount = .milliseconds(500)
    /// The ACK for its final, or for each 2xx by tag.
    var acks: [String: ByteBuffer] = [:]
    var ended: (Exchange, SIPMessage?) -> Void

    init(
        _ draft: Draft,
        _ bytes: ByteBuffer,
        _ purpose: Purpose,
        on line: Line,
        at now: NIODeadline,
        _ ended: @escaping (Exchange, SIPMessage?) -> Void
    ) {
        self.draft = draft
        self.bytes = bytes
        self.purpose = purpose
        self.line = line
        startedAt = now
        self.ended = ended
    }

    var isInvite: Bool { draft.method == "INVITE" }
    var key: String { "\(draft.branch) \(draft.method)" }
    var hasAnswer: Bool { final != nil || !successes.isEmpty }
}

/// One side of a dialog.
final class Dialog {
    let callID: String
    let localTag: String
    let remoteTag: String
    let local: String
    let remote: String
    let target: String
    let routes: [String]
    let startedAt: NIODeadline
    /// The backend and the client that it is between.
    let backend: Int
    let client: Int
    var number: Int
    var isOver = false

    init(
        callID: String,
        localTag: String,
        remoteTag: String,
        local: String,
        remote: String,
        target: String,
        routes: [String],
        startedAt: NIODeadline,
        backend: Int,
        client: Int,
        number: Int
    ) {
        self.callID = callID
        self.localTag = localTag
        self.remoteTag = remoteTag
        self.local = local
        self.remote = remote
        self.target = target
        self.routes = routes
        self.startedAt = startedAt
        self.backend = backend
        self.client = client
        self.number = number
    }

    var key: String { "\(callID) \(localTag) \(remoteTag)" }
}

/// One request that an agent answers.
final class Service {
    let request: SIPMessage
    let callID: String
    let tag: String
    var line: Line
    var last: ByteBuffer?
    var status = 0
    var isAcked = false
    var isCancelled = false
    var interval: TimeAmount = .milliseconds(500)
    let startedAt: NIODeadline
    /// When its final left.
    var finalAt: NIODeadline?

    let isNonsense: Bool

    init(
        _ request: SIPMessage,
        callID: String,
        tag: String,
        on line: Line,
        at now: NIODeadline,
        isNonsense: Bool = false
    ) {
        self.isNonsense = isNonsense
        self.request = request
        self.callID = callID
        self.tag = tag
        self.line = line
        startedAt = now
    }
}
