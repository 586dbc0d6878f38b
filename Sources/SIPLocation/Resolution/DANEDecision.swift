// SPDX-License-Identifier: Apache-2.0

internal import SIPMessage

/// What DANE says of one SRV target by the answers that are known (RFC 7673 section 3).
enum DANEDecision: Sendable, Hashable {
    /// Its certificate is judged as it would be without DANE.
    case doesNotApply
    /// The TLSA records must be known first.
    case ask
    case plan(DANEPlan)
    /// It is not connected to, and why.
    case skip(String)

    /// - Parameters:
    ///   - published: the SRV record that names the target.
    ///   - addresses: the answers for its addresses, of both families; at least one that is no failure.
    ///   - tlsa: the answer for its TLSA records, called only when they are to be asked for; nil when it is not known.
    init(
        _ mode: ResolutionPolicy.DANE,
        _ name: DNSName,
        _ published: Published,
        addresses: [DNSAnswer],
        tlsa: (DNSQuestion) -> DNSAnswer?
    ) {
        guard mode != .off else {
            self = .doesNotApply
            return
        }
        let lesser = Self.judge(name, published, addresses, tlsa)
        guard mode == .require else {
            self = lesser.decision
            return
        }
        switch lesser.decision {
        case .doesNotApply: self = .skip("\(lesser.reason) (dane: require)")
        case .plan(let plan) where plan.records.isEmpty: self = .skip("\(lesser.reason) (dane: require)")
        case .ask, .plan, .skip: self = lesser.decision
        }
    }

    /// What RFC 7673 says, and why no TLSA record counts where none does.
    private static func judge(
        _ name: DNSName,
        _ published: Published,
        _ addresses: [DNSAnswer],
        _ tlsa: (DNSQuestion) -> DNSAnswer?
    ) -> (decision: DANEDecision, reason: String) {
        guard published.transport.isSecure else { return (.doesNotApply, "it is not reached over TLS") }
        guard published.isTarget else { return (.doesNotApply, "no SRV record leads there") }
        guard published.isSecure else { return (.doesNotApply, "the records that lead there are not DNSSEC-secure") }
        let names = DANEDecision.plan(DANEPlan(target: name.text, records: []))
        guard addresses.contains(where: { !$0.isFailure && $0.security == .secure }) else {
            return (names, "its addresses are not DNSSEC-secure")
        }
        let question = DNSQuestion.tlsa(name, port: published.port)
        guard let answer = tlsa(question) else { return (.ask, "") }
        if case .failure(let kind) = answer.outcome {
            return (.skip("\(question) could not be asked: \(kind.rawValue)"), "")
        }
        guard answer.security == .secure else { return (names, "\(question) is not DNSSEC-secure") }
        let records = answer.records.compactMap { if case .tlsa(let data) = $0.data { data } else { nil } }
        guard !records.isEmpty else { return (names, "there is no \(question)") }
        let usable = records.filter(\.isUsable)
        guard !usable.isEmpty else { return (names, "no record of \(question) is usable") }
        return (.plan(DANEPlan(target: name.text, records: Array(usable.prefix(TLSAData.limit)))), "")
    }
}

extension TargetResolution {
    /// What an SRV record says of its target together with how it is authenticated; nil when it is not to be used, which
    /// is noted then (RFC 7673 section 3).
    func authenticated(
        _ published: Published,
        _ name: DNSName,
        _ types: [DNSRecordType],
        _ walk: inout Walk
    ) -> Published? {
        guard policy.dane != .off else { return published }
        let answers = types.compactMap { walk.known[DNSQuestion(name, $0)] }
        // While one family is not known nothing is added for good, and where none could be asked nothing is at all.
        guard answers.count == types.count, answers.contains(where: { !$0.isFailure }) else { return published }
        var place = published
        let decision = DANEDecision(policy.dane, name, published, addresses: answers) { question in
            let answer = walk.answer(question)
            if let answer, !answer.isFailure { place = place.resting(on: answer) }
            return answer
        }
        switch decision {
        case .doesNotApply, .ask: break
        case .plan(let plan): place.dane = plan
        case .skip(let reason):
            walk.skip("\(name):\(published.port) is not used: \(reason)")
            return nil
        }
        return place
    }
}
