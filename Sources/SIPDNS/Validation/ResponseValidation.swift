// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import SIPLocation

/// Judges one response by its signatures: a step function, which says what must be known of the chain of trust, or what
/// the response is worth (RFC 4035 section 5).
struct ResponseValidation {
    enum Verdict: Sendable {
        /// Every record that counts is signed, and may be used so many seconds.
        case secure(seconds: UInt32)
        /// It comes from a zone of which it is proven that nobody signs it, or from below no anchor.
        case insecure
        case bogus(String)
        /// The keys could not be had.
        case indeterminate(DNSAnswer.Failure)
    }

    enum Step: Sendable {
        case ask(DNSQuestion)
        case verdict(Verdict)
    }

    /// Why a judgement ends.
    private enum Stop: Error {
        case step(Step)
    }

    let question: DNSQuestion
    let message: SignedMessage
    /// Seconds since 1970, at which signatures must be valid.
    let time: Int64
    let now: NIODeadline

    private var isSecure = true
    private var seconds = UInt32.max

    init(_ question: DNSQuestion, _ message: SignedMessage, time: Int64, now: NIODeadline) {
        self.question = question
        self.message = message
        self.time = time
        self.now = now
    }

    /// The next step, by what is known of the chain.
    ///
    /// - Parameter claimsAbsence: whether the response was read as saying that something does not exist.
    func step(_ chain: TrustChain, claimsAbsence: Bool) -> Step {
        var judging = self
        do throws(Stop) {
            try judging.judge(chain, claimsAbsence)
        } catch {
            switch error {
            case .step(let step): return step
            }
        }
        return .verdict(judging.isSecure ? .secure(seconds: judging.seconds) : .insecure)
    }

    /// The aliases from the question's name on, then the records, or the proof that there are none.
    private mutating func judge(_ chain: TrustChain, _ claimsAbsence: Bool) throws(Stop) {
        var name = question.name
        for _ in 0...ResponseReader.aliasLimit {
            if let set = message.answer(name, question.type) {
                // Nobody signs the code of a response: records that are there say more than it does.
                guard !claimsAbsence else { throw bogus("it denies \(question.type) \(name), and holds it") }
                return try check(set, chain)
            }
            guard let alias = message.answer(name, .cname) else { break }
            try check(alias, chain)
            guard let target = alias.records.first.flatMap(RecordReader.record), case .cname(let next) = target.data
            else { break }
            name = next
        }
        if claimsAbsence { try checkAbsence(of: name, chain) }
    }

    /// Checks one set, and that no nearer name exists when a wildcard made it.
    private mutating func check(_ set: RecordSet, _ chain: TrustChain) throws(Stop) {
        guard let zone = try zone(of: set.owner, set.type, chain) else { return }
        guard set.isSigned else { throw bogus("\(set.type) \(set.owner) is not signed, and \(zone.zone) is") }
        guard let verified = SignatureCheck.verify(set, by: zone, time: time) else {
            throw bogus("no signature of \(set.type) \(set.owner) by \(zone.zone) holds")
        }
        seconds = min(seconds, verified.seconds)
        guard verified.labels < SignatureCheck.labelCount(set.owner) else { return }
        let (denial, seconds) = message.denial(by: zone, time: time)
        switch denial.expansion(to: set.owner, labels: verified.labels) {
        case .proven: self.seconds = min(self.seconds, seconds)
        case .optOut: isSecure = false
        case .none: throw bogus("nothing shows that only a wildcard answers for \(set.owner)")
        }
    }

    /// Checks that there is nothing at `name`, by what the zone signed.
    private mutating func checkAbsence(of name: DNSName, _ chain: TrustChain) throws(Stop) {
        guard let zone = try zone(of: name, question.type, chain) else { return }
        guard message.absence.contains(where: \.isSigned) else {
            throw bogus("the absence of \(question.type) \(name) is not signed, and \(zone.zone) is")
        }
        let (denial, seconds) = message.denial(by: zone, time: time)
        self.seconds = min(self.seconds, seconds)
        switch message.code == 3 ? denial.absence(of: name) : denial.absence(of: question.type, at: name) {
        case .proven: return
        case .optOut: isSecure = false
        case .none: throw bogus("nothing proves the absence of \(question.type) \(name)")
        }
    }

    /// The zone that records of `name` are in, and its keys; nil, and noted, when nobody signs it.
    ///
    /// The name alone says which: whom a signature names as its signer, whoever wrote it was free to choose. It must be
    /// this zone (RFC 4035 section 5.3.1).
    private mutating func zone(
        of name: DNSName,
        _ type: DNSRecordType,
        _ chain: TrustChain
    ) throws(Stop) -> ZoneKeys? {
        // The DS record of a zone stands in the zone above it.
        switch chain.locate(type == .ds ? name.parent ?? name : name, now: now) {
        case .zone(let keys): return keys
        case .insecure:
            isSecure = false
            return nil
        case .ask(let question): throw .step(.ask(question))
        case .bogus(let reason): throw bogus(reason)
        case .failed(let kind): throw .step(.verdict(.indeterminate(kind)))
        }
    }

    private func bogus(_ reason: String) -> Stop { .step(.verdict(.bogus(reason))) }
}
