// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPMessage
internal import SIPProxy

/// What has been answered to each request of a walk, and what was wrong with it.
struct AnswerLedger {
    private struct Answers {
        /// The final other than a 2xx to INVITE.
        var final: String?
        var hasSuccess = false
        var hasProvisional = false
        var firstAt = 0
    }

    private var answers: [String: Answers] = [:]
    private var branches: Set<String> = []
    private(set) var problems: [String] = []
    /// Finals that were seen, for the proof that a walk gets somewhere.
    private(set) var finalCount = 0
    /// Answers to what was no message, for the same proof.
    private(set) var refusalCount = 0

    /// The request that a response is for, or that a request is: the client's own Via and CSeq.
    static func key(_ wire: Wire) -> String {
        // What the edge wrote into the Via, or the client's own lies, are no part of it.
        let via = (wire.values("Via").last ?? "").components(",").last ?? ""
        let host = wire.firstBranch.isEmpty ? via.components(";r").first : via.components(";").first
        return "\(host ?? "") \(wire.firstBranch) \(wire.value("CSeq") ?? "")"
    }

    /// When the first final went to that request, in milliseconds.
    func finalAt(_ key: String) -> Int? {
        answers[key].flatMap { $0.final != nil || $0.hasSuccess ? $0.firstAt : nil }
    }

    mutating func note(_ sent: Sent) {
        if sent.status == 0 {
            check(sent)
            // Copies of an ACK leave alike (PRX-78).
            if sent.attempt != nil, sent.method != "ACK", !branches.insert(sent.wire.branch).inserted {
                problems.append("branch used twice: \(sent.wire.text)")
            }
        } else {
            noteAnswer(sent)
        }
    }

    /// What left for something that is no message.
    ///
    /// That is one answer at most, never to an ACK, and over UDP a small one to where it came from (TRN-16, OVL-23). No
    /// transaction is asked, so it is none of its finals.
    mutating func noteRefusal(_ sent: [Sent], of bytes: ByteBuffer, from flow: FlowContext) {
        if sent.count > 1 { problems.append("\(sent.count) answers to one broken message: \(String(buffer: bytes))") }
        for answer in sent {
            refusalCount += 1
            let vias = answer.wire.values("Via") + answer.wire.values("v")
            let isRefusal = [400, 414, 505, 513].contains(answer.status) && !vias.isEmpty
            let isACK = Wire(String(buffer: bytes)).method == "ACK" || Self.isOfACK(answer.wire)
            let isSmall = !answer.isDatagram || answer.bytes.readableBytes <= 3 * bytes.readableBytes
            let isHome = !answer.isDatagram || answer.to.hasPrefix("\(flow.remoteAddress.hostText):")
            if !isRefusal || isACK || !isSmall || !isHome || answer.flow != flow.id {
                problems.append("to \(answer.to): \(answer.wire.text)for \(String(buffer: bytes))")
            }
        }
    }

    /// Whether a CSeq that can be read says that it was an ACK; where it cannot, the request line alone does.
    private static func isOfACK(_ wire: Wire) -> Bool {
        let parts = wire.value("CSeq")?.split { $0 == " " || $0 == "\t" } ?? []
        guard parts.count == 2, let number = Int32(parts[0]) else { return false }
        return number >= 0 && parts[1] == "ACK"
    }

    private mutating func noteAnswer(_ sent: Sent) {
        let method = sent.wire.cseqMethod
        if method == "ACK" { problems.append("an ACK was answered: \(sent.wire.text)") }
        if method == "CANCEL" { return }
        let key = Self.key(sent.wire)
        var known = answers[key] ?? Answers()
        let hadFinal = known.final != nil || known.hasSuccess
        if sent.status < 200 {
            known.hasProvisional = true
            if hadFinal { problems.append("\(sent.status) after a final: \(key)") }
        } else if sent.status < 300, method == "INVITE" {
            known.hasSuccess = true
            finalCount += 1
        } else if let final = known.final {
            let isSame = Self.isSame(final, sent.wire, after: known)
            if !isSame { problems.append("two finals: \(final)\n\(sent.wire.text)") }
        } else {
            if known.hasSuccess { problems.append("\(sent.status) after a 200: \(key)") }
            known.final = sent.wire.text
            finalCount += 1
        }
        if !hadFinal { known.firstAt = sent.at }
        answers[key] = known
    }

    /// Whether two finals are copies of one.
    ///
    /// What was turned down without state (OVL-05) is answered anew each time, with the fields of the copy at hand,
    /// which the walk may have damaged.
    private static func isSame(_ final: String, _ wire: Wire, after known: Answers) -> Bool {
        // A backend's answer says "Reason".
        let isStateless = !known.hasProvisional && !wire.startLine.hasSuffix(" Reason")
        return isStateless ? Wire(final).startLine == wire.startLine : final == wire.text
    }

    /// A request that leaves is one that the edge itself would take; of responses only our own Via is read.
    private mutating func check(_ sent: Sent) {
        let outcome = MessageParser.parse(
            sent.bytes,
            framing: sent.isDatagram ? .datagram : .stream,
            limits: MessageLimits()
        )
        if case .malformed(let message) = outcome {
            problems.append("\(message.reason) in what left: \(sent.wire.text)")
        }
    }
}
